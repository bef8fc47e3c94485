"""Forecast rows, from a running graph or from the registry: the same columns either way."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import requests

from fleet import Fleet, Forecast, StorecastError
from fleet.arrays import BoolArray
from training.registry import load_fleet

COLUMNS = ("store_id", "timestamp", "value", "lower", "upper", "source", "note")
EVERY_STORE = "*"
PREDICTIONS = "/api/v1.0/predictions"
ASK_TIMEOUT_S = 60.0


class GraphAnswerError(StorecastError):
    """A running graph cannot be reached, or does not answer as agreed."""

    exit_code: ClassVar[int] = 3


class RefusedError(StorecastError):
    """The graph refused the question; its reasons are in the message."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True)
class Question:
    """Which stores and days. `begin` None: the first days that can be forecast."""

    store_ids: tuple[str, ...]
    begin: dt.date | None
    n_days: int
    level: float

    def dates(self, begin: dt.date) -> "np.typing.NDArray[np.datetime64]":
        """The days asked for."""
        first = np.datetime64(begin, "D")
        return np.arange(first, first + self.n_days)


@dataclass(frozen=True)
class Answer:
    """`rows`: one a store and day, in `COLUMNS`.  `errors`: why an item could not be answered."""

    rows: pd.DataFrame
    errors: list[str]


def ask_registry(question: Question, uri: str, home: Path) -> tuple[Answer, Fleet]:
    """Forecast from the fleet that the registry's champion alias points to.

    Raises: RegistryError.  LevelError.
    """
    opened, _ = load_fleet(uri, home)
    begin = question.begin or _next_day(opened)
    wanted = opened.store_ids if question.store_ids == (EVERY_STORE,) else question.store_ids
    rows_of = {store_id: row for store_id in wanted if (row := opened.position(store_id)) is not None}
    errors = [f"store {store_id!r}: unknown to this fleet" for store_id in wanted if store_id not in rows_of]
    known = list(rows_of)
    with_model = opened.has_model[np.array(list(rows_of.values()), dtype=np.int64)]
    parts = []
    for source, chosen in (("fleet", with_model), ("fallback", ~with_model)):
        ids = [store_id for store_id, on in zip(known, chosen, strict=True) if on]
        if ids:
            ask = opened.predict if source == "fleet" else opened.fallback
            parts.append(_rows(ask(ids, question.dates(begin), question.level), source))
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    order = {store_id: place for place, store_id in enumerate(known)}
    places = rows["store_id"].map(order).to_numpy()
    return Answer(rows.iloc[np.argsort(places, kind="stable")].reset_index(drop=True), errors), opened


def _next_day(opened: Fleet) -> dt.date:
    return dt.date.fromisoformat(str(opened.trained_through + np.timedelta64(1, "D")))


def _rows(forecast: Forecast, source: str) -> pd.DataFrame:
    n_stores, n_days = forecast.value.shape
    return pd.DataFrame(
        {
            "store_id": np.repeat(forecast.store_ids, n_days),
            "timestamp": np.tile(forecast.dates.astype(str), n_stores),
            "value": forecast.value.ravel(),
            "lower": forecast.lower.ravel(),
            "upper": forecast.upper.ravel(),
            "source": source,
            "note": _notes(forecast.closed, forecast.assumed).ravel(),
        }
    )


def _notes(closed: BoolArray, assumed: BoolArray) -> "np.typing.NDArray[np.str_]":
    return np.where(closed, "closed", np.where(assumed, "calendar-assumed", ""))


def body_of(question: Question) -> dict[str, Any]:
    """The question as a request to the graph."""
    days: dict[str, str] = {}
    if question.begin:
        last = question.begin + dt.timedelta(days=question.n_days - 1)
        days = {"beginDate": str(question.begin), "endDate": str(last)}
    return {"jsonData": [{"storeId": store_id, **days, "level": question.level} for store_id in question.store_ids]}


def ask_graph(question: Question, url: str) -> Answer:
    """Forecast through a running graph.

    Raises: GraphAnswerError: not reachable, or an answer that is none.  RefusedError: the question is malformed.
    """
    try:
        response = requests.post(url.rstrip("/") + PREDICTIONS, json=body_of(question), timeout=ASK_TIMEOUT_S)
        body = response.json()
    except requests.RequestException as error:
        raise GraphAnswerError(
            f"no answer from the graph at {url}: {error}; start one with `storecast serve`"
        ) from error
    if response.status_code != requests.codes.ok:
        info = body.get("status", {}).get("info", body) if isinstance(body, dict) else body
        raise RefusedError(f"the graph at {url} answered {response.status_code}: {info}")
    return answer_of(body)


def answer_of(body: Mapping[str, Any]) -> Answer:
    """The rows and errors of an answer.

    Raises: GraphAnswerError: it does not have the form that was agreed.
    """
    entries: Sequence[Mapping[str, Any]] = body.get("jsonData", ())
    if not isinstance(entries, list):
        raise GraphAnswerError(
            f"wanted a list of answers in jsonData, got {type(entries).__name__}: is this a storecast graph?"
        )
    rows, errors = [], []
    for entry in entries:
        store_id = entry["request"]["storeId"]
        if "error" in entry:
            errors.append(f"store {store_id!r}: {entry['error']['code']}: {entry['error']['message']}")
            continue
        source = entry["model"]["source"]
        rows += [{"note": "", **day, "store_id": store_id, "source": source} for day in entry["forecast"]]
    return Answer(pd.DataFrame(rows, columns=list(COLUMNS)), errors)
