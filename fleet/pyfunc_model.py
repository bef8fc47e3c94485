"""The fleet as an MLflow pyfunc, logged as this file (models from code): no pickle, usable in a notebook.

    model = mlflow.pyfunc.load_model("models:/storecast-fleet@champion")
    model.predict(pd.DataFrame({"store_id": ["4"], "begin_date": ["2015-06-20"], "end_date": ["2015-06-26"]}))
    model.unwrap_python_model().fleet            # the Fleet itself: to_prophet, facts, parameters

Answers one row a store and day: store_id, timestamp, value, lower, upper, source (`fleet` or `fallback`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from fleet import Fleet
from fleet.names import FLEET_ARTIFACT

DEFAULT_LEVEL = 0.8


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
        """Forecast each row's store from `begin_date` to `end_date`, both inclusive; `params`: {"level": 0.8}."""
        level = float((params or {}).get("level", DEFAULT_LEVEL))
        parts = [
            self._forecast(str(row.store_id), row.begin_date, row.end_date, level) for row in model_input.itertuples()
        ]
        return pd.concat(parts, ignore_index=True)

    def _forecast(self, store_id: str, begin: object, end: object, level: float) -> pd.DataFrame:
        first, last = np.datetime64(str(begin)[:10], "D"), np.datetime64(str(end)[:10], "D")
        dates = np.arange(first, last + 1)
        row = self.fleet.position(store_id)
        source = "fleet" if row is not None and self.fleet.has_model[row] else "fallback"
        ask = self.fleet.predict if source == "fleet" else self.fleet.fallback
        answer = ask([store_id], dates, level)
        bounds = {"value": answer.value[0], "lower": answer.lower[0], "upper": answer.upper[0]}
        return pd.DataFrame(
            {"store_id": store_id, "timestamp": dates.astype("datetime64[ns]"), **bounds, "source": source}
        )


set_model(FleetModel())
