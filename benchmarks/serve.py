"""What an answer costs: our graph against a graph that does nothing, and against stock Prophet behind FastAPI.

    python benchmarks/serve.py                        # 1,115 synthetic stores
    python benchmarks/serve.py --rossmann DIR         # train.csv.gz, store.csv, calendar.csv.gz
    python benchmarks/serve.py --stores 100 --rounds 1

All servers run at once on this machine and are asked in turns, so that they share its noise; the idle ones cost
nothing. Ours is what `storecast serve` starts over a trained registry: the engine, the router, the forecaster and the
fallback, one worker each, all in processes of their own.

The floor is the same graph, engine and ports with components that do nothing: /route answers child 0, /predict an empty
list, /aggregate hands it on. `stock` has Seldon's wrapper as it is, made to run with today's protobuf and nothing else;
`floor` has our entry point under the same classes.

The book's way is one uvicorn worker with a FastAPI app that holds fitted stock Prophets, and their regressors, in
memory, and calls `Prophet.predict` for each request: once with its default of 1000 interval samples, once with none.
"""

import argparse
import contextlib
import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.memory import pss_mb
from benchmarks.peers.raw_client import Connection, latencies_s, percentile_ms, request, requests_a_second
from benchmarks.peers.servers import Served, book, floor_deployment, graph
from fleet import Fleet
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.synth import write_chain

FIRST_DAY = dt.date(2013, 1, 1)
PREDICTIONS = "/api/v1.0/predictions"
ALL_DAYS, WEEK, SOME_STORES = 42, 7, 50
CLIENTS = 8
WARM_UP = 20
FLOOR_BAR, CHAIN_BAR_MS, BOOK_BAR, MEMORY_BAR_MB = 1.5, 400.0, 8.0, 20.0


@dataclass
class Case:
    """One row of the table: whom it asks what, and what was measured."""

    name: str
    url: str
    questions: list[bytes]
    at_once: int
    """Questions of one round; as many again by several clients."""
    times_s: list[float] = field(default_factory=list)
    throughputs: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """One round."""
        first = len(self.times_s)
        asked = [self.questions[place % len(self.questions)] for place in range(first, first + self.at_once)]
        self.times_s += latencies_s(self.url, asked)
        self.throughputs.append(requests_a_second(self.url, asked, CLIENTS))

    @property
    def p50_ms(self) -> float:
        """Median latency of one client."""
        return percentile_ms(self.times_s, 50)

    @property
    def throughput(self) -> float:
        """Requests a second of several clients, in the middle round."""
        return float(np.median(self.throughputs))

    def told(self, floor_ms: float) -> str:
        """One line of the table."""
        p99 = percentile_ms(self.times_s, 99)
        return f"{self.name:34}{self.p50_ms:9.2f}{p99:9.2f}{self.throughput:9.0f}{self.p50_ms / floor_ms:10.2f}"


@dataclass(frozen=True)
class Chain:
    """A trained chain: where its registry is, and its fleet."""

    home: Path
    fleet: Fleet

    @property
    def modelled(self) -> list[str]:
        """The stores with a model of their own."""
        return [store for store, on in zip(self.fleet.store_ids, self.fleet.has_model, strict=True) if on]

    def span(self, days: int) -> dict[str, str]:
        """The first days after the history."""
        first = self.fleet.trained_through + 1
        return {"beginDate": str(first), "endDate": str(first + days - 1)}

    def ask(self, store_ids: list[str], days: int = WEEK) -> bytes:
        """One request for some stores."""
        items = [{"storeId": store_id, **self.span(days)} for store_id in store_ids]
        return request(PREDICTIONS, {"jsonData": items[0] if len(items) == 1 else items})

    def ask_everybody(self) -> bytes:
        """One request that every child has a share in: a store with a model, and one that nobody knows."""
        known = {"storeId": self.modelled[0], **self.span(WEEK)}
        return request(PREDICTIONS, {"jsonData": [known, known | {"storeId": "new", "expectedSales": 1000}]})

    def ask_book(self, store_id: str, samples: int) -> bytes:
        """The same of the FastAPI app, for one store."""
        begin, end = self.span(WEEK).values()
        return request("/forecast", {"store_id": store_id, "begin_date": begin, "end_date": end, "samples": samples})


def trained(folder: Path, n_stores: int, rossmann: Path | None) -> Chain:
    """Train a chain with the command line."""
    if rossmann is None:
        tables = list(write_chain(folder / "chain", n_stores, 942, first=FIRST_DAY, seed=1).values())
    else:
        tables = [rossmann / name for name in ("train.csv.gz", "store.csv", "calendar.csv.gz")]
    home = folder / "home"
    options = zip(("--data", "--stores", "--calendar"), map(str, tables), strict=True)
    command = [sys.executable, "-m", "storecast", "train", "--home", str(home)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "STORECAST_"))}
    subprocess.run(
        [*command, *(word for pair in options for word in pair)], check=True, capture_output=True, env=environ
    )
    return Chain(home, load_fleet(MlflowRegistry(tracking_uri({}, home), home))[0])


def first_requests_ms(served: Served, chain: Chain) -> tuple[float, float]:
    """Median latency of the first request to each store, and of the second."""
    latencies_s(served.url, [chain.ask(["?"])] * WARM_UP)  # the connections and the code, no store
    asked = [chain.ask([store_id]) for store_id in chain.modelled]
    return percentile_ms(latencies_s(served.url, asked), 50), percentile_ms(latencies_s(served.url, asked), 50)


