"""The heart: every store's parameters, the calendar, and the formula that makes forecasts of them. Pure numpy."""

from fleet.calendar import Calendar, Column, Overrides
from fleet.contents import FleetContents
from fleet.design import Design, Seasonality
from fleet.errors import (
    ConversionError,
    FeatureError,
    FleetFormatError,
    LevelError,
    NameSyntaxError,
    StorecastError,
    UnknownStoreError,
)
from fleet.features import Regressor
from fleet.fleet import Fleet, Forecast
from fleet.formula import Parameters

__all__ = [
    "Calendar",
    "Column",
    "ConversionError",
    "Design",
    "FeatureError",
    "Fleet",
    "FleetContents",
    "FleetFormatError",
    "Forecast",
    "LevelError",
    "NameSyntaxError",
    "Overrides",
    "Parameters",
    "Regressor",
    "Seasonality",
    "StorecastError",
    "UnknownStoreError",
]
