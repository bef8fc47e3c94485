"""Small synthetic chains on disk and in memory."""

import datetime as dt
from pathlib import Path

from benchmarks.small_chains import read_history
from training.history.history import History
from training.synth import write_chain

NUMBERED = """[columns]
store_id = "Store"
ds = "Date"
y = "Sales"
open = "Open"
[flags]
promo = "Promo"
[numbers]
price = "Price"
[stores]
group = ["StoreType"]
"""
"""A mapping file for a chain with one more column, a price."""

FIRST = dt.date(2013, 1, 1)


def files(folder: Path, n_stores: int = 12, n_days: int = 500, seed: int = 3) -> dict[str, Path]:
    """Write a chain's three tables."""
    return write_chain(folder, n_stores, n_days, first=FIRST, seed=seed)


def history(folder: Path, n_stores: int = 12, n_days: int = 500, seed: int = 3) -> History:
    """Write and read a chain."""
    paths = files(folder, n_stores, n_days, seed)
    return read_history(paths["train"], paths["store"], paths["calendar"], problems_in=folder)
