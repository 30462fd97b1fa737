"""A file comes over the worst of connections, or a reason does; what did not pass the check is never left as whole."""

import hashlib
import os
import socket
import ssl
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from urllib.error import URLError

import pytest

from disco.errors import SettingsError
from disco.models.files import http
from disco.models.files import part as parts
from disco.models.files.download import download
from disco.models.files.failures import Failed, NoRoom, Restart, Useless, Wrong
from disco.models.files.part import Part
from disco.models.files.reach import Reach
from disco.models.files.retry import RetryPolicy

CONTENT = bytes(range(256)) * 40
OTHER = bytes(reversed(CONTENT))
SIZE = len(CONTENT)


HURRY = RetryPolicy(pauses=(0.0, 0.0, 0.0), timeout=0.3, overlap=20)


@pytest.fixture
def bring(faults, tmp_path):
    """Download the server's file; what is known of it beforehand is its hash, and its size unless size is None."""
    faults.files["/a.pt"] = CONTENT
    faults.changed["/a.pt"] = OTHER

    def check(path, promised):
        if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(faults.files["/a.pt"]).digest():
            raise Wrong("another file")

    def bring(*script, size: int | None = SIZE, then="serve", addresses=None, any_origin=True, check=check, **retry):
        faults.script, faults.then = deque(script), then
        return download(
            addresses or [f"{faults.address}/a.pt"],
            tmp_path / "a.pt.part",
            check,
            size=size,
            any_origin=any_origin,
            progress=False,
            reach=Reach(sleep=lambda seconds: None),
            retry=replace(HURRY, **retry),
        )

    bring.part = tmp_path / "a.pt.part"
    return bring


def ranges(faults):
    return [asked for _, asked, _ in faults.asked]


def test_a_file_comes(bring, faults):
    assert bring() == f"{faults.address}/a.pt"
    assert bring.part.read_bytes() == CONTENT
    assert ranges(faults) == [None]


@pytest.mark.parametrize("size", [SIZE, None], ids=["size", "no size"])
@pytest.mark.parametrize("any_origin", [True, False], ids=["hash", "no hash"])
def test_a_break_is_resumed_where_it_broke(bring, faults, size, any_origin):
    bring("break", "break", size=size, any_origin=any_origin)
    assert bring.part.read_bytes() == CONTENT
    assert ranges(faults) == [None, "bytes=5100-", "bytes=7650-"]
    assert faults.asked[1][2] is not None, "only if it still is the same file"


def test_many_breaks_are_no_trouble_as_long_as_much_comes(bring, faults):
    faults.cut = 0.05
    bring(*["break"] * 60, enough=20)
    assert bring.part.read_bytes() == CONTENT
    assert len(faults.asked) == 61


def test_a_server_that_breaks_for_ever_is_given_up(bring, faults):
    faults.cut = 0.0
    with pytest.raises(Failed, match="broke off at 0 of 10240 bytes"):
        bring(then="break")
    assert len(faults.asked) == len(HURRY.pauses) + 1


@pytest.mark.parametrize("answer", ["serve", "no length"])
def test_more_than_is_wanted_is_not_taken(faults, tmp_path, answer):
    faults.files["/a.pt"] = CONTENT
    for limit in (SIZE - 1, SIZE):
        faults.script = deque([answer])
        part = tmp_path / f"{limit}.part"

        def bring(limit=limit, part=part):
            download([f"{faults.address}/a.pt"], part, lambda *_: None, progress=False, limit=limit, retry=HURRY)

        if limit == SIZE:
            bring()
            assert part.read_bytes() == CONTENT
        else:
            with pytest.raises(Failed, match="10.0 KiB"):
                bring()
            assert Part(part).length() <= limit


def test_what_came_is_kept_for_the_next_call(bring, faults):
    with pytest.raises(Failed):
        bring("break", then="404")
    assert bring.part.read_bytes() == CONTENT[:5120]
    faults.asked.clear()
    bring()
    assert ranges(faults) == ["bytes=5100-"]
    assert bring.part.read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(bring, faults):
    bring.part.write_bytes(CONTENT)
    bring()
    assert faults.asked == []


