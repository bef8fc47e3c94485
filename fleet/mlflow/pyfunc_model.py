"""The fleet as an MLflow pyfunc, logged as this file (models from code): no pickle, usable in a notebook.

    model = mlflow.pyfunc.load_model("models:/storecast-fleet@champion")
    model.predict(pd.DataFrame({"store_id": [4], "begin_date": ["2015-06-20"], "end_date": ["2015-06-26"]}))
    model.unwrap_python_model().fleet            # the Fleet itself: to_prophet, facts, parameters

Ids are text or whole numbers, "*" is every store; days are text, Timestamps, dates or numpy's. Without `end_date` a
week is forecast, without `begin_date` from the day after the history. Answers one row a store and day: store_id,
timestamp, value, lower, upper, source (`fleet` or `fallback`), note (`closed`, `calendar-assumed` or empty).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from fleet import FeatureError, Fleet
from fleet.arrays import day_numbers
from fleet.cells import is_missing, whole_text, written_day
from fleet.names import FLEET_ARTIFACT

DEFAULT_LEVEL = 0.8
DEFAULT_DAYS = 7
EVERY_STORE = "*"


class FleetModel(PythonModel):
    """Opens the fleet beside it and forecasts the rows of a table."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow's own
        """Open the fleet; its arrays stay on disk until asked for."""
        self.fleet = Fleet.open(Path(context.artifacts[FLEET_ARTIFACT]))

    def predict(
        self,
        context: Any,  # noqa: ANN401, ARG002 - MLflow's own
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Forecast each row's store from `begin_date` to `end_date`, both inclusive; `params`: {"level": 0.8}.

        Raises: UnknownStoreError.  FeatureError: a cell that is no store or no day.  LevelError.
        """
        level = float((params or {}).get("level", DEFAULT_LEVEL))
        parts = []
        for row in model_input.to_dict("records"):
            dates = self._dates(row.get("begin_date"), row.get("end_date"))
            store_id = _store_id(row["store_id"])
            store_ids = self.fleet.store_ids if store_id == EVERY_STORE else (store_id,)
            parts.append(self._forecast(store_ids, dates, level))
        return pd.concat(parts, ignore_index=True)

    def _dates(self, begin: object, end: object) -> Any:  # noqa: ANN401 - an array of days
        first, last = _day("begin_date", begin), _day("end_date", end)
        if first is None:
            first = self.fleet.trained_through + 1
        if last is None:
            last = first + DEFAULT_DAYS - 1
        if last < first:
            raise FeatureError(f"end_date: wanted a day not before {first}, got {last}")
        return np.arange(first, last + 1)

    def _forecast(self, store_ids: Sequence[str], dates: Any, level: float) -> pd.DataFrame:  # noqa: ANN401 - days
        rows = [self.fleet.position(store_id) for store_id in store_ids]
        modelled = np.array([row is not None and bool(self.fleet.has_model[row]) for row in rows])
        columns = {name: np.empty((len(rows), len(dates))) for name in ("value", "lower", "upper")}
        notes = np.empty((len(rows), len(dates)), dtype=object)
        for ask, of_these in ((self.fleet.predict, modelled), (self.fleet.fallback, ~modelled)):
            places = np.flatnonzero(of_these)
            if len(places):
                answer = ask([store_ids[place] for place in places.tolist()], dates, level)
                for name, column in columns.items():
                    column[places] = getattr(answer, name)
                notes[places] = answer.notes
        days = len(dates)
        return pd.DataFrame(
            {
                "store_id": np.repeat(np.array(store_ids, dtype=object), days),
                "timestamp": np.tile(dates.astype("datetime64[ns]"), len(rows)),
                **{name: column.ravel() for name, column in columns.items()},
                "source": np.repeat(np.where(modelled, "fleet", "fallback").astype(object), days),
                "note": notes.ravel(),
            }
        )


def _store_id(cell: object) -> str:
    """As text; pandas reads ids of digits as integers, and as floats where one of them is missing."""
    text = whole_text(str(cell))
    if cell is None or isinstance(cell, bool) or (isinstance(cell, float) and not cell.is_integer()) or not text:
        raise FeatureError(f"store_id: wanted text or a whole number, got {cell!r}")
    return text


def _day(column: str, cell: Any) -> np.datetime64 | None:  # noqa: ANN401 - text, or anything that is a date
    text = str(cell.isoformat() if hasattr(cell, "isoformat") else cell)
    if is_missing(text):
        return None
    found = written_day(text)
    if found is None or not found[1]:
        raise FeatureError(f"{column}: wanted a day such as 2015-06-20, without an hour, got {cell!r}")
    return np.datetime64(int(day_numbers(found[0])), "D")


set_model(FleetModel())
