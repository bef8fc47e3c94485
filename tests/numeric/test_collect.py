"""Group priors come from what was known on the day, the same whoever works on which part of the chain."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support.training import chains, parts
from support.training.edge_chains import some_stores

from fleet import Fleet
from training.backtest.assemble import assemble
from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.history.history import History
from training.pooling.collect import GroupPriors, fit_long_histories, group_priors_of, mark_pooled
from training.pooling.group_effects import SHORT_HISTORY_DAYS, short_histories
from training.pooling.variants import RECENT, SMOOTH, fit_variants
from training.workers.partition_job import CollectJob, collect_effects

VARIANTS = (RECENT, SMOOTH)
SHORT = 3


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    whole = chains.history(tmp_path_factory.mktemp("chain"), n_stores=24, n_days=800)
    sales = whole.sales.copy()
    sales[SHORT, :-60] = np.nan
    return replace(whole, sales=sales)


def priors_of(history: History, *days: int) -> GroupPriors:
    design = design_of(history.calendar.columns)
    return group_priors_of([fit_long_histories(history, design, VARIANTS, days)], design, VARIANTS)


def test_each_day_and_variant_has_group_priors_of_its_own(history: History) -> None:
    days = (history.last_day - 42, history.last_day)
    priors = priors_of(history, *days)
    assert set(priors) == {(day, variant.name) for day in days for variant in VARIANTS}
    assert priors[days[0], "recent"].means.shape != priors[days[0], "smooth"].means.shape


def test_group_priors_know_nothing_of_what_came_after_their_day(history: History) -> None:
    day = history.last_day - 42
    sales = history.sales.copy()
    sales[:, -42:] *= 7
    before, after = (priors_of(one, day)[day, "recent"] for one in (history, replace(history, sales=sales)))
    np.testing.assert_array_equal(before.means, after.means)


def test_parts_of_a_chain_give_the_priors_of_the_whole(history: History) -> None:
    design, day = design_of(history.calendar.columns), history.last_day
    parts = [some_stores(history, rows) for rows in (range(8), range(8, 24))]
    priors = group_priors_of([fit_long_histories(part, design, VARIANTS, (day,)) for part in parts], design, VARIANTS)
    whole = priors_of(history, day)
    assert priors
    for key, effects in priors.items():
        np.testing.assert_array_equal(effects.means, whole[key].means)
        np.testing.assert_array_equal(effects.spreads, whole[key].spreads)


def test_a_short_history_is_fitted_with_group_priors_and_a_long_one_without(history: History) -> None:
    design, priors = design_of(history.calendar.columns), priors_of(history, history.last_day)
    effects = [priors[history.last_day, variant.name] for variant in VARIANTS]
    both = (fit_variants(BatchedEngine(), history, design, VARIANTS, some) for some in ((), effects))
    for plain, pooled in zip(*both, strict=True):
        changed = (plain.parameters.beta != pooled.parameters.beta).any(axis=1)
        assert changed.tolist() == (short_histories(history) & plain.fitted).tolist()
        assert changed[SHORT]
        yearly = design.beta_names.index("yearly_s1")
        assert plain.parameters.beta[SHORT, yearly] == 0
        assert pooled.parameters.beta[SHORT, yearly] != 0
    assert (history.fitted_days().sum(axis=1) >= SHORT_HISTORY_DAYS).sum() >= 10


def test_a_chain_without_long_histories_has_no_group_priors(history: History) -> None:
    assert priors_of(history, history.first_day + 200) == {}
    assert group_priors_of([], design_of(history.calendar.columns), VARIANTS) == {}


def test_the_facts_say_which_stores_are_pooled(history: History) -> None:
    design, priors = design_of(history.calendar.columns), priors_of(history, history.last_day)
    effects = [priors[history.last_day, "recent"]]
    (fits,) = fit_variants(BatchedEngine(), history, design, [RECENT], effects)
    contents = assemble(history, design, fits, engine="batched", settings={})
    cast("Any", contents.facts)["variant"] = b"blend"
    variants = Fleet.from_contents(mark_pooled(contents, priors)).facts["variant"]
    pooled = short_histories(history) & fits.fitted
    assert 0 < pooled.sum() < len(pooled)
    assert variants.tolist() == [b"blend+group" if is_pooled else b"blend" for is_pooled in pooled]
    assert mark_pooled(contents, {}) is contents
    assert mark_pooled(contents, priors_of(history, history.last_day - 42)) is contents


def test_collected_stores_are_spread_over_all_of_a_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = parts.jobs(tmp_path, monkeypatch, stores_a_partition=100)  # ids often follow groups
    _, collected = collect_effects(CollectJob(job.partition, job.chain, job.recipe, 12))
    whole, days = job.partition.history(job.chain), (*job.recipe.cutoffs, job.chain.last_day)
    spread = whole.rows(np.array([0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27]))
    wanted = fit_long_histories(spread, job.recipe.design, job.recipe.variants, days)
    assert collected.keys() == wanted.keys()
    for key, one in collected.items():
        assert one.groups.tolist() == wanted[key].groups.tolist()
        np.testing.assert_array_equal(one.parameters.beta, wanted[key].parameters.beta)