def test_a_part_that_is_too_long_is_thrown_away(bring, faults):
    bring.part.write_bytes(CONTENT + b"more")
    bring()
    assert bring.part.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [SIZE, None], ids=["size", "no size"])
@pytest.mark.parametrize(
    "second", ["ignores Range", "another range", "no such range", "change", "ignores If-Range", "no version"]
)
def test_a_resume_that_is_not_one_starts_again(bring, faults, size, second):
    bring("break", second, size=size)
    assert bring.part.read_bytes() == faults.files["/a.pt"]


def test_bytes_from_elsewhere_are_not_appended(bring, faults):
    bring("break", "another range")
    assert ranges(faults) == [None, "bytes=5100-", None]


@pytest.mark.parametrize("any_origin", [True, False], ids=["hash", "no hash"])
def test_halves_of_two_versions_are_never_put_together(bring, faults, any_origin):
    """The file changes after the break, and the server answers with the rest of the new one all the same."""
    seen = []

    def check(path, promised):
        seen.append(path.read_bytes())
        if seen[-1] != OTHER:
            raise Wrong("neither version")

    faults.script = deque(["break"])
    faults.then = "ignores If-Range"
    with pytest.raises(Failed):
        bring("break", then="404")
    faults.files["/a.pt"] = OTHER
    bring(then="ignores If-Range", any_origin=any_origin, check=check)
    assert seen == [OTHER]


@pytest.mark.parametrize("lie", ["wrong bytes", "another file"])
def test_a_server_that_keeps_its_etag_while_it_lies_is_caught_by_what_was_there(bring, faults, lie):
    """No hash would tell, and all that the server says of the rest is what it said of the beginning."""
    taken = []
    bring("break", lie, any_origin=False, check=lambda path, promised: taken.append(path.read_bytes()))
    assert taken == [CONTENT]
    assert ranges(faults) == [None, "bytes=5100-", None]


@pytest.mark.parametrize("mark", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}, {"length": "9"}])
def test_a_state_that_is_another_in_anything_the_server_says_is_not_resumed(mark):
    before = {"ETag": '"2"', "Last-Modified": "Mon, 02 Nov 2026 00:00:00 GMT", "length": "10"}
    for any_origin in (True, False):
        http.refuse_other_states(before, before, any_origin)
        with pytest.raises(Restart):
            http.refuse_other_states(before | mark, before, any_origin)
    http.refuse_other_states({}, before, any_origin=True)
    with pytest.raises(Restart):
        http.refuse_other_states({"length": "10"}, before, any_origin=False)


def test_where_a_server_names_no_state_and_no_hash_would_tell_all_is_asked_for_again(bring, faults):
    faults.versioned = False
    bring("break", any_origin=False)
    assert ranges(faults) == [None, None]
    assert bring.part.read_bytes() == CONTENT


def test_a_part_of_another_address_is_completed_only_if_a_hash_would_tell(bring, faults):
    faults.files["/b.pt"] = CONTENT
    addresses = [f"{faults.address}/{name}.pt" for name in "ab"]
    assert bring("break", "404", addresses=addresses) == addresses[0]
    for any_origin, expected in ((True, "bytes=5100-"), (False, None)):
        bring.part.unlink()
        faults.asked.clear()
        bring("break", "serve", addresses=addresses, any_origin=any_origin)
        assert faults.asked[1][:2] == ("/b.pt", expected)


def test_a_spoilt_part_does_not_spoil_the_file(bring, faults):
    bring.part.write_bytes(OTHER[:5000])
    bring()
    assert bring.part.read_bytes() == CONTENT
    assert ranges(faults) == ["bytes=4980-", None]


