"""Interval widths from residuals: right on what they were not made from, a store's own scale, borrowed where few."""

import numpy as np
import pytest

from fleet.intervals import BUCKET_ENDS_DAYS, LEVELS, N_BUCKETS, buckets, normal_quantile, quantiles_at
from training.backtest.calibrate import Residuals, quantiles

N_STORES, N_DAYS = 120, 42
GROUPS = np.where(np.arange(N_STORES) % 2, "a", "b")


def scripted(n_folds: int, scale: np.ndarray, seed: int = 1) -> Residuals:
    rng = np.random.default_rng(seed)
    size = np.abs(rng.standard_t(4, (n_folds, N_STORES, N_DAYS))) * scale[None, :, None]
    counts = rng.random(size.shape) > 0.15
    return Residuals(np.where(counts, size, 0.0), counts)


def test_the_next_fold_is_covered_at_every_level_and_bucket() -> None:
    scale = np.random.default_rng(2).uniform(0.5, 2.0, N_STORES)
    table = quantiles(scripted(3, scale), GROUPS)
    later = scripted(20, scale, seed=9)
    ahead = np.arange(1, N_DAYS + 1)
    for level in (0.5, 0.8, 0.95):
        inside = later.size <= quantiles_at(table, ahead, level)[None]
        for bucket in range(N_BUCKETS - 1):
            judged = later.counts & (buckets(ahead) == bucket)
            assert inside[judged].mean() == pytest.approx(level, abs=0.03)


def test_a_store_that_is_hard_to_forecast_gets_wider_intervals() -> None:
    scale = np.ones(N_STORES)
    scale[7] = 3.0
    table = quantiles(scripted(3, scale), GROUPS)
    assert (table[7] > 2 * np.median(table, axis=0)).all()


def test_a_store_with_no_residuals_gets_its_groups_scale() -> None:
    scale = np.where(GROUPS == "a", 2.0, 1.0)
    residuals = scripted(3, scale)
    residuals.counts[:, 0] = False  # a store of group b
    residuals.counts[:, 1] = False  # and one of group a
    table = quantiles(residuals, GROUPS)
    for row, group in ((0, "b"), (1, "a")):
        others = table[(group == GROUPS) & (np.arange(N_STORES) > 1)]
        assert table[row, 0, 6] == pytest.approx(np.median(others[:, 0, 6]), rel=0.1)


def test_widths_never_shrink_with_the_level_and_no_residuals_at_all_still_give_some() -> None:
    table = quantiles(scripted(1, np.ones(N_STORES)), GROUPS)
    assert (np.diff(table, axis=2) >= 0).all()
    nothing = Residuals(np.zeros((1, N_STORES, 5)), np.zeros((1, N_STORES, 5), np.bool_))
    assert (quantiles(nothing, GROUPS) > 0).all()


def test_a_quiet_week_later_on_makes_no_interval_narrower() -> None:
    residuals = scripted(3, np.ones(N_STORES))
    loud = np.where(np.arange(N_DAYS) < BUCKET_ENDS_DAYS[0], 3.0, 1.0)
    table = quantiles(Residuals(residuals.size * loud, residuals.counts), GROUPS)
    assert (np.diff(table, axis=1) >= 0).all()
    # Both weeks together are covered as they should be.
    later = scripted(20, np.ones(N_STORES), seed=9)
    inside = later.size * loud <= quantiles_at(table, np.arange(1, N_DAYS + 1), 0.8)[None]
    assert inside[later.counts].mean() == pytest.approx(0.8, abs=0.02)


def test_a_forecast_that_gets_harder_has_intervals_that_get_wider() -> None:
    residuals = scripted(3, np.ones(N_STORES))
    harder = np.linspace(1.0, 2.0, N_DAYS)
    table = quantiles(Residuals(residuals.size * harder, residuals.counts), GROUPS)
    assert (np.diff(table[:, : N_BUCKETS - 1], axis=1) > 0).all()
    assert (table[:, -1] == table[:, -2]).all()  # of what nobody measured


def test_one_store_with_residuals_of_any_size_widens_no_other() -> None:
    plain = scripted(3, np.ones(N_STORES))
    size = plain.size.copy()
    size[:, 5] *= 1e200
    odd, usual = quantiles(Residuals(size, plain.counts), GROUPS), quantiles(plain, GROUPS)
    assert np.isfinite(odd).all()
    others = np.arange(N_STORES) != 5
    np.testing.assert_allclose(odd[others][:, :, LEVELS.index(0.8)], usual[others][:, :, LEVELS.index(0.8)], rtol=0.15)


def test_without_residuals_an_interval_is_the_normals() -> None:
    nothing = Residuals(np.zeros((1, N_STORES, 5)), np.zeros((1, N_STORES, 5), np.bool_))
    assert quantiles(nothing, GROUPS)[0, 0].tolist() == pytest.approx([normal_quantile(level) for level in LEVELS])


def test_levels_between_two_of_the_table_are_interpolated_and_days_far_ahead_have_the_last_bucket() -> None:
    table = np.broadcast_to(np.asarray(LEVELS), (1, N_BUCKETS, len(LEVELS))) * np.arange(1.0, N_BUCKETS + 1)[:, None]
    at = quantiles_at(table, np.array([-3, 1, BUCKET_ENDS_DAYS[0], BUCKET_ENDS_DAYS[0] + 1, 4000]), 0.82)
    assert at[0].tolist() == pytest.approx([0.82, 0.82, 0.82, 1.64, 0.82 * N_BUCKETS])
    for level in (LEVELS[0], LEVELS[-1]):
        assert quantiles_at(table, np.array([1]), level)[0, 0] == pytest.approx(level)
