"""The server's end of its helpers: processes that answer, hang, or die."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from disco.app.asking import MOST_WAITING, Costs, Helper
from disco.app.refusal import Refusal

#: A helper that knows three questions.
FAKE = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["ask"] == "die":
        os._exit(1)
    if asked["ask"] == "sleep":
        time.sleep(1000)
    if asked["ask"] == "refuse":
        print(json.dumps({"refused": [422, "no", "seed"]}), flush=True)
    else:
        print(json.dumps({"answer": {"said": asked["said"], "pid": os.getpid()}}), flush=True)
"""


def helper(folder: Path, **given: Any) -> Helper:
    return Helper(folder, command=(sys.executable, "-S", "-c", FAKE), **given)


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 120))


def test_questions_are_answered_in_their_order(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path)
        answers = await asyncio.gather(*(one.ask("echo", number) for number in range(20)))
        assert [each["said"] for each in answers] == list(range(20))
        assert len({each["pid"] for each in answers}) == 1
        with pytest.raises(Refusal) as refusal:
            await one.ask("refuse")
        assert (refusal.value.status, refusal.value.line, refusal.value.setting) == (422, "no", "seed")
        await one.close()

    run(ask())


def test_one_that_died_is_started_anew(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path)
        first = await one.ask("echo")
        with pytest.raises(Refusal, match="has ended"):
            await one.ask("die")
        assert (await one.ask("echo"))["pid"] != first["pid"]
        await one.close()

    run(ask())


def test_one_that_hangs_is_ended(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path, patience=0.5)
        with pytest.raises(Refusal, match="has ended"):
            await one.ask("sleep")
        assert (await one.ask("echo", "x"))["said"] == "x"
        await one.close()

    run(ask())


def test_one_that_nobody_asks_goes(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path, idle=0.05)
        first = await one.ask("echo")
        await asyncio.sleep(0.5)
        assert (await one.ask("echo"))["pid"] != first["pid"]
        await one.close()

    run(ask())


def test_one_that_may_rest_answers_first_and_goes(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path)
        await one.rest()  # before there is a process
        first = asyncio.create_task(one.ask("echo"))
        await asyncio.sleep(0)
        await one.rest()
        assert (await one.ask("echo"))["pid"] != (await first)["pid"]
        await one.close()

    run(ask())


def test_who_no_longer_waits_gets_nobody_elses_answer(tmp_path):
    async def ask() -> None:
        one = helper(tmp_path)
        await one.ask("echo")
        waiting = asyncio.create_task(one.ask("sleep"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert (await one.ask("echo", "mine"))["said"] == "mine"
        await one.close()

    run(ask())


class Slow:
    """Finds out costs when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.go = asyncio.Event()

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]:
        self.asked.append(said)
        await self.go.wait()
        return {"seconds": 1.0}

    async def rest(self) -> None:
        pass

    async def close(self) -> None:
        pass


def test_costs_are_found_out_once_and_the_newest_questions_count():
    async def ask() -> None:
        slow = Slow()
        costs = Costs(slow)
        waiting = [asyncio.create_task(costs.of({"settings": {"steps": n}})) for n in range(MOST_WAITING + 3)]
        await asyncio.sleep(0.01)
        slow.go.set()
        seconds = [(await each)["seconds"] for each in waiting]
        assert seconds == [1.0, None, None, *[1.0] * MOST_WAITING]
        await costs.of({"settings": {"steps": MOST_WAITING}, "costs": True})
        assert [said["settings"]["steps"] for said in slow.asked] == [0, *range(3, MOST_WAITING + 3)]

    run(ask())


def test_the_real_one_plans(tmp_path):
    """The process itself: it answers in the app's folder, without torch, and nothing that it prints is an answer."""

    async def ask() -> None:
        one = Helper(tmp_path)
        assert not (await one.ask("outlook", 3))["ok"]
        said = await one.ask("outlook", {"settings": {"prompt": "a red star", "init_image": "x.png"}})
        assert said["errors"][0]["setting"] == "init_image"
        assert (await one.ask("outlook", {"settings": {"prompt": "a red star"}}))["ok"]
        with pytest.raises(Refusal) as refusal:
            await one.ask("nothing of the kind")
        assert refusal.value.status == 500
        await one.close()

    run(ask())
