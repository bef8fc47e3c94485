"""Work beside the main thread."""

import threading
import time

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


def test_an_end_waits_for_work_under_way_and_not_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    ended, hangs = [], threading.Event()

    def soon() -> None:
        time.sleep(0.1)
        ended.append(True)

    with pytest.raises(ValueError, match="bad data"), in_background(soon):
        raise ValueError("bad data")
    assert ended
    begun = time.monotonic()
    with pytest.raises(ValueError, match="bad data"), in_background(lambda: hangs.wait(60)):
        raise ValueError("bad data")
    assert time.monotonic() - begun < 30
    hangs.set()
