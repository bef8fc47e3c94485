"""A blend forecasts the mean of its parts, and is one model; a pick takes whole rows."""

import numpy as np
from support import fleets

from fleet import Fleet, Parameters
from fleet.contents import FleetContents
from training.pooling.variants import blend, pick

DAYS = np.arange("2015-06-20", "2015-08-01", dtype="datetime64[D]")
DESIGN = fleets.design()


def parts() -> list[Parameters]:
    """Three variants of the same stores: other coefficients, the same days, scales and places of the trend's bends."""
    rng = np.random.default_rng(5)
    first = fleets.parameters(rng, 4, DESIGN)
    made = [first]
    for _ in range(2):
        scalars = first.scalars.copy()
        scalars[:, :3] *= rng.uniform(0.9, 1.1, (4, 3))
        shake = rng.uniform(0.5, 1.5, first.beta.shape)
        delta = first.delta * rng.uniform(0, 2, first.delta.shape)
        made.append(Parameters(scalars, first.beta * shake, delta, first.changepoints_t, first.centre, first.spread))
    return made


def forecast(parameters: Parameters) -> np.ndarray:
    contents = FleetContents(**{**vars(fleets.contents(4)), "parameters": parameters})
    answer = Fleet.from_contents(contents).predict(["1", "2", "3", "4"], DAYS)
    return np.asarray(np.log1p(answer.value))


def test_a_blends_forecast_is_the_mean_of_its_parts_forecasts() -> None:
    three = parts()
    wanted = np.mean([forecast(part) for part in three], axis=0)
    np.testing.assert_allclose(forecast(blend(three)), wanted, rtol=1e-12)


def test_a_pick_takes_whole_rows() -> None:
    three = parts()
    picked = forecast(pick(three, np.array([2, 0, 1, 0])))
    for row, part in enumerate((2, 0, 1, 0)):
        np.testing.assert_array_equal(picked[row], forecast(three[part])[row])
