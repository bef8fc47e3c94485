"""What every store's row of parameters means: seasonalities, regressors, growth and the target's transform."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from fleet.arrays import FloatArray, IntArray
from fleet.features import Mode, Regressor

Transform = Literal["log1p", "identity"]
Growth = Literal["linear", "flat"]

# Clients ask for the same days again and again.
_MATRICES_KEPT = 64
_LARGEST_EXPONENT = 700.0  # exp(709.8) overflows float64


@dataclass(frozen=True)
class Seasonality:
    """A Fourier series: `order` sines and cosines of the period's multiples, as Prophet orders them."""

    name: str
    period_days: float
    order: int
    mode: Mode = "additive"

    def matrix(self, days: IntArray) -> FloatArray:
        """Fourier terms, shape (n_days, 2 * order): sine and cosine of each multiple in turn."""
        return _fourier(self.period_days, self.order, days.astype(np.float64).tobytes())


@lru_cache(_MATRICES_KEPT)
def _fourier(period_days: float, order: int, days: bytes) -> FloatArray:
    angles = (np.arange(1, order + 1) / period_days)[None, :] * (2 * np.pi * np.frombuffer(days))[:, None]
    terms = np.empty((len(angles), 2 * order))
    terms[:, 0::2], terms[:, 1::2] = np.sin(angles), np.cos(angles)
    terms.setflags(write=False)
    return terms


@dataclass(frozen=True)
class Design:
    """The columns behind `beta`, in Prophet's order: the seasonalities' Fourier terms, then the regressors."""

    seasonalities: tuple[Seasonality, ...]
    regressors: tuple[Regressor, ...]
    growth: Growth = "linear"
    transform: Transform = "log1p"

    @property
    def n_fourier(self) -> int:
        """Number of Fourier columns at the head of `beta`."""
        return sum(2 * season.order for season in self.seasonalities)

    @property
    def beta_names(self) -> tuple[str, ...]:
        """A name for each column of `beta`."""
        fourier = [f"{s.name}_{wave}{i + 1}" for s in self.seasonalities for i in range(s.order) for wave in ("s", "c")]
        return (*fourier, *(regressor.name for regressor in self.regressors))

    def forward(self, sales: FloatArray) -> FloatArray:
        """Sales -> the scale that is fitted."""
        return np.log1p(sales) if self.transform == "log1p" else sales

    def back(self, fitted: FloatArray) -> FloatArray:
        """The fitted scale -> sales, never negative."""
        if self.transform == "log1p":
            fitted = np.expm1(np.minimum(fitted, _LARGEST_EXPONENT))
        return np.maximum(fitted, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the fleet's manifest."""
        return asdict(self)

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Design":
        """The inverse of `to_dict`."""
        return Design(
            tuple(Seasonality(**season) for season in plain["seasonalities"]),
            tuple(Regressor(**regressor) for regressor in plain["regressors"]),
            plain["growth"],
            plain["transform"],
        )
