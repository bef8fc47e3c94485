"""Whether a fleet may take the place of the one that is served: whole, readable, big enough, and sane."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fleet import Fleet, Forecast, StorecastError
from fleet.storage import FORMAT_VERSION, MANIFEST
from model_wrapper.errors import FleetRefusedError

DAMAGED = "damaged"
NEWER_FORMAT = "newer_format"
TOO_FEW_STORES = "too_few_stores"
SELF_FORECAST = "self_forecast"
REGISTRY = "registry"
INTERNAL = "internal"
REASONS = (REGISTRY, DAMAGED, NEWER_FORMAT, TOO_FEW_STORES, SELF_FORECAST, INTERNAL)
"""Every reason for which a reload fails, as the label of its metric."""

_STORES_ASKED = 16
_DAYS_ASKED = 7


def open_whole(path: Path) -> Fleet:
    """Open a fleet with every array read and proved, so that nothing is left to be found out by a request.

    Raises: FleetRefusedError: torn, with a wrong checksum, or of another format.
    """
    try:
        return Fleet.open(path, verify=True)
    except (StorecastError, OSError, KeyError, TypeError, ValueError) as error:
        reason = NEWER_FORMAT if _is_of_another_format(path) else DAMAGED
        raise FleetRefusedError(f"the fleet cannot be opened: {error}", reason) from error


def _is_of_another_format(path: Path) -> bool:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        return bool(manifest["format_version"] != FORMAT_VERSION)
    except (OSError, ValueError, KeyError, TypeError):
        return False


class Size(NamedTuple):
    """How many stores a fleet has, and how many of them have a model."""

    stores: int
    models: int

    @classmethod
    def of(cls, fleet: Fleet) -> "Size":
        """Count a fleet."""
        return cls(fleet.n_stores, fleet.n_models)


def check_size(new: Size, served: Size, least_share: float) -> None:
    """Refuse a fleet that lost too many of the stores that are served, or of their models.

    Raises: FleetRefusedError.
    """
    for what, found, wanted in zip(Size._fields, new, served, strict=True):
        if found < least_share * wanted:
            raise FleetRefusedError(
                f"wanted at least {least_share:.0%} of the {wanted} {what} that are served, got {found}; if that is "
                "meant, lower STORECAST_MIN_STORES_SHARE",
                TOO_FEW_STORES,
            )


def check_forecast(fleet: Fleet) -> None:
    """Forecast the week after the history for some stores, spread over the fleet, and look whether it makes sense.

    Raises: FleetRefusedError: a number that is not finite, a negative one, or bounds that do not hold the value.
    """
    if fleet.n_stores == 0:
        raise FleetRefusedError("wanted a fleet with at least one store, got none", SELF_FORECAST)
    days = fleet.trained_through + np.arange(1, _DAYS_ASKED + 1)
    modelled = _spread(np.flatnonzero(fleet.has_model))
    try:
        forecasts = [fleet.fallback(_names(fleet, _spread(np.arange(fleet.n_stores))), days)]
        if len(modelled):
            forecasts.append(fleet.predict(_names(fleet, modelled), days))
    except (StorecastError, ValueError, KeyError, IndexError) as error:
        raise FleetRefusedError(f"the fleet cannot forecast its next week: {error}", SELF_FORECAST) from error
    invalid = [store_id for forecast in forecasts for store_id in _invalid_stores(forecast)]
    if invalid:
        named = ", ".join(invalid[:5])
        raise FleetRefusedError(
            f"wanted 0 <= lower <= value <= upper for the next week, got something else of store {named}", SELF_FORECAST
        )


def _spread(rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if len(rows) <= _STORES_ASKED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _STORES_ASKED).astype(np.int64)]


def _names(fleet: Fleet, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    return [fleet.store_ids[row] for row in rows]


def _invalid_stores(forecast: Forecast) -> list[str]:
    # A comparison with NaN is False, so that NaN is invalid, too.
    good = (forecast.lower >= 0) & (forecast.lower <= forecast.value) & (forecast.value <= forecast.upper)
    good &= np.isfinite(forecast.upper)
    return [forecast.store_ids[row] for row in np.flatnonzero(~good.all(axis=1))]