def memory_mb(served: Served, chain: Chain) -> dict[str, tuple[float, float]]:
    """Memory of each component's worker: after a request to each of its stores, and after one for all and 42 days."""
    with Connection(served.url) as connection:
        for store_id in chain.fleet.store_ids:
            connection.ask(chain.ask([store_id]))
        for _ in range(WARM_UP):
            connection.ask(chain.ask_everybody())
        before = {name: pss_mb(pid) for name, pid in served.workers().items()}
        connection.ask(chain.ask(["*"], ALL_DAYS))
    return {name: (before[name], pss_mb(pid)) for name, pid in served.workers().items()}


def cases_of(chain: Chain, ours: Served, floors: list[Served], app: Served, held: list[str], size: int) -> list[Case]:
    """Every row of the table; the floor first."""
    ids = chain.modelled
    one = [chain.ask([store_id]) for store_id in ids]
    some = [
        chain.ask([ids[(first + place) % len(ids)] for place in range(SOME_STORES)]) for first in range(0, len(ids), 7)
    ]
    every = [chain.ask(["*"], ALL_DAYS)]
    many = f"{chain.fleet.n_stores:,} stores, {ALL_DAYS} days"
    return [
        Case("floor: our entry, does nothing", floors[0].url, one, size),
        Case("floor: stock wrapper, does nothing", floors[1].url, one, size),
        Case("one store, 7 days", ours.url, one, size),
        Case(f"{SOME_STORES} stores, 7 days", ours.url, some, max(size // 2, CLIENTS)),
        Case(many, ours.url, every, size // 25 or 1),
        Case(
            "book: Prophet, 1000 samples",
            app.url,
            [chain.ask_book(each, 1000) for each in held],
            max(size // 8, CLIENTS),
        ),
        Case(
            "book: Prophet, no intervals", app.url, [chain.ask_book(each, 0) for each in held], max(size // 8, CLIENTS)
        ),
    ]


@contextlib.contextmanager
def running(folder: Path, chain: Chain, n_held: int) -> Iterator[tuple[Served, list[Served], Served, list[str]]]:
    """All servers at once."""
    held = chain.modelled[:n_held]
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(graph(chain.home))
        floors = [
            stack.enter_context(graph(folder / f"floor-{stock}", floor_deployment(stock=stock)))
            for stock in (False, True)
        ]
        yield ours, floors, stack.enter_context(book(folder / "book", chain.fleet, held)), held


def tell(cases: list[Case]) -> None:
    """Print the table and the bars."""
    floor, stock, one, _, every, sampled, plain = cases
    print(f"{'':34}{'p50 ms':>9}{'p99 ms':>9}{f'req/s x{CLIENTS}':>9}{'to floor':>10}")
    for case in cases:
        print(case.told(floor.p50_ms))
    to_floor, to_stock = one.p50_ms / floor.p50_ms, one.p50_ms / stock.p50_ms
    gain, gain_plain = one.throughput / sampled.throughput, one.throughput / plain.throughput
    print(f"\none store to the floor, p50: {to_floor:.2f} (bar: at most {FLOOR_BAR}); to the stock one: {to_stock:.2f}")
    print(f"the whole chain: {every.p50_ms:.0f} ms (bar: under {CHAIN_BAR_MS:.0f})")
    print(f"one store to the book, requests a second: {gain:.1f} (bar: at least {BOOK_BAR:.0f})")
    print(f"one store to the book without intervals: {gain_plain:.1f}")


def tell_memory(ours: dict[str, tuple[float, float]], single: dict[str, tuple[float, float]]) -> None:
    """Print what a worker holds."""
    print(
        f"\n{'worker memory, MB (PSS)':34}{'chain':>9}{'1 store':>9}{'more':>9}{'after a whole-chain answer, more':>36}"
    )
    for name, (steady, used) in ours.items():
        alone, alone_used = single[name]
        print(f"{name:34}{steady:9.1f}{alone:9.1f}{steady - alone:9.1f}{used - alone_used:36.1f}")
    print(f"(bar: at most {MEMORY_BAR_MB:.0f} MB more)")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rossmann", type=Path)
    parser.add_argument("--stores", type=int, default=1115)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=100, help="of a round, to one store")
    parser.add_argument("--book-models", type=int, default=24)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chain = trained(folder / "all", args.stores, args.rossmann)
        n_stores, modelled = chain.fleet.n_stores, len(chain.modelled)
        print(f"{n_stores} stores, {modelled} with a model; {os.cpu_count()} cores; one worker a component")
        single = trained(folder / "single", 1, None)
        with graph(single.home) as served:
            alone = memory_mb(served, single)
        with graph(chain.home) as served:
            cold_ms, warm_ms = first_requests_ms(served, chain)
            loaded = memory_mb(served, chain)
        with running(folder, chain, args.book_models) as (ours, floors, app, held):
            cases = cases_of(chain, ours, floors, app, held, args.requests)
            for case in cases:
                latencies_s(case.url, case.questions[:WARM_UP])
            for _ in range(args.rounds):
                for case in cases:
                    case.measure()
        tell(cases)
        print(
            f"first request to each store, p50: {cold_ms:.2f} ms; second: {warm_ms:.2f}; ratio {cold_ms / warm_ms:.2f}"
        )
        tell_memory(loaded, alone)


if __name__ == "__main__":
    main()
