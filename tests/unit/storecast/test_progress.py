"""What a terminal shows of a training, and what a pipe does not."""

import logging
import os
import sys
from pathlib import Path

import pytest
from support.terminals import terminal

from storecast.progress import Progress


def work(progress: Progress) -> None:
    progress.stage("champion", 0)
    progress.stage("models", 40)
    for failed in (0, 1, 0, 2):
        progress.advance(10, failed)
    progress.close()


def test_a_terminal_shows_stage_stores_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal() as shown, os.fdopen(os.dup(shown.end), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        work(Progress())
    frames = shown.frames()
    assert any(frame.startswith("champion") and "stores" not in frame for frame in frames)
    last = frames[-1]
    assert last.startswith("models")
    assert "100%" in last
    assert " 40/40 stores [" in last
    assert last.endswith("stores/s, failed=3]")


@pytest.mark.parametrize("kept", [True, False])
def test_a_terminal_says_that_the_first_run_of_a_machine_compiles(monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:  # noqa: FBT001 - a parameter
    monkeypatch.setattr("storecast.progress.is_kept", lambda _: kept)
    with terminal() as shown, os.fdopen(os.dup(shown.end), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        Progress().compiling()
        work(Progress())
    assert any("compiling the fit, once per machine" in frame for frame in shown.frames()) != kept


def test_failures_of_one_stage_are_not_those_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal() as shown, os.fdopen(os.dup(shown.end), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        progress = Progress()
        work(progress)
        progress.stage("gate", 2)
        progress.advance(2, 0)
        progress.close()
    gate = [frame for frame in shown.frames() if frame.startswith("gate")]
    assert gate
    assert not any("failed" in frame for frame in gate)


def test_a_pipe_gets_a_log_line_a_stage_and_nothing_of_the_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    # A command that ran before has left a handler of its own, whose stream is closed by now.
    monkeypatch.setattr(logging.root, "handlers", [caplog.handler])
    with (tmp_path / "stderr").open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        work(Progress())
    assert (tmp_path / "stderr").read_text() == ""
    assert [(r.message, r.facts["stage"], r.facts["n_stores"]) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("training.stage", "champion", 0),
        ("training.stage", "models", 40),
    ]
