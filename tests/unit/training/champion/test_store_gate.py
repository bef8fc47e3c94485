"""Which stores keep the champion's row, and that it is the champion's."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from support import fleets

from fleet import Design, Fleet, FleetContents, Regressor, Seasonality
from fleet.arrays import FloatArray
from fleet.contents import FACTS
from fleet.intervals import LEVELS, N_BUCKETS
from training.champion.store_gate import carry_over, clearly_worse, fold_wapes, keep_rows, was_kept

N_STORES = 5
DATES = np.arange(np.datetime64("2015-06-20"), np.datetime64("2015-07-20"))


def worse(wape: list[float], champion: list[float]) -> bool:
    return bool(clearly_worse(np.array(wape)[:, None], np.array(champion)[:, None])[0])


@pytest.mark.parametrize(
    ("wape", "champion", "expected"),
    [
        ([0.12, 0.121, 0.12], [0.10, 0.10, 0.10], True),
        ([0.10, 0.10, 0.10], [0.12, 0.12, 0.12], False),  # better
        ([0.30, 0.30, 0.09], [0.10, 0.10, 0.10], False),  # not in every fold
        ([0.101, 0.15, 0.20], [0.10, 0.10, 0.10], False),  # worse, but within the noise of the folds
        ([0.102, 0.102, 0.102], [0.10, 0.10, 0.10], False),  # always worse, by too little
        ([0.2, np.nan, 0.2], [0.10, 0.10, 0.10], False),  # a fold that did not judge it
        ([0.2], [0.1], False),  # one fold has no noise to compare with
    ],
)
def test_a_store_is_clearly_worse_only_beyond_the_noise_of_the_folds(
    wape: list[float], champion: list[float], expected: object
) -> None:
    assert worse(wape, champion) is expected


def test_equal_recipes_keep_few_stores_by_chance() -> None:
    rng = np.random.default_rng(1)
    one, other = (0.1 * np.exp(rng.normal(0, 0.2, (3, 4000))) for _ in range(2))
    assert clearly_worse(one, other).mean() < 0.05


def test_the_wape_of_each_fold_is_that_of_its_own_days() -> None:
    actual, value = np.full((2, 6), 10.0), np.full((2, 6), 10.0)
    value[0, 4:] = 15.0
    counts = np.ones((2, 6), dtype=np.bool_)
    assert fold_wapes(value, actual, counts, 3).tolist() == [[0, 0], [0, 0], [0.5, 0]]


def contents(seed: int, shape: Design | None = None, n_changepoints: int = 25) -> FleetContents:
    made = fleets.contents(N_STORES, seed=seed, shape=shape, n_changepoints=n_changepoints)
    rng = np.random.default_rng(seed)
    widths = np.sort(rng.uniform(0.5, 3, (N_STORES, N_BUCKETS, len(LEVELS))), axis=2)
    cast("Any", made.facts)["variant"] = b"blend"
    cast("Any", made.facts)["data_hash"] = f"of {seed}".encode()
    return replace(made, interval_quantiles=widths, calendar=fleets.contents(N_STORES, seed=1).calendar)


def forecast(made: FleetContents | Fleet, store: str) -> list[FloatArray]:
    fleet = made if isinstance(made, Fleet) else Fleet.from_contents(made)
    answer = fleet.predict([store], DATES)
    return [answer.value, answer.lower, answer.upper]


def earlier_release(made: FleetContents) -> Fleet:
    """The same fleet as before a model's own score was kept."""
    names = [name for name in FACTS.names or () if name != "model_wape"]
    old = np.zeros(N_STORES, dtype=[(name, FACTS[name]) for name in names])
    for name in names:
        old[name] = cast("Any", made.facts)[name]
    return Fleet(made.arrays() | {"facts": old}, made.meta(), "old")


def test_the_rows_of_a_champion_of_an_earlier_release_are_kept() -> None:
    ours, its = contents(1), contents(2)
    cast("Any", its.facts)["wape"] = 0.25
    cast("Any", ours.facts)["model_wape"] = 0.5
    champion = earlier_release(its)
    assert champion.facts.dtype == FACTS
    made, held = keep_rows(champion, "3", ours, mask(1))
    assert [one.kept for one in held] == [True]
    facts = cast("Any", made.facts)
    assert facts["wape"][1] == 0.25
    assert facts["data_hash"][1] == b"of 2"
    assert np.isnan(facts["model_wape"]).tolist() == [False, True, False, False, False]


def mask(*rows: int) -> "np.typing.NDArray[np.bool_]":
    return np.isin(np.arange(N_STORES), rows)


OLD, NEW = contents(2), contents(3)


def test_a_kept_store_answers_as_the_champion_did_bit_for_bit() -> None:
    champion = Fleet.from_contents(OLD)
    mixed, held = keep_rows(champion, "4", NEW, mask(1, 3))
    assert [(one.store, one.kept) for one in held] == [("2", True), ("4", True)]
    for row, store in enumerate(mixed.store_ids):
        source = OLD if row in (1, 3) else NEW
        for ours, theirs in zip(forecast(mixed, store), forecast(source, store), strict=True):
            assert ours.tobytes() == theirs.tobytes()
        for name in vars(mixed.parameters):
            kept, wanted = (getattr(one.parameters, name)[row] for one in (mixed, source))
            assert kept.tobytes() == wanted.tobytes()


