"""Each metric against a plain loop over one store."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.backtest import metrics

SHAPE = (3, 6)
SALES = arrays(np.float64, SHAPE, elements=st.floats(1, 1e5))
COUNTS = arrays(np.bool_, SHAPE)
WEEKS = (3, 17)


def naive(name: str, forecast: list[float], actual: list[float]) -> float:
    errors = [f - a for f, a in zip(forecast, actual, strict=True)]
    if not errors:
        return math.nan
    if name == "rmspe":
        return math.sqrt(sum((e / a) ** 2 for e, a in zip(errors, actual, strict=True)) / len(errors))
    if name == "wape":
        return sum(abs(e) for e in errors) / sum(actual)
    return sum(errors) / sum(actual)


def naive_seasonal(sales: list[float], counts: list[bool]) -> float:
    changes = [abs(sales[day] - sales[day - 7]) for day in range(7, len(sales)) if counts[day] and counts[day - 7]]
    return sum(changes) / len(changes) if changes else math.nan


def naive_mase(forecast: list[float], actual: list[float], seasonal: float) -> float:
    if not actual or math.isnan(seasonal) or seasonal == 0:
        return math.nan
    return sum(abs(f - a) for f, a in zip(forecast, actual, strict=True)) / len(actual) / seasonal


def naive_coverage(lower: list[float], upper: list[float], actual: list[float]) -> float:
    inside = [low <= a <= high for low, high, a in zip(lower, upper, actual, strict=True)]
    return sum(inside) / len(inside) if inside else math.nan


def naive_width(lower: list[float], upper: list[float], actual: list[float]) -> float:
    widths = [high - low for low, high in zip(lower, upper, strict=True)]
    return sum(widths) / sum(actual) if actual else math.nan


@given(SALES, SALES, COUNTS)
def test_every_metric_equals_its_plain_loop(forecast: np.ndarray, actual: np.ndarray, counts: np.ndarray) -> None:
    for name, metric in metrics.METRICS.items():
        found = metric(forecast, actual, counts)
        for row in range(SHAPE[0]):
            on = counts[row]
            wanted = naive(name, forecast[row][on].tolist(), actual[row][on].tolist())
            assert found[row] == pytest.approx(wanted, nan_ok=True, rel=1e-9, abs=1e-12)


@given(
    SALES,
    SALES,
    COUNTS,
    # Whole numbers, so that some weeks repeat the one before.
    arrays(np.float64, WEEKS, elements=st.integers(1, 4).map(float)),
    arrays(np.bool_, WEEKS),
)
def test_scaled_errors_equal_their_plain_loop(
    forecast: np.ndarray, actual: np.ndarray, counts: np.ndarray, history: np.ndarray, known: np.ndarray
) -> None:
    seasonal = metrics.seasonal_errors(history, known)
    found = metrics.mase(forecast, actual, counts, seasonal)
    scaled = []
    for row in range(SHAPE[0]):
        on = counts[row]
        by_loop = naive_seasonal(history[row].tolist(), known[row].tolist())
        assert seasonal[row] == pytest.approx(by_loop, nan_ok=True)
        ours, theirs = forecast[row][on].tolist(), actual[row][on].tolist()
        assert found[row] == pytest.approx(naive_mase(ours, theirs, by_loop), nan_ok=True)
        if by_loop > 0:
            scaled += [abs(f - a) / by_loop for f, a in zip(ours, theirs, strict=True)]
    of_all = sum(scaled) / len(scaled) if scaled else math.nan
    assert metrics.mase_of_all(forecast, actual, counts, seasonal) == pytest.approx(of_all, nan_ok=True)


@given(SALES, SALES, SALES, COUNTS)
def test_coverage_and_width_equal_their_plain_loops(
    one: np.ndarray, other: np.ndarray, actual: np.ndarray, counts: np.ndarray
) -> None:
    lower, upper = np.minimum(one, other), np.maximum(one, other)
    covered = metrics.coverage(lower, upper, actual, counts)
    width = metrics.width(lower, upper, actual, counts)
    for row in range(SHAPE[0]):
        on = counts[row]
        of_row = (lower[row][on].tolist(), upper[row][on].tolist(), actual[row][on].tolist())
        assert covered[row] == pytest.approx(naive_coverage(*of_row), nan_ok=True)
        # The widths are sums of numbers of up to 1e5 whose difference may be tiny.
        assert width[row] == pytest.approx(naive_width(*of_row), nan_ok=True, rel=1e-9, abs=1e-9)


def test_scaled_errors_compare_with_the_week_before() -> None:
    sales = np.array([[10.0, 10, 10, 10, 10, 10, 10, 12, 10, 10, 10, 10, 10, 99]])
    counts = np.ones(sales.shape, np.bool_)
    counts[0, -1] = False
    seasonal = metrics.seasonal_errors(sales, counts)
    assert seasonal[0] == pytest.approx(2 / 6)
    forecast, actual = np.array([[11.0, 10.0]]), np.array([[10.0, 10.0]])
    found = metrics.mase(forecast, actual, np.ones((1, 2), np.bool_), seasonal)
    assert found[0] == pytest.approx(0.5 / (2 / 6))
    assert np.isnan(metrics.seasonal_errors(sales[:, :7], counts[:, :7])[0])


def test_scaled_errors_of_several_stores_weigh_every_day_alike() -> None:
    forecast = np.array([[12.0, 12.0], [300.0, 0.0], [5.0, 5.0]])
    actual = np.array([[10.0, 10.0], [100.0, 1.0], [1.0, 1.0]])
    counts = np.array([[True, True], [True, False], [True, True]])
    # Two days that miss by half a usual change, one that misses by two; the third store has no usual change.
    found = metrics.mase_of_all(forecast, actual, counts, np.array([4.0, 100.0, 0.0]))
    assert found == pytest.approx((0.5 + 0.5 + 2.0) / 3)
    assert np.isnan(metrics.mase_of_all(forecast, actual, counts, np.array([0.0, np.nan, 0.0])))


def test_width_is_a_share_of_the_sales() -> None:
    lower, upper, actual = np.array([[8.0, 5.0]]), np.array([[12.0, 9.0]]), np.array([[10.0, 30.0]])
    assert metrics.width(lower, upper, actual, np.ones((1, 2), np.bool_))[0] == pytest.approx(8 / 40)


def test_bias_is_positive_where_the_forecast_is_too_high() -> None:
    one = np.ones((1, 1), np.bool_)
    assert metrics.bias(np.array([[110.0]]), np.array([[100.0]]), one)[0] == pytest.approx(0.1)


def test_coverage_counts_the_bounds_in_and_hidden_days_out() -> None:
    lower, upper, actual = np.zeros((1, 4)), np.full((1, 4), 10.0), np.array([[0.0, 10.0, 11.0, 99.0]])
    counts = np.array([[True, True, True, False]])
    assert metrics.coverage(lower, upper, actual, counts)[0] == pytest.approx(2 / 3)
