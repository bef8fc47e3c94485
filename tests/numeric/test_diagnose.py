"""A fit that really fails is blamed on the cell that was broken."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.training.edge_chains import edge_chain

from benchmarks.small_chains import fit_once
from training.engines.batched import BatchedEngine
from training.engines.engine import Priors
from training.engines.features import design_of
from training.workers.diagnose import failures_of


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_broken_cell_is_named(tmp_path: Path) -> None:
    history = edge_chain(tmp_path)
    place = int(np.flatnonzero(history.fitted_days()[1])[77])
    price = history.calendar.values["price"].copy()
    price[1, place] = np.inf
    calendar = replace(history.calendar, values={**history.calendar.values, "price": price})
    history, design = replace(history, calendar=calendar), design_of(calendar.columns)
    fits = fit_once(BatchedEngine(), history, design, Priors())
    assert list(fits.failures) == [1]
    (told,) = failures_of(history, design, fits.failures)
    assert told["store"] == history.store_ids[1]
    assert (told["column"], told["date"]) == ("price", str(history.days[place].astype("datetime64[D]")))
    assert told["reason"] == f"{fits.failures[1]}; price inf is no number to fit"
