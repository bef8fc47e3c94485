"""Store models with random parameters, written without Prophet."""

from pathlib import Path

import numpy as np
from support.fleets import REGRESSORS, TRAINED_THROUGH, parameters

from fleet.arrays import day_numbers
from fleet.design import Design, Seasonality
from fleet.prophet.store_model import KIND
from fleet.storage import write_directory


def small_store_model(path: Path, *, seed: int = 7) -> Path:
    """Write a model of weekly terms and the temperature to a new directory and return it."""
    shape = Design((Seasonality("weekly", 7, 3),), REGRESSORS[-1:], "linear", "identity")
    rows = parameters(np.random.default_rng(seed), 1, shape)
    meta = {"kind": KIND, "design": shape.to_dict(), "trained_through": int(day_numbers(TRAINED_THROUGH))}
    write_directory(path, vars(rows), meta)
    return path
