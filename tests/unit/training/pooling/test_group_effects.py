"""Effects of the stores with long histories, by group."""

import numpy as np
import pytest

from fleet import Design, Parameters, Regressor
from fleet.arrays import BoolArray, FloatArray, weekdays
from fleet.formula import SCALARS
from training.engines.features import WEEKLY, YEARLY
from training.pooling.group_effects import FEW_STORES, GroupEffects, group_effects_of

DESIGN = Design((WEEKLY, YEARLY), (Regressor("promo", "flag"), Regressor("price", "number")))
N = len(DESIGN.beta_names)
PROMO, PRICE = N - 2, N - 1
GROUPS = np.array(["a"] * 20 + ["b"] * 20)
EVERY_DAY = np.ones((40, 7), dtype=np.bool_)
LONG = np.ones(40, dtype=np.bool_)


def parameters(seed: int = 1, n_stores: int = 40) -> Parameters:
    rng = np.random.default_rng(seed)
    scalars = np.zeros((n_stores, len(SCALARS)))
    for name, values in (("k", 0.02), ("m", 0.9), ("y_scale", rng.uniform(8, 10, n_stores)), ("t_scale_days", 730.0)):
        scalars[:, SCALARS.index(name)] = values
    spread = np.ones((n_stores, 2))
    spread[:, 1] = rng.uniform(1, 3, n_stores)
    hinges = np.zeros((n_stores, 3))
    return Parameters(
        scalars, rng.normal(0.02, 0.01, (n_stores, N)), hinges, hinges + 0.5, np.zeros((n_stores, 2)), spread
    )


def effects_of(own: Parameters, long: BoolArray = LONG, known: BoolArray = EVERY_DAY) -> GroupEffects:
    made = group_effects_of(own, DESIGN, GROUPS, long, known)
    assert made is not None
    return made


def test_an_effect_is_the_groups_mean_in_sales_not_in_each_stores_own_scale() -> None:
    own = parameters()
    scale = own.scalar("y_scale")[:, 0]
    promo, price = own.beta[:, PROMO] * scale, own.beta[:, PRICE] * scale / own.spread[:, 1]
    expected = effects_of(own).of(np.array(["a", "b"]))
    for column, values in ((PROMO, promo), (PRICE, price)):
        group = (20 * values[:20].mean() + FEW_STORES * values.mean()) / (20 + FEW_STORES)
        assert expected.effects[0, column] == pytest.approx(group, rel=1e-12)
        assert expected.effect_spreads[0, column] == pytest.approx(values[:20].std(), rel=0.2)
    assert expected.slope[0] == pytest.approx((0.02 * scale / 730).mean(), rel=0.05)
    assert expected.trend_days == 730


def test_a_group_that_nobody_knows_is_expected_to_be_like_the_chain() -> None:
    own = parameters()
    values = own.beta[:, PROMO] * own.scalar("y_scale")[:, 0]
    assert effects_of(own).of(np.array(["new"])).effects[0, PROMO] == pytest.approx(values.mean(), rel=1e-12)


def test_a_column_that_too_few_stores_have_seen_keeps_its_plain_prior() -> None:
    own = parameters()
    own.beta[FEW_STORES - 1 :, PROMO] = 0.0
    expected = effects_of(own).of(GROUPS[:1])
    assert (expected.effects[0, PROMO], expected.effect_spreads[0, PROMO]) == (0.0, np.inf)
    assert np.isfinite(np.delete(expected.effect_spreads[0], PROMO)).all()


def test_short_histories_are_no_part_of_the_group_effects() -> None:
    own, few = parameters(), LONG.copy()
    few[10:] = False
    expected = effects_of(own, few).of(GROUPS[:1])
    changed = parameters()
    changed.beta[10:] = 99.0
    np.testing.assert_array_equal(effects_of(changed, few).of(GROUPS[:1]).effects, expected.effects)
    few[FEW_STORES - 1 :] = False
    assert group_effects_of(own, DESIGN, GROUPS, few, EVERY_DAY) is None


def with_week(own: Parameters, pattern: FloatArray) -> Parameters:
    """Every store's weekly wave made to say `pattern`, (n_stores, 7) on the fitted scale."""
    days = np.arange(7)
    waves = WEEKLY.matrix(days[np.argsort(weekdays(days))])
    own.beta[:, :6] = (pattern - pattern.mean(axis=1, keepdims=True)) @ np.linalg.pinv(waves).T / own.scalar("y_scale")
    return own


def test_a_weekly_wave_is_pooled_by_its_effects_on_the_days_that_a_store_opens() -> None:
    week = np.array([0.3, 0.1, 0.0, 0.0, 0.1, 0.2, 0.0])
    known = EVERY_DAY.copy()
    known[:, 6] = False
    # What a wave says of a Sunday on which nobody opens is arbitrary, and no store's effect.
    arbitrary = np.tile(week, (40, 1))
    arbitrary[:, 6] = np.random.default_rng(3).normal(0, 5, 40)
    made = effects_of(with_week(parameters(), arbitrary), known=known)
    expected = made.of(GROUPS[:1])
    days = np.arange(7)
    says = expected.effects[0, :6] @ WEEKLY.matrix(days[np.argsort(weekdays(days))]).T
    np.testing.assert_allclose(says[:6] - says[:6].mean(), week[:6] - week[:6].mean(), atol=1e-9)
    assert expected.effect_spreads[0, :6].max() < 1e-6


def test_a_profile_does_not_depend_on_groups_that_others_belong_to() -> None:
    own = parameters()
    one = effects_of(own).of(np.array(["b", "a", "b"]))
    np.testing.assert_array_equal(one.effects[0], one.effects[2])
    np.testing.assert_array_equal(one.effects[1], effects_of(own).of(np.array(["a"])).effects[0])
