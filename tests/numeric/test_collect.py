"""Lessons are learnt from what was known on the day, the same whoever works on which part of the chain."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support import chains, parts
from support.edge_chains import some_stores

from fleet import Fleet
from training.backtest.assemble import assemble
from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.history.history import History
from training.pooling.collect import Lessons, lend, lessons_of, marked
from training.pooling.group_effects import BORROWING_DAYS, borrowers
from training.pooling.variants import RECENT, SMOOTH, fit_variants
from training.workers.partition_job import LendJob, lend_part

VARIANTS = (RECENT, SMOOTH)
SHORT = 3


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    whole = chains.history(tmp_path_factory.mktemp("chain"), n_stores=24, n_days=800)
    sales = whole.sales.copy()
    sales[SHORT, :-60] = np.nan
    return replace(whole, sales=sales)


def learnt(history: History, *days: int) -> Lessons:
    design = design_of(history.calendar.columns)
    return lessons_of([lend(history, design, VARIANTS, days)], design, VARIANTS)


def test_each_moment_and_variant_has_a_lesson_of_its_own(history: History) -> None:
    days = (history.last_day - 42, history.last_day)
    lessons = learnt(history, *days)
    assert set(lessons) == {(day, variant.name) for day in days for variant in VARIANTS}
    assert lessons[days[0], "recent"].means.shape != lessons[days[0], "smooth"].means.shape


def test_a_lesson_knows_nothing_of_what_came_after_its_day(history: History) -> None:
    day = history.last_day - 42
    sales = history.sales.copy()
    sales[:, -42:] *= 7
    before, after = (learnt(one, day)[day, "recent"] for one in (history, replace(history, sales=sales)))
    np.testing.assert_array_equal(before.means, after.means)


def test_parts_of_a_chain_teach_what_the_whole_teaches(history: History) -> None:
    design, day = design_of(history.calendar.columns), history.last_day
    parts = [some_stores(history, rows) for rows in (range(8), range(8, 24))]
    lessons = lessons_of([lend(part, design, VARIANTS, (day,)) for part in parts], design, VARIANTS)
    whole = learnt(history, day)
    for moment, lesson in lessons.items():
        np.testing.assert_array_equal(lesson.means, whole[moment].means)
        np.testing.assert_array_equal(lesson.spreads, whole[moment].spreads)


def test_a_short_store_is_fitted_with_its_lesson_and_a_long_one_without(history: History) -> None:
    design, lessons = design_of(history.calendar.columns), learnt(history, history.last_day)
    taught = [lessons[history.last_day, variant.name] for variant in VARIANTS]
    both = (fit_variants(BatchedEngine(), history, design, VARIANTS, some) for some in ((), taught))
    for plain, borrowed in zip(*both, strict=True):
        changed = (plain.parameters.beta != borrowed.parameters.beta).any(axis=1)
        assert changed.tolist() == (borrowers(history) & plain.fitted).tolist()
        assert changed[SHORT]
        yearly = design.beta_names.index("yearly_s1")
        assert plain.parameters.beta[SHORT, yearly] == 0
        assert borrowed.parameters.beta[SHORT, yearly] != 0
    assert (history.fitted_days().sum(axis=1) >= BORROWING_DAYS).sum() >= 10


def test_a_chain_without_long_histories_has_no_lesson(history: History) -> None:
    assert learnt(history, history.first_day + 200) == {}
    assert lessons_of([], design_of(history.calendar.columns), VARIANTS) == {}


def test_the_facts_say_who_borrowed(history: History) -> None:
    design, lessons = design_of(history.calendar.columns), learnt(history, history.last_day)
    taught = [lessons[history.last_day, "recent"]]
    (fits,) = fit_variants(BatchedEngine(), history, design, [RECENT], taught)
    contents = assemble(history, design, fits, engine="batched", settings={})
    cast("Any", contents.facts)["variant"] = b"blend"
    told = Fleet.from_contents(marked(contents, lessons)).facts["variant"]
    borrowed = borrowers(history) & fits.fitted
    assert 0 < borrowed.sum() < len(borrowed)
    assert told.tolist() == [b"blend+group" if borrows else b"blend" for borrows in borrowed]
    assert marked(contents, {}) is contents
    assert marked(contents, learnt(history, history.last_day - 42)) is contents


def test_the_stores_of_a_part_that_teach_are_spread_over_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = parts.jobs(tmp_path, monkeypatch, stores_a_partition=100)  # ids often follow groups
    _, lent = lend_part(LendJob(job.part, job.chain, job.recipe, 12))
    whole, days = job.part.history(job.chain), (*job.recipe.cutoffs, job.chain.last_day)
    spread = whole.rows(np.array([0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27]))
    wanted = lend(spread, job.recipe.design, job.recipe.variants, days)
    assert lent.keys() == wanted.keys()
    for moment, one in lent.items():
        assert one.groups.tolist() == wanted[moment].groups.tolist()
        np.testing.assert_array_equal(one.parameters.beta, wanted[moment].parameters.beta)
