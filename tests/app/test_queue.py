"""The queue on disk: order, states, and what becomes of a job whose worker dies."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.app.queue import FAILED, FINISHED, RUNNING, STOPPED, WAITING, Job, Queue
from disco.app.refusal import Refusal
from support.processes import called


def add(queue: Queue, title: str = "a") -> Job:
    number = queue.number()
    return queue.add(number, kind="render", title=title, words=("prompt={id}",), folder=f"disco/{number}")


def states(queue: Queue) -> dict[str, str]:
    return {job.title: job.state for job in queue.jobs()}


def test_jobs_are_numbered_and_survive(tmp_path):
    first, second = add(Queue(tmp_path)), add(Queue(tmp_path))
    assert (first.id, second.id) == ("000001", "000002")
    assert second.words == ("prompt={id}",) and second.folder == "disco/000002"
    assert Queue(tmp_path).jobs() == [first, second]


def test_a_number_is_given_once(tmp_path):
    queue = Queue(tmp_path)
    queue.remove(add(queue).id)
    assert add(queue).id == "000002"  # the folder of the first may still be there
    assert queue.jobs()[0].folder == "disco/000002"


def test_jobs_are_taken_in_order_and_once(tmp_path):
    queue = Queue(tmp_path)
    for title in "abc":
        add(queue, title)
    with queue.taken() as first, Queue(tmp_path).taken() as second:
        assert first and second and (first.title, second.title) == ("a", "b")
        assert states(queue) == {"a": RUNNING, "b": RUNNING, "c": WAITING}
        queue.end(first, FINISHED)
        queue.end(second, FAILED, "no")
    assert states(queue) == {"a": FINISHED, "b": FAILED, "c": WAITING}
    with queue.taken() as third, queue.taken() as none:
        assert third and third.title == "c" and none is None


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-1, 1])), max_size=12))
def test_moves_change_places_as_in_a_list(tmp_path_factory, moves):
    queue = Queue(tmp_path_factory.mktemp("queue"))
    ids = [add(queue).id for _ in range(5)]
    order = list(ids)
    for number, by in moves:
        queue.move(ids[number], by)
        at = order.index(ids[number])
        if 0 <= at + by < len(order):
            order[at], order[at + by] = order[at + by], order[at]
    assert [job.id for job in queue.jobs()] == order


def test_one_that_waits_is_stopped_at_once_and_goes_on_last(tmp_path):
    queue = Queue(tmp_path)
    a, b = add(queue, "a"), add(queue, "b")
    queue.stop(a.id)
    assert states(queue) == {"a": STOPPED, "b": WAITING}
    queue.go_on(a.id)
    add(queue, "c")
    assert [job.title for job in queue.jobs()] == ["b", "a", "c"]
    with pytest.raises(Refusal, match="is waiting"):
        queue.go_on(b.id)


def test_one_that_runs_is_asked_to_stop(tmp_path):
    queue = Queue(tmp_path)
    add(queue)
    with queue.taken() as job:
        assert job and not queue.is_to_stop(job.id)
        with pytest.raises(Refusal, match="stop it first"):
            queue.remove(job.id)
        queue.stop(job.id)
        assert Queue(tmp_path).is_to_stop(job.id)
        queue.end(job, STOPPED)
    queue.go_on(job.id)
    assert not queue.is_to_stop(job.id)


def test_again_has_a_folder_of_its_own(tmp_path):
    queue = Queue(tmp_path)
    words = ("prompt=disco/000001", 'hydra.run.dir="/runs/disco/000001"')
    first = queue.add(queue.number(), kind="render", title="a", words=words, folder="disco/000001")
    second = queue.again(first.id)
    assert second.folder != first.folder
    assert second.words == ("prompt=disco/000001", f'hydra.run.dir="/runs/{second.folder}"')
    assert len({first.folder, second.folder, queue.again(first.id).folder, queue.again(second.id).folder}) == 4


def take_and_die(folder: Path) -> None:
    with Queue(folder).taken():
        os._exit(9)


def test_one_whose_worker_died_has_failed_and_the_others_wait(tmp_path):
    queue = Queue(tmp_path)
    for title in "ab":
        add(queue, title)
    called(take_and_die, (tmp_path,), tmp_path).wait(60)
    assert states(queue) == {"a": RUNNING, "b": WAITING}
    queue.settle("it died")
    assert states(queue) == {"a": FAILED, "b": WAITING} and queue.jobs()[0].error == "it died"
    with queue.taken() as job:
        assert job and job.title == "b"
        queue.settle("it died")
        assert queue.job(job.id).state == RUNNING


def test_what_ended_long_ago_is_forgotten(tmp_path):
    queue = Queue(tmp_path, most=2, kept=2)
    for title in "abcd":
        queue.stop(add(queue, title).id)
    add(queue, "e")
    assert list(states(queue)) == ["c", "d", "e"]
    add(queue, "f")
    with pytest.raises(Refusal, match="more are not taken"):
        add(queue, "g")


def test_many_at_once_lose_nothing(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda number: add(Queue(tmp_path), str(number)), range(24)))
    assert len({job.id for job in jobs}) == 24 == len(Queue(tmp_path).jobs())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "000007"}', "\0", '{"words": 3}', "[" * 100_000])
def test_what_is_no_job_is_left_out(tmp_path, text):
    queue = Queue(tmp_path)
    job = add(queue)
    (queue.place / "000007.json").write_text(text)
    said = json.loads((queue.place / f"{job.id}.json").read_text())
    (queue.place / "000008.json").write_text(json.dumps(said | {"id": "000008", "state": "nonsense"}))
    assert queue.jobs() == [job]
    assert int(add(queue).id) > int(job.id)


def test_there_must_be_such_a_job(tmp_path):
    for do in (Queue(tmp_path).stop, Queue(tmp_path).remove, Queue(tmp_path).go_on, Queue(tmp_path).again):
        with pytest.raises(Refusal) as refusal:
            do("../000001")
        assert refusal.value.status == 404
