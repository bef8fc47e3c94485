"""The book's way of serving: a FastAPI app that holds fitted stock Prophet models and calls `predict` a request.

Everything that can be done beforehand is done: models and the values of their regressors are in memory before the
first request. `BOOK_FOLDER` names a folder with `<store>.json` (Prophet's own JSON) and `<store>.parquet` (its days).
"""

import logging
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from fastapi import FastAPI
from prophet import Prophet
from prophet.serialize import model_from_json
from pydantic import BaseModel


class Question(BaseModel):
    """One store and its days; `samples`: of Prophet's intervals, 1000 is its default and 0 leaves them out."""

    store_id: str
    begin_date: str
    end_date: str
    samples: int = 1000


def load(folder: Path) -> dict[str, tuple[Prophet, pd.DataFrame]]:
    """Every model of the folder, and its days ahead by date."""
    return {
        path.stem: (model_from_json(path.read_text()), pd.read_parquet(path.with_suffix(".parquet")))
        for path in sorted(folder.glob("*.json"))
    }


logging.getLogger("cmdstanpy").setLevel(logging.CRITICAL)
app = FastAPI()
MODELS = load(Path(os.environ["BOOK_FOLDER"]))


@app.post("/forecast")
def forecast(question: Question) -> list[dict[Hashable, Any]]:
    """The days of one store."""
    model, days = MODELS[question.store_id]
    model.uncertainty_samples = question.samples
    future = days[(days["ds"] >= question.begin_date) & (days["ds"] <= question.end_date)]
    columns = ["ds", "yhat", *(["yhat_lower", "yhat_upper"] if question.samples else [])]
    return model.predict(future)[columns].to_dict("records")
