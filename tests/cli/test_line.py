"""A line taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.cli.line import own_words
from disco.errors import SettingsError

WORDS = st.lists(st.sampled_from(["a red star", "steps=3", "by=", "bye=1", "by", "x=by=2", "=by", "every=4\n5"]))


@given(WORDS, st.lists(st.sampled_from(["by=0.5", "a prompt"])))
def test_a_verbs_own_words_are_taken_out_and_all_others_stay_in_their_order(before, texts):
    words = [*before, "--", *texts]
    if before.count("by=") > 1 or before.count("every=4\n5") > 1:
        with pytest.raises(SettingsError, match="is given twice; give it once"):
            own_words(words, ("by", "every"))
        return
    own, others = own_words(words, ("by", "every"))
    assert own == {word.partition("=")[0]: word.partition("=")[2] for word in before if word[:3] in ("by=", "eve")}
    assert others == [*(word for word in before if word[:3] not in ("by=", "eve")), "--", *texts]
