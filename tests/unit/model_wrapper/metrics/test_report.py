"""What a worker counted reaches the page, also after the page could not be written for a moment."""

import errno
from typing import Any

import pytest

from model_wrapper.metrics import shared_metrics
from model_wrapper.metrics.shared_metrics import METHOD, SharedMetrics


class FullForAMoment(SharedMetrics):
    """A page that takes the third report and the fourth; then the worker ends."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.page = 0, ""

    def update(self, custom_metrics: list[dict[str, Any]], method: str) -> None:
        self.asked += 1
        if self.asked <= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().update(custom_metrics, method)
        if self.asked == 4:
            self.page = self.generate_metrics()[0]
            self.clear()


def test_a_report_that_failed_is_told_once_and_made_again(caplog: pytest.LogCaptureFixture) -> None:
    page, counted = FullForAMoment(), iter(range(1, 100))

    page.report(lambda: [{"key": f"asked_{next(counted)}", "value": 1}], 0.001)

    assert page.asked == 4
    assert [f"asked_{each}_total{{" in page.page for each in (1, 2, 3)] == [True, True, False]
    assert f'method="{METHOD}"' in page.page
    assert [record.getMessage() for record in caplog.records] == ["wrapper.report_failed"]


def test_the_report_of_a_worker_that_ended_brings_nothing_back() -> None:
    page = SharedMetrics()
    page.clear()
    page.report(lambda: [{"key": "asked", "value": 1}], 0.001)

    assert page.data == {}


def test_nothing_is_reported_without_a_page_or_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shared_metrics.report(list, 1.0)
    monkeypatch.setattr(shared_metrics._Page, "current", SharedMetrics())
    assert not shared_metrics.report(list, 0)
