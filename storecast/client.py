"""Forecast rows from a running graph or from the registry, with the same columns."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import requests

from fleet import Fleet, StorecastError
from model_wrapper.answering.answer import answer_from
from model_wrapper.contract.answers import ROW_NAMES
from model_wrapper.contract.days import plus_days
from model_wrapper.contract.problems import shortened
from model_wrapper.contract.requests import DEFAULT_DAYS
from model_wrapper.fleets.registered import with_store_models
from model_wrapper.settings import Settings
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet

COLUMNS = (*ROW_NAMES, "note")
PREDICTIONS = "/api/v1.0/predictions"
ASK_TIMEOUT_S = 60.0


class GraphAnswerError(StorecastError):
    """A running graph cannot be reached, or its answer is invalid."""

    exit_code: ClassVar[int] = 3


class RefusedError(StorecastError):
    """The graph refused the request; the message has its reasons."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True)
class Question:
    """Which stores and days. `begin` None: the first days that can be forecast."""

    store_ids: tuple[str, ...]
    begin: dt.date | None
    n_days: int
    level: float


@dataclass(frozen=True)
class Answer:
    """`rows`: one a store and day, in `COLUMNS`.  `errors`: why an item could not be answered."""

    rows: pd.DataFrame
    errors: list[str]


def ask_registry(question: Question, uri: str, home: Path, settings: Settings) -> tuple[Answer, Fleet]:
    """Forecast from the fleet that the registry's champion alias points to, as a graph would answer.

    Raises: RegistryError.  BadRequestError: more than the settings allow.
    """
    registry = MlflowRegistry(uri, home)
    opened, version = load_fleet(registry)
    with registry.connected() as connection:
        served = with_store_models(opened, version, connection.client, home.absolute() / "cache", uri, settings)
    begin = question.begin or plus_days(served.trained_through, 1)
    message = body_of(replace(question, begin=begin))
    return answer_of(answer_from(served, message, settings.limits, begin)), opened


def body_of(question: Question) -> dict[str, Any]:
    """The question as a request to the graph."""
    days: dict[str, str] = {}
    if question.begin:
        last = plus_days(question.begin, question.n_days - 1)
        days = {"beginDate": str(question.begin), "endDate": str(last)}
    return {"jsonData": [{"storeId": store_id, **days, "level": question.level} for store_id in question.store_ids]}


def ask_graph(question: Question, url: str) -> Answer:
    """Forecast through a running graph.

    Raises: GraphAnswerError: not reachable, failing, or no storecast graph.  RefusedError: the question is malformed.
    """
    if question.begin is None and question.n_days != DEFAULT_DAYS:
        # A graph has a first day for a plain week only; that week tells where other spans begin.
        week = _entries_of(_ask(replace(question, n_days=DEFAULT_DAYS), url))
        try:
            question = replace(question, begin=_first_day(week, question.n_days))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _strange(week) from error
    return answer_of(_ask(question, url))


def _ask(question: Question, url: str) -> object:
    try:
        response = requests.post(url.rstrip("/") + PREDICTIONS, json=body_of(question), timeout=ASK_TIMEOUT_S)
        body = response.json()
    except requests.RequestException as error:
        raise GraphAnswerError(
            f"no answer from the graph at {url}: {error}; start one with `storecast serve`"
        ) from error
    if response.status_code != requests.codes.ok:
        status = body.get("status") if isinstance(body, dict) else None
        message = f"the graph at {url} answered {response.status_code}: {(status or {}).get('info', body)}"
        if response.status_code >= requests.codes.server_error:
            raise GraphAnswerError(f"{message}; try again, or read the logs of `storecast serve`")
        raise RefusedError(message)
    return body


def _first_day(week: Sequence[Any], n_days: int) -> dt.date | None:
    """Where so many days begin: with the week that the graph chose; where it moved that back, so that they end with it.

    Never before the day after the history. None where the graph answered for no day at all.
    """
    asked = next((entry["request"] for entry in week if entry.get("request")), None)
    if asked is None:
        return None
    begin, end = (dt.date.fromisoformat(asked[name]) for name in ("beginDate", "endDate"))
    if asked.get("clippedFrom", "") <= asked["beginDate"]:
        return begin
    through = max(
        (dt.date.fromisoformat(each["model"]["trainedThrough"]) for each in week if "model" in each), default=begin
    )
    return max(plus_days(end, 1 - n_days), min(plus_days(through, 1), begin))


def answer_of(body: object) -> Answer:
    """The rows and errors of an answer.

    Raises: GraphAnswerError: it does not have the form that was agreed.
    """
    entries = _entries_of(body)
    rows: list[dict[str, Any]] = []
    errors: list[str] = []
    for entry in entries:
        try:
            rows += _rows_of(entry)
            errors += _errors_of(entry)
        except (KeyError, TypeError) as error:
            raise _strange(entry) from error
    return Answer(pd.DataFrame(rows, columns=list(COLUMNS)), errors)


def _strange(answer: object) -> GraphAnswerError:
    return GraphAnswerError(f"wanted answers of a storecast graph, got {answer!r:.200}: is this a storecast graph?")


def _entries_of(body: object) -> list[Any]:
    entries = body.get("jsonData") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise GraphAnswerError(
            f"wanted a list of answers in jsonData, got {shortened(body)}: is this a storecast graph?"
        )
    return entries


def _rows_of(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "error" in entry:
        return []
    shared = {"store_id": entry["request"]["storeId"], "source": entry["model"]["source"]}
    return [{"note": "", **day, **shared} for day in entry["forecast"]]


def _errors_of(entry: Mapping[str, Any]) -> list[str]:
    if "error" not in entry:
        return []
    # No child of the graph may have answered: then nobody can say which item it was.
    about = f"store {entry['request']['storeId']!r}" if entry["request"] else "an item"
    return [f"{about}: {entry['error']['code']}: {entry['error']['message']}"]
