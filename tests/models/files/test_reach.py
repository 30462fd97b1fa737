"""A server that cannot be reached is given up soon, and once for all files; one that answered is asked no more."""

import socket
import threading

import pytest

from disco.models.files import reach as module
from disco.models.files.reach import Reach, Unreachable, server_of

NO_NAME = socket.gaierror(-2, "Name or service not known")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Network:
    """Servers by name: what they raise, attempt by attempt, and then for ever. Time is that of the attempts' pauses."""

    def __init__(self, takes: float = 0.0, **servers: list):
        self.servers, self.takes, self.asked, self.now = servers, takes, [], 0.0

    def dial(self, host: str, port: int, seconds: float) -> None:
        self.asked.append(host)
        self.now += min(self.takes, seconds)
        answers = self.servers.get(host, [NO_NAME])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is not None:
            raise answer

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def reach(self) -> Reach:
        return Reach(self.dial, self.sleep, lambda: self.now)


def test_a_server_that_answers_is_asked_once():
    network = Network(a=[None])
    reach = network.reach()
    for path in ("x", "y"):
        reach.check(f"https://a/{path}")
    assert network.asked == ["a"] and network.now == 0


def test_a_moment_is_outlasted():
    network = Network(a=[OSError(101, "Network is unreachable"), None])
    network.reach().check("http://a/x")
    assert network.asked == ["a", "a"]


def test_a_server_that_does_not_answer_is_waited_for_once():
    network = Network()
    reach = network.reach()
    for _ in range(3):
        with pytest.raises(Unreachable, match="^Name or service not known$"):
            reach.check("https://a/x")
    assert network.asked == ["a"] * module.ATTEMPTS


def test_no_network_is_given_up_within_ten_seconds():
    """Whether a name is refused at once, or nobody says anything."""
    for takes in (0.0, 0.5, 100.0):
        network = Network(takes)
        reach = network.reach()
        for number in range(50):
            with pytest.raises(Unreachable) as refused:
                reach.check(f"https://host{number}/x")
        assert "no other server could be reached" in str(refused.value)
        assert network.now <= 10


def test_a_network_that_is_there_is_not_given_up():
    network = Network(100.0, here=[None])
    reach = network.reach()
    for number in range(5):
        with pytest.raises(Unreachable):
            reach.check(f"https://host{number}/x")
        reach.silent.clear()
        network.takes = 0.0 if number == 0 else network.takes
        reach.check("https://here/x")
        network.takes = 100.0
    assert network.asked.count("host4") == module.ATTEMPTS


def test_a_look_up_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(module, "ATTEMPT", 0.05)
    hanging = threading.Event()
    reach = Reach(lambda host, port, seconds: void(hanging.wait(10)), sleep=lambda seconds: None)
    with pytest.raises(Unreachable, match="nobody answers within"):
        reach.check("https://a/x")
    hanging.set()


def void(_: object) -> None:
    pass


def test_a_real_server(faults):
    Reach().check(f"{faults.address}/x")
    with pytest.raises(Unreachable, match="Connection refused"):
        Reach(sleep=lambda seconds: None).check("http://127.0.0.1:1/x")
    for nowhere in ("http://[::1/x", "http://a:port/x"):
        with pytest.raises(Unreachable, match="no address"):
            Reach().check(nowhere)


def test_behind_a_proxy_it_is_the_proxy_that_has_to_answer(monkeypatch):
    assert server_of("https://a.b/c") == ("a.b", 443)
    assert server_of("http://a.b:81/c") == ("a.b", 81)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside")
    assert server_of("https://a.b/c") == ("proxy", 3128)
    assert server_of("https://inside/c") == ("inside", 443)
    assert server_of("http://a.b/c") == ("a.b", 80)
    monkeypatch.setenv("http_proxy", "proxy2:8080")
    assert server_of("http://a.b/c") == ("proxy2", 8080)
