"""Defaults, limits and days: what is asked once the fleet is known."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from support.fleets import small_fleet
from support.serving.store_models import small_store_model

from fleet import Fleet
from model_wrapper.answering.encode import encode
from model_wrapper.answering.forecast import forecast_lines
from model_wrapper.answering.plan import Plan, PlannedForecast, plan
from model_wrapper.contract import Limits
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.problems import HINTS
from model_wrapper.contract.reading import read_request
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.store_models import StoreModels
from model_wrapper.registry.cache import CachedStore

TODAY = date(2015, 6, 22)
LONG_AGO, LONG_AFTER = date(2001, 1, 1), date(2026, 11, 20)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedFleet:
    path = small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", 12, without_model=[2])
    return ServedFleet(Fleet.open(path), "3", max_days_ahead=365)


def planned(served: ServedFleet, items: object, today: date = TODAY, limits: Limits | None = None) -> Plan:
    return plan(read_request({"jsonData": items}), served, limits or Limits(), today)


def lines_of(
    served: ServedFleet, item: dict[str, Any], today: date = TODAY, limits: Limits | None = None
) -> list[PlannedForecast]:
    return planned(served, item, today, limits).lines


def entry_of(served: ServedFleet, items: object, today: date = TODAY) -> dict[str, Any]:
    """The first entry of the answer."""
    entry: dict[str, Any] = encode(forecast_lines(planned(served, items, today), served), served).payload["jsonData"][0]
    return entry


@pytest.mark.parametrize(
    ("today", "begin", "clipped"),
    [
        (TODAY, "2015-06-22", None),
        (date(2015, 7, 25), "2015-07-25", None),
        (date(2015, 7, 26), "2015-07-25", "2015-07-26"),
        (LONG_AFTER, "2015-07-25", "2026-11-20"),
        (LONG_AGO, "2014-01-01", "2001-01-01"),
    ],
)
def test_the_default_begin_is_today_clipped_so_that_a_week_fits(
    served: ServedFleet, today: date, begin: str, clipped: str | None
) -> None:
    echo = entry_of(served, {"storeId": "4"}, today)["request"]

    assert echo["beginDate"] == begin
    assert echo.get("clippedFrom") == clipped


def test_the_default_end_is_a_week_inclusive(served: ServedFleet) -> None:
    assert lines_of(served, {"storeId": "4", "beginDate": "2015-06-20"})[0].item.end == date(2015, 6, 26)


def test_an_end_alone_gets_a_begin_that_is_not_after_it(served: ServedFleet) -> None:
    item = lines_of(served, {"storeId": "4", "endDate": "2015-03-10"})[0].item

    assert (item.begin, item.clipped_from) == (date(2015, 3, 4), TODAY)


def test_an_end_before_the_history_is_an_error_of_the_line(served: ServedFleet) -> None:
    lines = lines_of(served, {"storeId": "4", "endDate": "2013-03-10"})

    assert [line.fault for line in lines] == ["DATE_OUT_OF_RANGE"]


def test_a_star_means_every_store_in_the_fleets_order(served: ServedFleet) -> None:
    assert [line.store_id for line in lines_of(served, {"storeId": "*"})] == list(served.fleet.store_ids)


def test_a_star_out_of_range_is_one_line(served: ServedFleet) -> None:
    lines = lines_of(served, {"storeId": "*", "beginDate": "2020-01-01"})

    assert [line.store_id for line in lines] == ["*"]
    assert [line.fault for line in lines] == ["DATE_OUT_OF_RANGE"]


def test_the_last_day_that_is_forecast_is_a_setting(served: ServedFleet) -> None:
    inside = lines_of(served, {"storeId": "4", "beginDate": "2016-06-12"})
    outside = entry_of(served, {"storeId": "4", "beginDate": "2016-06-13"})

    assert [line.fault for line in inside] == [None]
    assert "2016-06-18" in outside["error"]["message"]


def test_an_unknown_store_is_answered_with_the_nearest_id(served: ServedFleet) -> None:
    error = entry_of(served, {"storeId": "112"})["error"]

    assert (error["code"], "did you mean 12?" in error["message"]) == ("UNKNOWN_STORE", True)


def test_only_the_first_unknown_stores_are_told_the_nearest_id(
    served: ServedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearest = Mock(return_value="")
    monkeypatch.setattr("model_wrapper.answering.encode.nearest", nearest)
    items = [{"storeId": f"x{each}"} for each in range(9)]
    entry_of(served, items)

    assert [call.args[0] for call in nearest.call_args_list] == ["x0", "x1", "x2"]


def test_an_unknown_store_is_named_as_json_spells_it(served: ServedFleet) -> None:
    error = entry_of(served, {"storeId": "caf\u00e9 \U0001f600'\n"})["error"]

    assert '"caf\u00e9 \U0001f600\'\\n"' in error["message"]


@pytest.mark.parametrize(
    ("limits", "setting"),
    [(Limits(max_cells=83), "STORECAST_MAX_CELLS"), (Limits(max_days_per_item=6), "STORECAST_MAX_DAYS_PER_ITEM")],
)
def test_a_limit_names_its_setting(served: ServedFleet, limits: Limits, setting: str) -> None:
    with pytest.raises(BadRequestError, match=setting):
        lines_of(served, {"storeId": "*"}, limits=limits)


def test_too_many_different_questions_are_refused_and_equal_ones_count_once(served: ServedFleet) -> None:
    values = [0, 1, 0, 1]
    items = [{"storeId": str(place), "overrides": {"promo": {"2015-06-22": v}}} for place, v in enumerate(values)]

    assert len(planned(served, items, limits=Limits(max_questions=2)).lines) == 4
    with pytest.raises(BadRequestError, match="STORECAST_MAX_QUESTIONS"):
        planned(served, items, limits=Limits(max_questions=1))


def test_a_store_with_a_store_model_costs_a_question_of_its_own(served: ServedFleet, tmp_path: Path) -> None:
    stores = {name: CachedStore("1", small_store_model(tmp_path / name)) for name in ("1", "2", "3")}
    with_own = replace(served, own=StoreModels(served.fleet, stores, 3))

    assert len(lines_of(with_own, {"storeId": "*"}, limits=Limits(max_questions=4))) == 12
    with pytest.raises(BadRequestError, match=r"STORECAST_MAX_QUESTIONS.*got 4"):
        lines_of(with_own, {"storeId": "*"}, limits=Limits(max_questions=3))


def test_an_unknown_group_is_told_the_nearest_one_only_at_first(
    served: ServedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearest = Mock(return_value="")
    monkeypatch.setattr("model_wrapper.answering.plan.nearest", nearest)
    items = [{"storeId": "1", "expectedSales": 1, "group": f"g{each}"} for each in range(100)]
    with pytest.raises(BadRequestError) as caught:
        planned(served, items)

    assert len(caught.value.problems) == 100
    assert nearest.call_count == HINTS


def test_just_as_many_cells_as_allowed_are_answered(served: ServedFleet) -> None:
    assert len(lines_of(served, {"storeId": "*"}, limits=Limits(max_cells=84))) == 12


def test_overrides_must_fit_the_fleets_calendar(served: ServedFleet) -> None:
    overrides = {"promo": {"2015-06-22": 2}, "state_holiday": {"2015-06-22": "q"}, "prom": {"2015-06-22": 1}}
    with pytest.raises(BadRequestError) as caught:
        lines_of(served, {"storeId": "4", "overrides": overrides})

    wanted = {problem["path"]: problem["wanted"] for problem in caught.value.problems}
    assert wanted["jsonData.overrides.promo.2015-06-22"] == "0 or 1 (or false, true)"
    assert wanted["jsonData.overrides.state_holiday.2015-06-22"] == "one of 0, a, b, c"
    assert "did you mean promo?" in wanted["jsonData.overrides.prom"]


def test_a_closure_near_the_days_may_be_overridden(served: ServedFleet) -> None:
    overrides = {"open": {"2015-07-04": 0}}

    assert lines_of(served, {"storeId": "4", "beginDate": "2015-06-20", "overrides": overrides})