def test_a_file_that_changes_unseen_is_begun_again(bring, faults):
    """No version is named, and the rest is of another file: only the check can tell."""
    faults.versioned = False

    def check(path, promised):
        if path.read_bytes() != OTHER:
            raise Wrong("neither version")

    bring("break", "change", "serve", check=check, enough=100)
    assert ranges(faults) == [None, "bytes=5100-", None]
    assert bring.part.read_bytes() == OTHER


FINAL = {
    "404": "404 Not Found",
    "403": "403 Forbidden",
    "410": "410 Gone",
    "page": "it sends a web page",
    "page as data": "it sends a web page|it has 94 bytes instead of 10240",
    "shorter": "it has 10230 bytes instead of 10240",
    "longer": "it has 10250 bytes instead of 10240",
    "too much": "it sends more than 10240 bytes",
    "compressed": "it sends the file compressed",
    "wrong bytes": "another file",
    "loop": "it redirects in a loop",
    "to a file": "it redirects to where it must not",
    "204": "204 No Content",
}


@pytest.mark.parametrize("fault", FINAL)
def test_an_address_that_has_not_got_it_is_not_asked_again(bring, faults, fault):
    with pytest.raises(Failed, match=FINAL[fault]):
        bring(fault, then="404" if fault != "loop" else "loop")
    assert len(faults.asked) == 1 or fault == "loop"
    faults.asked.clear()
    assert bring(fault, addresses=[f"{faults.address}/{name}" for name in ("a.pt", "a.pt?again")])
    assert bring.part.read_bytes() == CONTENT


