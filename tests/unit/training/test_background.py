"""Work beside the main thread."""

import threading

import pytest

from training import background as module
from training.background import in_background


def test_the_result_comes_when_it_is_asked_for() -> None:
    go = threading.Event()
    with in_background(lambda: go.wait(10)) as future:
        assert not future.done()
        go.set()
        assert future.result() is True


def test_what_the_work_raises_is_raised_where_its_result_is_asked_for() -> None:
    def work() -> None:
        raise OSError("no server")

    with pytest.raises(OSError, match="no server"), in_background(work) as future:
        future.result()


def test_an_end_waits_for_work_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 60)
    leaving, ended = threading.Event(), []

    def soon() -> None:
        leaving.wait(60)
        ended.append(True)

    def block() -> None:
        with in_background(soon):
            leaving.set()
            raise ValueError("bad data")

    with pytest.raises(ValueError, match="bad data"):
        block()
    assert ended


def test_an_end_does_not_wait_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    hangs = threading.Event()
    with pytest.raises(ValueError, match="bad data"), in_background(lambda: hangs.wait(300)) as future:
        raise ValueError("bad data")
    assert not future.done()
    hangs.set()
