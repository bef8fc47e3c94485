"""Which stores keep the champion's parameters."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support.training import chains

from fleet import Design, Fleet, Parameters
from training.backtest.assemble import LOST, assemble
from training.champion.reuse import Reused, champion_rows, fit_changed
from training.engines.batched import BatchedEngine
from training.engines.engine import Fits, Priors
from training.engines.features import design_of
from training.history.history import History
from training.pooling.variants import Variant

ONLY = (Variant("only", Priors()),)
SETTINGS = {"variants": "only"}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Ten stores, two of them with too little history for a model."""
    return chains.history(tmp_path, n_stores=10, n_days=452)


def fitted(history: History, design: Design, kept: Reused | None = None) -> Fits:
    choice = np.zeros(len(history.store_ids), dtype=np.int64)
    return fit_changed(history, design, BatchedEngine(), ONLY, choice, kept)


def unchanged(
    champion: Fleet, history: History, design: Design, engine: str, settings: dict[str, Any]
) -> Reused | None:
    known = champion_rows(champion, design, engine, settings)
    return known.of(history.store_ids).unchanged(history) if known else None


def champion(history: History, design: Design, fits: Fits, loses: int | None = None) -> Fleet:
    contents = assemble(history, design, fits, engine="batched", settings=SETTINGS)
    if loses is None:
        return Fleet.from_contents(contents)
    has_model, facts = contents.has_model.copy(), cast("Any", contents.facts)
    has_model[loses], facts["failure"][loses] = False, LOST.encode()
    return Fleet.from_contents(replace(contents, has_model=has_model))


def test_stores_without_a_fit_are_not_kept_and_those_left_to_the_baseline_are(history: History) -> None:
    design = design_of(history.calendar.columns)
    fits = fitted(history, design)
    loser = int(np.flatnonzero(fits.fitted)[0])
    kept = unchanged(champion(history, design, fits, loses=loser), history, design, "batched", SETTINGS)
    assert kept is not None
    assert kept.rows.tolist() == np.flatnonzero(fits.fitted).tolist()
    again = fitted(history, design, kept)
    assert (again.too_short, again.fitted.tolist()) == (fits.too_short, fits.fitted.tolist())
    assert same_bytes(again.parameters, fits.parameters)


def same_bytes(one: Parameters, other: Parameters) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in vars(one))


def test_a_store_is_found_by_its_id_wherever_it_stands(history: History) -> None:
    design = design_of(history.calendar.columns)
    fits = fitted(history, design)
    turned = history.rows(np.arange(len(history.store_ids))[::-1])
    kept = unchanged(champion(history, design, fits), turned, design, "batched", SETTINGS)
    assert kept is not None
    places = [history.store_ids.index(turned.store_ids[row]) for row in kept.rows]
    assert same_bytes(kept.parameters, fits.parameters.rows(np.array(places)))


def test_another_engine_other_settings_or_another_design_keep_nothing(history: History) -> None:
    design = design_of(history.calendar.columns)
    before = champion(history, design, fitted(history, design))
    assert unchanged(before, history, design, "batched", SETTINGS) is not None
    assert unchanged(before, history, design, "stan", SETTINGS) is None
    assert unchanged(before, history, design, "batched", {"variants": "other"}) is None
    assert unchanged(before, history, replace(design, growth="flat"), "batched", SETTINGS) is None


def test_a_calendar_that_changed_is_a_store_that_changed(history: History) -> None:
    design = design_of(history.calendar.columns)
    before = champion(history, design, fitted(history, design))
    promo = history.calendar.values["promo"].copy()
    promo[0, 100] ^= 1
    values = {**history.calendar.values, "promo": promo}
    after = replace(history, calendar=replace(history.calendar, values=values))
    kept = unchanged(before, after, design, "batched", SETTINGS)
    assert kept is not None
    assert 0 not in kept.rows
    assert 1 in kept.rows
