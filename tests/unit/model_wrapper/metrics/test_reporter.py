"""What a worker counted reaches the page, also after the page could not be written for a moment."""

from __future__ import annotations

import errno
from threading import Event
from typing import TYPE_CHECKING, Any

from model_wrapper.metrics import reporter

if TYPE_CHECKING:
    import pytest

WAIT_S = 120


class FullForAMoment:
    """A page that takes the third report and those after it."""

    def __init__(self) -> None:
        self.asked, self.taken, self.enough = 0, [], Event()  # type: ignore[var-annotated]

    def update(self, custom_metrics: list[dict[str, Any]], method: str) -> None:
        self.asked += 1
        if self.asked <= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        assert method == reporter.METHOD
        self.taken += custom_metrics
        if self.asked == 4:
            reporter._Pages.current = None
            self.enough.set()


def test_a_report_that_failed_is_told_once_and_made_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = FullForAMoment()
    monkeypatch.setattr(reporter._Pages, "current", page)
    counted = iter(range(100))

    assert reporter.report(lambda: [{"value": next(counted)}], 0.001)
    assert page.enough.wait(WAIT_S)
    assert page.taken == [{"value": 0}, {"value": 1}]
    assert [record.getMessage() for record in caplog.records] == ["wrapper.report_failed"]
