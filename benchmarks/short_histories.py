"""What short histories gain from their groups: stores are cut to their last days before a cutoff, and judged after it.

    python benchmarks/short_histories.py                       # 400 synthetic stores x 942 days
    python benchmarks/short_histories.py --rossmann DIR        # train.csv.gz, store.csv, calendar.csv.gz

Compared on the same 42 days: the fallback's curve, a fit of the store's own days, and the same fit with group
priors of the stores that were not cut.
"""

import argparse
import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.small_chains import fit_once, read_history
from fleet import Design, Fleet, formula
from fleet.arrays import AnyArray, BoolArray, FloatArray, IntArray, as_dates
from fleet.calendar import UNKNOWN
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from training.backtest import metrics
from training.backtest.assemble import assemble
from training.engines.batched import BatchedEngine
from training.engines.engine import Fits
from training.engines.features import design_of
from training.history.history import History
from training.pooling.collect import GroupPriors, fit_long_histories, group_priors_of
from training.pooling.variants import VARIANTS, blend, fit_variants
from training.synth import write_chain

HORIZON_DAYS = 42
LENGTHS_DAYS = (35, 60, 120, 240, 365, 450, 600)
CUTOFFS_BACK_DAYS = (42, 84, 126, 178)


@dataclass(frozen=True)
class Days:
    """The days after a cutoff: (n_stores, HORIZON_DAYS) sales and which of them count."""

    days: IntArray
    actual: FloatArray
    counts: BoolArray

    def scores(self, value: FloatArray, judged: BoolArray) -> str:
        """RMSPE and WAPE of some stores together."""
        forecast, actual, counts = value[judged].ravel(), self.actual[judged].ravel(), self.counts[judged].ravel()
        scores = (float(metric(forecast, actual, counts)) for metric in (metrics.rmspe, metrics.wape))
        return " ".join(f"{score:8.3f}" for score in scores)


def chain_of(rossmann: Path | None, folder: Path) -> History:
    """The chain, real or synthetic."""
    if rossmann:
        tables = [rossmann / name for name in ("train.csv.gz", "store.csv", "calendar.csv.gz")]
    else:
        tables = list(write_chain(folder, 400, 942, first=dt.date(2013, 1, 1), seed=1).values())
    return read_history(*tables, problems_in=folder)


def opened_late(history: History, cutoff: int, n_days: int) -> History:
    """The chain as it would be known at the cutoff had all stores opened `n_days` before."""
    before = cutoff - n_days - history.first_day + 1
    sales = history.sales.copy()
    sales[:, : max(before, 0)] = np.nan
    values: Mapping[str, AnyArray] = {name: part.copy() for name, part in history.calendar.values.items()}
    for part in values.values():
        part[:, : max(before, 0)] = UNKNOWN if part.dtype == np.uint8 else np.nan
    return replace(history, sales=sales, calendar=replace(history.calendar, values=values)).until(cutoff)


def forecasts(
    known: History, design: Design, group_priors: GroupPriors | None, days: IntArray
) -> tuple[FloatArray, BoolArray]:
    """The blend's sales of the days after, and the stores that it has a model of."""
    effects = [group_priors[known.last_day, variant.name] for variant in VARIANTS] if group_priors else ()
    fits = fit_variants(BatchedEngine(), known, design, VARIANTS, effects)
    rows = np.arange(len(known.store_ids))
    window = padded_window(known.calendar, rows, int(days[0]), int(days[-1]), None)
    centre = formula.yhat(
        blend([fit.parameters for fit in fits]), design, window, np.arange(len(days)) + CLOSURE_REACH_DAYS
    )
    return design.back(centre), np.logical_and.reduce([fit.fitted for fit in fits])


def curves(known: History, design: Design, days: IntArray) -> FloatArray:
    """The fallback's sales of the days after."""
    fits = fit_once(BatchedEngine(), known, design, VARIANTS[0].priors)
    nobody = Fits(fits.parameters, np.zeros_like(fits.fitted), (), {})
    fleet = Fleet.from_contents(assemble(known, design, nobody, engine="", settings={}))
    return fleet.fallback(known.store_ids, as_dates(days)).value


def compare(history: History, cut: IntArray, cutoff: int, lengths: Sequence[int]) -> None:
    """Print a line for each length at one cutoff."""
    design = design_of(history.calendar.columns)
    others = history.rows(np.setdiff1d(np.arange(len(history.store_ids)), cut))
    group_priors = group_priors_of([fit_long_histories(others, design, VARIANTS, (cutoff,))], design, VARIANTS)
    chosen = history.rows(cut)
    days = np.arange(cutoff + 1, cutoff + 1 + HORIZON_DAYS)
    counts = chosen.fitted_days()[:, days - history.first_day]
    ahead = Days(days, np.where(counts, chosen.sales[:, days - history.first_day], 0.0), counts)
    for length in lengths:
        known = opened_late(chosen, cutoff, length)
        own, fitted = forecasts(known, design, None, days)
        pooled, can = forecasts(known, design, group_priors, days)
        both = fitted & can
        # The curve of stores of the whole chain: what their group knows is there for the fallback, too.
        whole = of_both(others.until(cutoff), known)
        fallback = curves(whole, design, days)[len(others.store_ids) :]
        scores = "   ".join(ahead.scores(value, both) for value in (fallback, own, pooled))
        print(f"{as_dates(days[:1] - 1)[0]} {length:6} {int(both.sum()):7}   {scores}", flush=True)


def of_both(one: History, other: History) -> History:
    """Two parts of a chain as one."""
    first, second = one.calendar, other.calendar
    calendar = replace(
        first,
        values={name: np.concatenate([part, second.values[name]]) for name, part in first.values.items()},
        usual_open=np.concatenate([first.usual_open, second.usual_open]),
        usual_numbers={
            name: np.concatenate([part, second.usual_numbers[name]]) for name, part in first.usual_numbers.items()
        },
    )
    groups, sales = np.concatenate([one.groups, other.groups]), np.concatenate([one.sales, other.sales])
    return History(one.store_ids + other.store_ids, groups, sales, calendar)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rossmann", type=Path)
    parser.add_argument("--stores", type=int, default=150, help="stores to cut (150)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history = chain_of(args.rossmann, Path(folder))
    rng = np.random.default_rng(5)
    cut = np.sort(rng.choice(len(history.store_ids), min(args.stores, len(history.store_ids) // 2), replace=False))
    print("                              fallback            own days            with its group")
    print("cutoff       days  stores      RMSPE     WAPE      RMSPE     WAPE      RMSPE     WAPE")
    for back in CUTOFFS_BACK_DAYS:
        compare(history, cut, history.last_day - back, LENGTHS_DAYS)


if __name__ == "__main__":
    main()
