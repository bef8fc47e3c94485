"""A small chain in partitions, ready to be worked on, and what came back as bytes."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from support import chains

from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.options import Quiet, Stages, TrainingOptions
from training.pooling.variants import LIVELY, SMOOTH
from training.prepare import partition, prepare
from training.workers.partition_job import Block, Gathered, Job, Recipe


def jobs(folder: Path, monkeypatch: pytest.MonkeyPatch, stores_a_partition: int = 5) -> list[Job]:
    """The jobs of a chain of 30 stores."""
    monkeypatch.setattr("training.prepare.STORES_A_PARTITION", stores_a_partition)
    paths = chains.files(folder / "chain", n_stores=30, n_days=400)
    return jobs_of(folder, paths["train"], paths["store"], paths["calendar"])


def jobs_of(folder: Path, train: Path, stores: Path, calendar: Path) -> list[Job]:
    """The jobs of a chain from any sources; `folder`: for its partitions."""
    options = TrainingOptions(train, stores, calendar, folder, "", n_folds=2, test_days=28)
    prepared = prepare(options, partition(options, folder / "parts"), Stages(Quiet()))
    design = design_of(prepared.chain.columns)
    recipe = Recipe(design, (LIVELY, SMOOTH), BatchedEngine(), prepared.cutoffs, 28)
    return [Job(part, prepared.chain, recipe) for part in prepared.parts]


def as_bytes(blocks: Iterable[Block]) -> dict[str, bytes]:
    """Every array of a chain's blocks put together."""
    kept = list(blocks)
    gathered = Gathered(sorted(store_id for block in kept for store_id in block.store_ids))
    for block in kept:
        gathered.put(block)
    told = {"failures": repr(gathered.failures), "too_short": repr(sorted(gathered.too_short))}
    return {name: rows.tobytes() for name, rows in gathered.rows.items()} | {
        name: text.encode() for name, text in told.items()
    }
