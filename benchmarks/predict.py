"""Forecasting a whole chain: one `Fleet.predict` against stock `Prophet.predict`, store by store, in one run.

    python benchmarks/predict.py                    # 1,115 stores x 42 days
    python benchmarks/predict.py --stores 100 --sample 5

Stock prediction is timed on `--sample` stores and scaled to the chain, ours on the whole chain. The forecasts of the
sample are compared, so that both do the same work.
"""

import argparse
import datetime as dt
import logging
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.small_chains import fit_once, read_history
from fleet import Fleet
from fleet.prophet.convert import future_frame, to_prophet
from training.backtest.assemble import assemble
from training.engines.batched import BatchedEngine
from training.engines.engine import Priors
from training.engines.features import design_of
from training.synth import AHEAD_DAYS, write_chain

REPEATS = 5
FIRST_DAY = dt.date(2013, 1, 1)


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of a few calls, after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def chain_fleet(folder: Path, n_stores: int) -> Fleet:
    """A synthetic chain of the size of Rossmann's, fitted, written and reopened."""
    paths = write_chain(folder / "chain", n_stores, 942, first=FIRST_DAY, seed=1)
    history = read_history(paths["train"], paths["store"], paths["calendar"], problems_in=folder)
    design = design_of(history.calendar.columns)
    fits = fit_once(BatchedEngine(), history, design, Priors())
    assemble(history, design, fits, engine="batched", settings={}).write(folder / "fleet")
    return Fleet.open(folder / "fleet")


def stock_s(fleet: Fleet, store_ids: list[str], dates: np.ndarray, samples: int) -> tuple[float, float]:
    """Seconds a store of stock Prophet with that many interval samples; the worst relative difference to ours."""
    models = [to_prophet(fleet, store_id) for store_id in store_ids]
    frames = [future_frame(fleet, store_id, dates) for store_id in store_ids]
    ours = fleet.predict(store_ids, dates)
    worst, spent = 0.0, 0.0
    for row, (model, frame) in enumerate(zip(models, frames, strict=True)):
        model.uncertainty_samples = samples
        begun = time.perf_counter()
        yhat = model.predict(frame)["yhat"].to_numpy()
        spent += time.perf_counter() - begun
        is_open = ~ours.closed[row]
        worst = max(worst, float(np.max(np.abs(np.log1p(ours.value[row]) / yhat - 1)[is_open], initial=0)))
    return spent / len(store_ids), worst


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=int, default=1115)
    parser.add_argument("--sample", type=int, default=40)
    args = parser.parse_args()
    for name in ("prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        fleet = chain_fleet(Path(folder), args.stores)
        dates = (fleet.trained_through + np.arange(1, AHEAD_DAYS + 1)).astype("datetime64[D]")
        ids = [store_id for store_id, on in zip(fleet.store_ids, fleet.has_model, strict=True) if on]
        sampled = ids[: args.sample]
        whole = median_s(lambda: fleet.predict(ids, dates))
        one = median_s(lambda: fleet.predict(ids[:1], dates[:7]))
        print(f"{len(ids)} stores x {len(dates)} days; stock Prophet timed on {len(sampled)} stores and scaled")
        print(f"{'':38}{'seconds':>10}{'ratio':>8}")
        print(f"{'ours, one call, with intervals':38}{whole:10.4f}{1:8.0f}")
        for samples in (0, 1000):
            each, worst = stock_s(fleet, sampled, dates, samples)
            total = each * len(ids)
            print(f"{f'Prophet.predict, {samples} interval samples':38}{total:10.4f}{total / whole:8.0f}")
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"worst relative difference of yhat: {worst:.1e}; one store, 7 days, ours: {one * 1000:.2f} ms")
        print(f"peak memory of this process: {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