PASSING = {
    "500": "500 Internal Server Error",
    "503": "503 Service Unavailable",
    "429": "429 Too Many Requests",
    "slow": "it sent nothing for 0 seconds, after \\d+ bytes",
    "reset": "closed connection without response",
    "garbage": "220 this is no web server",
    "empty": "it has 0 bytes instead of 10240",
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_trouble_is_outlasted_and_a_lasting_one_named(bring, faults, fault):
    if fault != "empty":
        bring(fault, fault)
        assert bring.part.read_bytes() == CONTENT
    bring.part.unlink(missing_ok=True)
    with pytest.raises(Failed, match=PASSING[fault]):
        bring(then=fault)
    assert not bring.part.exists() or bring.part.read_bytes() != CONTENT


@pytest.mark.parametrize("fault", ["longer", "no length, cut", "shorter", "empty"])
def test_a_length_that_nobody_knows_is_left_to_the_check(bring, faults, fault):
    with pytest.raises(Failed):
        bring(then=fault, size=None, any_origin=False)
    assert not bring.part.exists() or bring.part.stat().st_size <= SIZE


def test_no_length_at_all_is_fine(bring):
    for size in (None, SIZE):
        bring("no length", size=size)
        assert bring.part.read_bytes() == CONTENT
        bring.part.unlink()


def test_redirects_are_followed_and_resumed(bring, faults):
    bring("redirect", "break", "redirect", "serve")
    assert ranges(faults) == [None, None, "bytes=5100-", "bytes=5100-"]
    assert bring.part.read_bytes() == CONTENT


def test_a_redirect_leaves_https_for_nothing_else():
    request = SimpleNamespace(full_url="https://a/b")
    with pytest.raises(Useless, match="http://a/b, which is not safe"):
        http._Redirects().redirect_request(request, None, 302, "", {}, "http://a/b")


def test_nobody_at_the_address(bring):
    with pytest.raises(Failed, match="Connection refused"):
        bring(addresses=["http://127.0.0.1:1/a.pt"])
    with pytest.raises(Failed, match="no address"):
        bring(addresses=["http://[::1/a.pt"])
    with pytest.raises(Failed, match="there is no address"):
        download([], bring.part, lambda path, promised: None, progress=False, retry=HURRY)


def test_a_server_that_answered_is_not_given_up_for_a_network_that_goes_away(bring, faults, monkeypatch):
    """The network goes in the middle of the file, and comes again: what is known of the server is that it is there."""
    away = iter((URLError(socket.gaierror(-3, "Temporary failure in name resolution")), None))
    real = http.urllib.request.OpenerDirector.open

    def open(opener, request, **more):
        if len(faults.asked) == 1 and (error := next(away)):
            raise error
        return real(opener, request, **more)

    monkeypatch.setattr(http.urllib.request.OpenerDirector, "open", open)
    bring("break")
    assert bring.part.read_bytes() == CONTENT
    assert next(away, "gone") == "gone"


def test_a_certificate_that_is_wrong_stays_wrong(bring, monkeypatch):
    asked = []

    def refuse(opener, request, **more):
        asked.append(request.full_url)
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = "self-signed certificate"
        raise URLError(error)

    monkeypatch.setattr(http.urllib.request.OpenerDirector, "open", refuse)
    with pytest.raises(Failed, match="certificate is not to be trusted: self-signed"):
        bring()
    assert len(asked) == 1


def test_every_address_is_named_with_its_reason(bring, faults):
    with pytest.raises(Failed) as error:
        bring(then="404", addresses=[f"{faults.address}/a.pt", "http://127.0.0.1:1/b.pt", "/nowhere/c.pt"])
    for part in (
        f"{faults.address}/a.pt: 404 Not Found",
        "http://127.0.0.1:1/b.pt: Conn",
        "/nowhere/c.pt: No such file",
    ):
        assert part in str(error.value)


def test_a_mirror_that_is_passed_over_is_named_at_once(faults, tmp_path, capsys):
    faults.files["/a.pt"] = CONTENT
    addresses = ["/nowhere/a.pt", f"{faults.address}/a.pt"]
    download(addresses, tmp_path / "a.pt.part", lambda path, promised: None, size=SIZE)
    assert "disco: /nowhere/a.pt: No such file or directory; the next address is tried" in capsys.readouterr().err


def test_a_trickle_is_given_up(bring):
    """The clock runs a minute a block, and a block is all there is of it."""
    ticks = iter(range(0, 10**6, 61))
    slowly = {"block": 512, "clock": lambda: next(ticks)}
    with pytest.raises(Failed, match="it sent only 512 B in a minute"):
        bring(**slowly)
    bring(**slowly, slowest=512)
    assert bring.part.read_bytes() == CONTENT


# The disk


def test_a_file_of_this_machine_is_copied(bring, tmp_path, faults):
    source = tmp_path / "source.pt"
    source.write_bytes(CONTENT)
    bring.part.write_bytes(OTHER[:100])
    assert bring(addresses=[str(source)]) == str(source)
    assert bring.part.read_bytes() == CONTENT
    source.write_bytes(CONTENT[:-1])
    with pytest.raises(Failed, match="it has 10239 bytes instead of 10240"):
        bring.part.unlink()
        bring(addresses=[str(source)])
    assert faults.asked == []


def test_room_is_asked_for_before_anything_is_written(bring, monkeypatch):
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10239))
    with pytest.raises(NoRoom, match="10.0 KiB free, and 10.0 KiB are needed; .*DISCO_MODELS"):
        bring()
    assert not bring.part.exists()
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10240))
    bring()
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5120))
    bring.part.write_bytes(CONTENT[:5120])
    bring()
    assert bring.part.read_bytes() == CONTENT


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_called_one():
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(SettingsError, match="No space left on device"):
        parts._write(file, b"a")


def test_a_disk_that_takes_a_part_of_a_block_gets_the_rest():
    taken = bytearray()

    def write(block):
        taken.extend(block[:3])
        return min(3, len(block))

    parts._write(SimpleNamespace(write=write), b"0123456789")
    assert taken == b"0123456789"


def test_a_cut_note_is_no_note(tmp_path):
    part = Part(tmp_path / "a.part")
    part.begin("https://a", {"ETag": "1"}, "")
    assert part.origin() == {"address": "https://a", "marks": {"ETag": "1"}, "sha256": ""}
    part.note.write_text(part.note.read_text()[:9])
    assert part.origin() == {}
