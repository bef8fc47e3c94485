"""The results of all partitions put together in the order of a chain, each as it arrives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from fleet import FleetContents
from fleet.arrays import IntArray, StoreRows
from training.backtest.choose import Backtest
from training.workers.partition_job import PartitionResult

S = TypeVar("S", bound=StoreRows)


class ChainResult:
    """What was found of a whole chain. There is room for all of it from the first result on, and no result is kept."""

    def __init__(self, store_ids: Sequence[str]) -> None:
        self.store_ids = tuple(store_ids)
        self.too_short: set[str] = set()
        self.kept: set[str] = set()
        self.seconds: dict[str, float] = {}
        self._contents: FleetContents | None = None
        self._backtest: Backtest | None = None
        self._failures: list[Mapping[str, Any]] = []
        self._rows = {store_id: row for row, store_id in enumerate(self.store_ids)}

    @property
    def contents(self) -> FleetContents:
        """The fitted fleet, before its backtest decides who gets a model. Raises: LookupError: no job fitted."""
        if self._contents is None:
            raise LookupError("wanted a fitted chain, got jobs that only judge: call gather with fit=True")
        calendar = self._contents.calendar.without_unused()
        return replace(self._contents, store_ids=self.store_ids, calendar=calendar)

    @property
    def backtest(self) -> Backtest:
        """Raises: LookupError: no job judged."""
        if self._backtest is None:
            raise LookupError("wanted a judged chain, got jobs without a backtest: give the recipe cutoffs")
        return self._backtest

    @property
    def failures(self) -> list[dict[str, Any]]:
        """In the order of the chain."""
        ordered = sorted(self._failures, key=lambda failure: self._rows[failure["store"]])
        return [dict(failure) for failure in ordered]

    def put(self, part: PartitionResult) -> None:
        """Take a partition's result over."""
        rows = np.array([self._rows[store_id] for store_id in part.store_ids], dtype=np.int64)
        self._contents = self._filled(self._contents, rows, part.contents)
        self._backtest = self._filled(self._backtest, rows, part.backtest)
        self._failures += part.failures
        self.too_short |= set(part.too_short)
        self.kept |= set(part.kept)
        for step, spent in part.seconds.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + spent

    def _filled(self, whole: S | None, rows: IntArray, part: S | None) -> S | None:
        if part is None:
            return whole
        filled = part.room_for(len(self.store_ids)) if whole is None else whole
        filled.put(rows, part)
        return filled
