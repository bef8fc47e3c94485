"""Days on which more was given back than sold: refused, treated as 0 or left out, by an explicit choice."""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from fleet.arrays import BoolArray
from training.checks.notices import NEGATIVE_SALES, Notices
from training.checks.row_notices import of_rows
from training.sources.arrow_columns import Numbers
from training.sources.tables import Table

Negatives = Literal["refuse", "zero", "drop"]
NEGATIVES: tuple[Negatives, ...] = get_args(Negatives)


def settle(train: Table, negatives: Negatives) -> tuple[Table, Notices]:
    """The sales as the choice wants them, and what is said of each store that it changed; `refuse` changes nothing."""
    sales = train.numbers.get("y")
    if sales is None or negatives == "refuse":
        return train, Notices()
    below: BoolArray = np.asarray(sales.cells < 0)
    done = {"zero": "treated as 0", "drop": "left out, as days without a row"}[negatives]
    told = of_rows(NEGATIVE_SALES, train, below, "y", f"negative sales, this the first: {done}")
    if negatives == "drop":
        return train.keep(~below), told
    zeroed = Numbers(np.where(below, 0.0, sales.cells), sales.written)
    return replace(train, numbers={**train.numbers, "y": zeroed}), told
