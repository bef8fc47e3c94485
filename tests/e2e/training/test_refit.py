"""A second training keeps what did not change: real trainings, registered in SQLite."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from support.servers.mlflow_databases import empty_database
from support.training import chains

from fleet import Fleet
from training.engines.batched import BatchedEngine
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.result import TrainingResult
from training.run import Quiet, TrainingOptions, train

CHANGED = "4"


@pytest.fixture
def options(tmp_path: Path) -> Iterator[TrainingOptions]:
    before = mlflow.get_tracking_uri()
    paths = chains.files(tmp_path / "chain", n_stores=6, n_days=452)
    home = tmp_path / "home"
    empty_database(home / "mlflow.db")
    tables = (paths["train"], paths["store"], paths["calendar"], home)
    yield TrainingOptions(*tables, tracking_uri({}, home), test_days=28, n_folds=2)
    mlflow.set_tracking_uri(before)


def run(options: TrainingOptions, **changes: Any) -> tuple[TrainingResult, Fleet]:  # noqa: ANN401 - any option
    result = train(dataclasses.replace(options, **changes), BatchedEngine(), Quiet())
    opened, _ = load_fleet(options.registry())
    return result, opened


def correct_one_day(options: TrainingOptions) -> None:
    table = pd.read_csv(options.data, dtype=str)
    row = table.index[(table["Store"] == CHANGED) & (table["Sales"] != "0")][50]
    table.loc[row, "Sales"] = str(int(table.loc[row, "Sales"]) + 100)
    table.to_csv(options.data, index=False)


def one_day_more(options: TrainingOptions) -> None:
    """The first day ahead becomes a day of sales of one store; the others have not told of it yet."""
    assert options.calendar
    sales, ahead = (pd.read_csv(path, dtype=str) for path in (options.data, options.calendar))
    first = ahead[ahead["Store"] == CHANGED].sort_values("Date").iloc[:1]
    sold = sales[(sales["Store"] == CHANGED) & (sales["Sales"] != "0")].iloc[0]
    day = {**sold.to_dict(), **first.iloc[0].to_dict(), "Open": "1"}
    pd.concat([sales, pd.DataFrame([day])]).to_csv(options.data, index=False)
    ahead.drop(index=first.index).to_csv(options.calendar, index=False)


def change_a_plan(options: TrainingOptions) -> None:
    """Another promotion of every store, four weeks ahead."""
    assert options.calendar
    ahead = pd.read_csv(options.calendar, dtype=str)
    later = ahead["Date"] == sorted(ahead["Date"].unique())[27]
    ahead.loc[later, "Promo"] = ahead.loc[later, "Promo"].map({"0": "1", "1": "0"})
    ahead.to_csv(options.calendar, index=False)


def stores_that_differ(one: Fleet, other: Fleet) -> set[str]:
    """Stores of which any byte of any parameter differs."""
    parts = [
        (getattr(one.parameters, f.name), getattr(other.parameters, f.name)) for f in dataclasses.fields(one.parameters)
    ]
    return {
        store_id
        for row, store_id in enumerate(one.store_ids)
        if any(old[row].tobytes() != new[row].tobytes() for old, new in parts)
    }


def test_only_the_store_that_changed_is_fitted_again(options: TrainingOptions) -> None:
    first_result, first = run(options)
    assert (first_result.refitted, first_result.kept) == (first_result.stores.fitted, 0)
    correct_one_day(options)
    result, second = run(options)
    assert (result.refitted, result.kept) == (1, first_result.stores.fitted - 1)
    assert stores_that_differ(first, second) == {CHANGED}
    unchanged_result, third = run(options)
    assert (unchanged_result.refitted, unchanged_result.kept) == (0, first_result.stores.fitted)
    assert stores_that_differ(second, third) == set()


def test_a_day_that_one_store_alone_has_told_of_and_later_plans_fit_no_other_store_again(
    options: TrainingOptions,
) -> None:
    result, first = run(options)
    fitted = result.stores.fitted
    one_day_more(options)
    result, second = run(options)
    assert (result.refitted, result.kept) == (1, fitted - 1)
    assert stores_that_differ(first, second) == {CHANGED}
    change_a_plan(options)
    result, _ = run(options)
    assert (result.refitted, result.kept) == (0, fitted)


def test_a_store_fitted_beside_kept_ones_is_fitted_as_it_would_be_among_all(options: TrainingOptions) -> None:
    run(options)
    correct_one_day(options)
    _, changed = run(options)
    forced, everything = run(options, refit="all")
    assert forced.kept == 0
    # The others have borrowed from what that store was before.
    row = changed.store_ids.index(CHANGED)
    np.testing.assert_allclose(changed.parameters.beta[row], everything.parameters.beta[row], rtol=0, atol=1e-7)
    np.testing.assert_allclose(changed.parameters.beta, everything.parameters.beta, rtol=0, atol=1e-3)


@pytest.mark.parametrize("change", [{"n_folds": 1}, {"growth": "flat"}, {"test_days": 0}])
def test_other_settings_fit_every_store_again(options: TrainingOptions, change: dict[str, Any]) -> None:
    run(options)
    result, _ = run(options, **change)
    assert (result.refitted, result.kept) == (result.stores.fitted, 0)
