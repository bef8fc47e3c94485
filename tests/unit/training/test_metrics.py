"""Each metric against a plain loop over one store."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training import metrics

SHAPE = (3, 6)
SALES = arrays(np.float64, SHAPE, elements=st.floats(1, 1e5))


def naive(name: str, forecast: list[float], actual: list[float]) -> float:
    errors = [f - a for f, a in zip(forecast, actual, strict=True)]
    if not errors:
        return math.nan
    if name == "rmspe":
        return math.sqrt(sum((e / a) ** 2 for e, a in zip(errors, actual, strict=True)) / len(errors))
    if name == "wape":
        return sum(abs(e) for e in errors) / sum(actual)
    return sum(errors) / sum(actual)


@given(SALES, SALES, arrays(np.bool_, SHAPE))
def test_every_metric_equals_its_plain_loop(forecast: np.ndarray, actual: np.ndarray, counts: np.ndarray) -> None:
    for name, metric in metrics.METRICS.items():
        found = metric(forecast, actual, counts)
        for row in range(SHAPE[0]):
            on = counts[row]
            wanted = naive(name, forecast[row][on].tolist(), actual[row][on].tolist())
            assert found[row] == pytest.approx(wanted, nan_ok=True, rel=1e-9, abs=1e-12)


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