def test_a_kept_store_keeps_its_facts_and_says_whose_they_are() -> None:
    mixed, _ = keep_rows(Fleet.from_contents(OLD), "4", NEW, mask(1))
    next_champion = Fleet.from_contents(mixed)
    assert next_champion.facts["data_hash"].tolist() == [b"of 3", b"of 2", b"of 3", b"of 3", b"of 3"]
    assert next_champion.facts["variant"][1] == b"champion:4"
    assert was_kept(next_champion.facts).tolist() == mask(1).tolist()
    again, _ = keep_rows(next_champion, "5", NEW, mask(1, 2))
    assert Fleet.from_contents(again).facts["variant"][[1, 2]].tolist() == [b"champion:4", b"champion:5"]


def test_what_was_there_is_not_changed() -> None:
    before = NEW.parameters.beta.copy(), NEW.facts.copy()
    keep_rows(Fleet.from_contents(OLD), "4", NEW, mask(0, 1, 2))
    np.testing.assert_array_equal(before[0], NEW.parameters.beta)
    assert before[1].tobytes() == NEW.facts.tobytes()
    assert keep_rows(Fleet.from_contents(OLD), "4", NEW, mask()) == (NEW, ())


def test_terms_are_found_by_what_they_are_wherever_they_stand() -> None:
    shape = fleets.design()
    turned = replace(
        shape,
        seasonalities=(Seasonality("year", 365.25, 6), Seasonality("week", 7, 3)),
        regressors=(Regressor("more", "month_day", {"first": 1, "last": 1}), *reversed(shape.regressors)),
    )
    mixed, held = keep_rows(Fleet.from_contents(OLD), "4", contents(3, turned), mask(2))
    assert held[0].kept
    for ours, theirs in zip(forecast(mixed, "3"), forecast(OLD, "3"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # sums of the same terms in another order


def test_a_row_with_a_term_that_is_gone_has_its_new_model() -> None:
    shape = fleets.design()
    fewer = replace(shape, regressors=shape.regressors[1:], seasonalities=(shape.seasonalities[0],))
    new = contents(3, fewer)
    beta = OLD.parameters.beta.copy()
    beta[2, : shape.n_fourier + 1][6:] = 0.0  # store 3 uses neither the yearly wave nor the first regressor
    champion = Fleet.from_contents(replace(OLD, parameters=replace(OLD.parameters, beta=beta)))
    mixed, held = keep_rows(champion, "4", new, mask(1, 2))
    assert [one.kept for one in held] == [False, True]
    assert "yearly_s1" in held[0].reason
    assert "promo_mon" in held[0].reason
    assert forecast(mixed, "2")[0].tobytes() == forecast(new, "2")[0].tobytes()
    np.testing.assert_allclose(forecast(mixed, "3")[0], forecast(champion, "3")[0], rtol=1e-12)


def test_changepoints_that_find_no_room_are_a_reason() -> None:
    mixed, held = keep_rows(Fleet.from_contents(OLD), "4", contents(3, n_changepoints=20), mask(0, 1))
    assert [one.kept for one in held] == [False, True]  # every other store of these fleets leaves five places unused
    assert "25 changepoints" in held[0].reason
    assert forecast(mixed, "2")[0].tobytes() == forecast(OLD, "2")[0].tobytes()


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (contents(3, fleets.design(transform="identity")), "its transform is log1p, now identity"),
        (contents(3, fleets.design(growth="flat")), "its growth is linear, now flat"),
        (replace(NEW, interval_quantiles=None), "only one of the two fleets has measured intervals"),
    ],
)
def test_a_row_that_means_something_else_in_the_new_fleet_is_not_kept(new: FleetContents, reason: str) -> None:
    mixed, held = keep_rows(Fleet.from_contents(OLD), "4", new, mask(0))
    assert mixed is new
    assert not held[0].kept
    assert held[0].reason == f"the recipe of version 4 is clearly better for it, but its row cannot be kept: {reason}"


def test_a_store_that_the_champion_has_no_model_of_has_its_new_one() -> None:
    without = replace(OLD, has_model=~mask(0))
    new = replace(NEW, store_ids=("1", "2", "new", "4", "5"))
    mixed, held = keep_rows(Fleet.from_contents(without), "4", new, mask(0, 2))
    assert [one.kept for one in held] == [False, False]
    assert mixed is new


def test_a_fleet_with_kept_rows_can_be_written_and_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fleet") / "mixed"
    mixed, _ = keep_rows(Fleet.from_contents(OLD), "4", NEW, mask(1))
    mixed.write(path)
    assert Fleet.open(path, verify=True).facts["variant"][1] == b"champion:4"


def test_a_store_that_is_not_fitted_again_keeps_what_is_said_of_its_fit() -> None:
    before, new = contents(1), contents(2)
    cast("Any", before.facts)["variant"][:3] = [b"blend+group", b"champion:3", b"smooth"]
    kept = np.arange(N_STORES) < 3
    after = carry_over(Fleet.from_contents(before), "7", new, kept)
    facts = cast("Any", after.facts)
    assert facts["variant"].tolist() == [b"blend+group", b"champion:3", b"smooth", b"blend", b"blend"]
    assert after.interval_quantiles is not None
    assert before.interval_quantiles is not None
    assert new.interval_quantiles is not None
    np.testing.assert_array_equal(after.interval_quantiles[1], before.interval_quantiles[1].astype(np.float32))
    np.testing.assert_array_equal(after.interval_quantiles[2:], new.interval_quantiles[2:])
    assert after.parameters.beta[1].tobytes() == before.parameters.beta[1].tobytes()
    assert facts["data_hash"].tolist() == [b"of 2", b"of 1", b"of 2", b"of 2", b"of 2"]
