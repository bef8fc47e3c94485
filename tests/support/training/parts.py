"""A small chain in partitions, ready to be worked on, and what came back as bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.training import chains

from fleet.arrays import AnyArray, StoreRows
from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.options import Quiet, Stages, TrainingOptions
from training.pooling.variants import LIVELY, SMOOTH
from training.prepare import partition, prepare
from training.workers.chain_result import ChainResult
from training.workers.partition_job import PartitionJob, PartitionResult, Recipe


def jobs(folder: Path, monkeypatch: pytest.MonkeyPatch, stores_a_partition: int = 5) -> list[PartitionJob]:
    """The jobs of a chain of 30 stores."""
    monkeypatch.setattr("training.prepare.STORES_A_PARTITION", stores_a_partition)
    paths = chains.files(folder / "chain", n_stores=30, n_days=400)
    return jobs_of(folder, paths["train"], paths["store"], paths["calendar"])


def jobs_of(folder: Path, train: Path, stores: Path, calendar: Path) -> list[PartitionJob]:
    """The jobs of a chain from any sources; `folder`: for its partitions."""
    options = TrainingOptions(train, stores, calendar, folder, "", n_folds=2, test_days=28)
    prepared = prepare(options, partition(options, folder / "parts"), Stages(Quiet()))
    design = design_of(prepared.chain.columns)
    recipe = Recipe(design, (LIVELY, SMOOTH), BatchedEngine(), prepared.cutoffs, 28)
    return [PartitionJob(part, prepared.chain, recipe) for part in prepared.parts]


def as_bytes(results: Iterable[PartitionResult]) -> dict[str, bytes]:
    """Every array of a chain's results put together, and what else came back."""
    kept = list(results)
    whole = ChainResult(sorted(store_id for result in kept for store_id in result.store_ids))
    for result in kept:
        whole.put(result)
    texts = {"failures": repr(whole.failures), "too_short": repr(sorted(whole.too_short))}
    arrays = {**dict(_arrays("contents", whole.contents)), **dict(_arrays("backtest", whole.backtest))}
    return {name: rows.tobytes() for name, rows in arrays.items()} | {
        name: text.encode() for name, text in texts.items()
    }


def _arrays(name: str, value: object) -> Iterator[tuple[str, AnyArray]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, StoreRows):
        for field in fields(value):
            yield from _arrays(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _arrays(f"{name}.{key}", part)
