"""No training warns through a library: what is odd in an input is said in the result, in words of its own."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fleet.design import Transform
from training.engines.batched import BatchedEngine
from training.options import Quiet, TrainingOptions
from training.run import train
from training.sources.mapping import Mapped

N_DAYS = 90
HUGE, TINY = 1e15, 1e-300
PLAIN = Mapped("shop", "day", "sales", None, {}, {}, {}, "shop", ())

CHAINS: dict[str, Callable[[int, int], float | None]] = {
    # sales of a store on a day, None where it has no row
    "nobody's sales ever change": lambda _store, _day: 5,
    "every week is the same": lambda _store, day: 5 + day % 7,
    "one sale in a lifetime": lambda _store, day: 7 if day == 40 else 0,
    "one store sells, the others do not": lambda store, day: (7 + day % 5) if store == 1 else 0,
    "two stores ended before the folds": lambda store, day: (7 + day % 5) if store == 1 or day < 30 else None,
    "nothing was sold in the folds": lambda _store, day: 7 + day % 5 if day < 60 else 0,
    "two stores are a week old": lambda store, day: (7 + day % 5) if store == 1 or day > 82 else None,
    "the largest sales and small ones": lambda store, day: HUGE - day if store == 0 else 5 + day % 7,
    "next to nothing is sold": lambda _store, day: TINY * (1 + day % 3),
    "the largest sales beside next to nothing": lambda _store, day: (TINY, HUGE, 3)[day % 3],
}


def written(folder: Path, sales: Callable[[int, int], float | None]) -> Path:
    days = pd.date_range("2022-01-03", periods=N_DAYS)
    rows = [
        (shop, day, sold)
        for store, shop in enumerate("abc")
        for place, day in enumerate(days)
        if (sold := sales(store, place)) is not None
    ]
    pd.DataFrame(rows, columns=["shop", "day", "sales"]).to_csv(folder / "sales.csv", index=False)
    return folder / "sales.csv"


@pytest.mark.parametrize("transform", ["log1p", "identity"])
@pytest.mark.parametrize("name", CHAINS)
def test_no_library_warns_of_any_chain(tmp_path: Path, name: str, transform: Transform) -> None:
    options = TrainingOptions(
        written(tmp_path, CHAINS[name]),
        None,
        None,
        tmp_path / "home",
        "",
        mapped=PLAIN,
        test_days=7,
        n_folds=2,
        transform=transform,
        max_failed_share=1.0,
        dry_run=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = train(options, BatchedEngine(), Quiet())
    assert result.stores.total == 3
    assert result.failures == ()
