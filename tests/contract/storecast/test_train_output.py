"""What `storecast train` prints is JSON that any program reads."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.training import chains

from storecast import __main__ as command_line
from training.engines import stan


def strict(text: str) -> Any:  # noqa: ANN401 - any plain value
    """JSON as its standard has it: no NaN, no Infinity."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(("share", "code"), [("0.1", 5), ("1", 4)])
def test_the_result_names_every_failure_whether_or_not_they_are_too_many(
    share: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scripted(*_: object) -> None:
        raise RuntimeError("scripted fault")

    monkeypatch.setattr(stan, "_fit_store", scripted)
    paths = chains.files(tmp_path / "chain", n_stores=4, n_days=150)
    words = ["--data", paths["train"], "--home", tmp_path, "--engine", "stan", "--workers", "1", "--test-days", "0"]
    assert command_line.main(["train", *map(str, words), "--dry-run", "--max-failed-share", share]) == code
    result = strict(capsys.readouterr().out)
    assert len(result["failures"]) == result["stores"]["failed"] > 0
    assert all({"store", "column", "date", "reason"} == set(failure) for failure in result["failures"])


def test_the_scores_of_a_group_without_a_judged_day_are_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = chains.files(tmp_path / "chain", n_stores=4, n_days=150)
    stores = pd.read_csv(paths["store"], dtype=str)
    newcomer = stores[:1].assign(Store="new", StoreType="z", Assortment="z")
    pd.concat([stores, newcomer]).to_csv(paths["store"], index=False)
    words = ["--data", paths["train"], "--stores", paths["store"], "--calendar", paths["calendar"], "--home", tmp_path]
    rest = ["--dry-run", "--folds", "1", "--test-days", "14", "--runner", "inprocess"]
    assert command_line.main(["train", *map(str, words), *rest]) == 0
    backtest = strict(capsys.readouterr().out)["backtest"]
    assert backtest["wape"] > 0
    assert backtest["groups"]["z/z"]["wape"] is None
