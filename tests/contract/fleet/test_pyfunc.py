"""The fleet as notebooks get it from MLflow: whatever types pandas made of a table, the same question."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import PyFuncModel
from support import fleets
from support.servers.mlflow_databases import empty_database

from fleet import Fleet
from fleet.errors import StorecastError
from fleet.names import CHAMPION, FLEET_MODEL, alias_uri
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import register
from training.registry.tracking_uri import tracking_uri

FIRST, LAST = "2015-06-20", "2015-06-26"
N_STORES = 6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyFuncModel]:
    home = tmp_path_factory.mktemp("home")
    before = mlflow.get_tracking_uri()
    empty_database(home / "mlflow.db")
    contents = fleets.contents(N_STORES, without_model=[2])
    register(MlflowRegistry(tracking_uri({}, home), home), contents, parameters={}, metrics={})
    yield mlflow.pyfunc.load_model(alias_uri(FLEET_MODEL, CHAMPION))
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def same_fleet() -> Fleet:
    return Fleet.from_contents(fleets.contents(N_STORES, without_model=[2]))


def asked(store_id: object = "4", begin: object = FIRST, end: object = LAST) -> pd.DataFrame:
    columns = {"store_id": store_id, "begin_date": begin, "end_date": end}
    return pd.DataFrame({name: [value] for name, value in columns.items()})


def forecast(model: PyFuncModel, question: pd.DataFrame, level: float = 0.8) -> pd.DataFrame:
    answer = model.predict(question, params={"level": level})
    assert isinstance(answer, pd.DataFrame)
    return answer


@pytest.mark.parametrize("store_id", ["4", "4.0", 4, 4.0, np.int64(4), np.float32(4), np.str_("4")])
def test_an_id_of_digits_may_have_any_type(model: PyFuncModel, store_id: object) -> None:
    pd.testing.assert_frame_equal(forecast(model, asked(store_id)), forecast(model, asked()))


@pytest.mark.parametrize(
    "day_of",
    [
        str,
        pd.Timestamp,
        dt.date.fromisoformat,
        dt.datetime.fromisoformat,
        lambda text: np.datetime64(text, "D"),
        lambda text: np.datetime64(text, "ns"),
        lambda text: pd.Timestamp(text, tz="Pacific/Auckland"),
        lambda text: f"{text}T00:00:00+02:00",
        lambda text: f"{text} 00:00:00",
    ],
)
def test_a_day_may_have_any_type(model: PyFuncModel, day_of: Any) -> None:  # noqa: ANN401 - a function
    pd.testing.assert_frame_equal(forecast(model, asked("4", day_of(FIRST), day_of(LAST))), forecast(model, asked()))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NaT, ""])
def test_a_day_that_is_not_given_has_a_default(model: PyFuncModel, missing: object) -> None:
    week = pd.date_range(FIRST, LAST)  # the first day after the history

    for question in (asked("4", FIRST, missing), asked("4", missing, missing), asked("4", missing, LAST)):
        assert forecast(model, question)["timestamp"].tolist() == list(week)
    assert forecast(model, pd.DataFrame({"store_id": [4]}))["timestamp"].tolist() == list(week)


def test_rows_may_differ_in_what_they_leave_out(model: PyFuncModel) -> None:
    both = pd.DataFrame({"store_id": [4, 5], "begin_date": [FIRST, None], "end_date": [pd.NaT, pd.Timestamp(FIRST)]})
    answer = forecast(model, both)

    assert answer.groupby("store_id").size().to_dict() == {"4": 7, "5": 1}


def test_a_star_is_every_store_in_the_fleets_order(model: PyFuncModel, same_fleet: Fleet) -> None:
    answer = forecast(model, asked("*"), 0.9)
    single = pd.concat([forecast(model, asked(each), 0.9) for each in same_fleet.store_ids])

    assert answer["store_id"].drop_duplicates().tolist() == list(same_fleet.store_ids)
    assert answer.groupby("source")["store_id"].nunique().to_dict() == {"fleet": N_STORES - 1, "fallback": 1}
    pd.testing.assert_frame_equal(answer, single.reset_index(drop=True), rtol=1e-12)


def test_each_day_says_whether_it_is_closed_or_assumed(model: PyFuncModel, same_fleet: Fleet) -> None:
    answer = forecast(model, asked("4", "2015-07-20", "2015-08-05"))
    direct = same_fleet.predict(["4"], answer["timestamp"].to_numpy())

    assert set(answer["note"]) == {"", "closed", "calendar-assumed"}
    assert ((answer["note"] == "closed").to_numpy() == direct.closed[0]).all()
    assert ((answer["note"] != "").to_numpy() == (direct.closed | direct.assumed)[0]).all()
    np.testing.assert_array_equal(answer["value"], direct.value[0])


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (asked(4.5), "store_id: wanted text or a whole number, got 4.5"),
        (asked(""), "store_id: wanted text or a whole number"),
        (asked(True), "store_id: wanted text or a whole number"),
        (asked("nobody"), "unknown store 'nobody'"),
        (asked("4", "soon"), "begin_date: wanted a day such as 2015-06-20.*'soon'"),
        (asked("4", pd.Timestamp("2015-06-20 13:00")), "begin_date: wanted a day.*without an hour"),
        (asked("4", LAST, FIRST), "end_date: wanted a day not before 2015-06-26, got 2015-06-20"),
    ],
)
def test_what_is_no_store_or_no_day_is_named(model: PyFuncModel, question: pd.DataFrame, message: str) -> None:
    with pytest.raises(StorecastError, match=message):
        forecast(model, question)
