"""The results of partitions, put together in the order of a chain."""

import numpy as np
import pytest

from training.backtest.choose import Backtest, Choice
from training.workers.chain_result import ChainResult
from training.workers.partition_job import PartitionResult


def judged(*candidates: int) -> Backtest:
    stores = np.array(candidates)
    flags = stores > 0
    return Backtest({}, Choice(stores, flags, flags, flags), stores.astype(np.float64), flags)


def failure(store: str) -> dict[str, str]:
    return {"store": store, "column": "y", "date": "2013-01-01", "reason": "no optimum"}


def test_stores_stand_in_the_order_of_the_chain_whatever_the_order_of_the_results() -> None:
    results = [
        PartitionResult(("c", "a"), {"fit": 1.0}, judged(3, 1), failures=[failure("c")], too_short=("a",)),
        PartitionResult(("b",), {"fit": 2.0, "read": 1.0}, judged(2), failures=[failure("b")], kept=("b",)),
    ]
    for order in (results, results[::-1]):
        whole = ChainResult(["a", "b", "c"])
        for result in order:
            whole.put(result)
        assert whole.backtest.choice.candidate.tolist() == [1, 2, 3]
        assert whole.backtest.seasonal_mae.tolist() == [1, 2, 3]
        assert [each["store"] for each in whole.failures] == ["b", "c"]
        assert (whole.too_short, whole.kept) == ({"a"}, {"b"})
        assert whole.seconds == {"fit": 3.0, "read": 1.0}


def test_what_no_job_did_cannot_be_asked_for() -> None:
    whole = ChainResult(["a"])
    whole.put(PartitionResult(("a",), {}, None))
    with pytest.raises(LookupError, match="a fitted chain"):
        _ = whole.contents
    with pytest.raises(LookupError, match="a judged chain"):
        _ = whole.backtest
