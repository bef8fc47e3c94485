"""The result of a training: its JSON values, and what of it goes into the metrics of the MLflow run."""

import math
import subprocess
import sys
from dataclasses import replace

from training.backtest.scores import GroupScores, Scores
from training.champion.fleet_gate import Gate
from training.checks.notices import Notice
from training.options import Quiet, Stages
from training.report import metrics_of
from training.result import LEFT_OUT, HistorySpan, StoreCounts, TrainingResult, WouldRegister

GROUP = GroupScores(
    rmspe=math.inf,
    wape=math.nan,
    bias=0.1,
    baseline_rmspe=0.2,
    baseline_wape=0.3,
    baseline_bias=0.4,
    mase=0.5,
    coverage_80=0.6,
    width_80=0.7,
    days=8,
    days_without_sales=9,
)
CHAIN = Scores(
    horizon_days=28,
    cutoffs=("2014-02-28",),
    **vars(GROUP),
    mase_median_store=0.55,
    stores_judged=2,
    stores_better_than_baseline=1,
    stores_left_to_baseline=1,
    variants={"blend": 2},
    groups={"a": GROUP},
)
RESULT = TrainingResult(
    engine="batched",
    runner="inprocess",
    refitted=1,
    kept=2,
    stores=StoreCounts(total=4, fitted=3, fallback_too_short=1, failed=0),
    history=HistorySpan("2013-01-01", "2014-03-28", 1200),
    calendar_through="2014-05-09",
    failures=(),
    too_short=("8",),
    notices=(Notice("gap", "2", "2013-06-01", "ds", "no row", weight=45), Notice("gap", "", "", "ds", "more", more=3)),
)


def test_a_part_that_is_not_there_is_left_out_but_what_was_registered() -> None:
    plain = RESULT.to_plain()
    assert plain["registered"] is None
    assert set(plain) == set(vars(RESULT)) - set(LEFT_OUT) | {"registered"}
    dry = replace(RESULT, would_register=WouldRegister("champion", Gate("champion", "why"))).to_plain()
    assert "registered" not in dry
    assert dry["would_register"]["gate"]["champion_wape"] is None


def test_the_history_and_the_notices_have_the_names_of_the_json() -> None:
    plain = RESULT.to_plain()
    assert list(plain["history"].items()) == [("from", "2013-01-01"), ("through", "2014-03-28"), ("rows", 1200)]
    assert [set(notice) for notice in plain["notices"]] == [
        {"kind", "store", "date", "column", "what"},
        {"kind", "store", "date", "column", "what", "more"},
    ]


def test_the_folds_stand_before_the_scores_and_a_score_that_is_no_number_is_none() -> None:
    backtest = replace(RESULT, backtest=CHAIN).to_plain()["backtest"]
    assert list(backtest)[:4] == ["horizon_days", "cutoffs", "rmspe", "wape"]
    assert [scores["rmspe"] for scores in (backtest, backtest["groups"]["a"])] == [None, None]
    assert [scores["wape"] for scores in (backtest, backtest["groups"]["a"])] == [None, None]


def test_the_metrics_of_the_run_are_its_counts_its_seconds_and_the_numbers_of_its_backtest() -> None:
    stages = Stages(Quiet())
    stages.seconds["read"] = 1.5
    counts = {"stores_total", "stores_fitted", "stores_fallback_too_short", "stores_failed"}
    counts |= {"stores_refitted", "stores_kept"}
    assert set(metrics_of(RESULT, stages)) == counts | {"seconds_read"}
    metrics = metrics_of(replace(RESULT, backtest=CHAIN), stages)
    assert set(metrics) == counts | {"seconds_read"} | set(vars(CHAIN)) - {"cutoffs", "variants", "groups"}
    assert (metrics["stores_kept"], metrics["horizon_days"], metrics["mase"]) == (2.0, 28, 0.5)


def test_a_training_starts_without_what_only_its_schema_and_its_registry_load() -> None:
    seen = "import sys, training.run; print({'matplotlib', 'mlflow', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
