"""A message answered in this process, without Seldon's wrapper."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet

from fleet import Fleet
from model_wrapper import StoreForecaster
from model_wrapper.answering.answer import answer_from
from model_wrapper.contract import Limits
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.fleets.registered import with_store_models
from model_wrapper.settings import Settings

TODAY = date(2015, 6, 22)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonData": [{"storeId": "*"}, {"storeId": "x"}, {"storeId": "1", "beginDate": "2019-01-01"}]},
        {"data": {"names": ["store_id"], "ndarray": [["1"], ["x"]]}},
    ],
    ids=["jsonData", "ndarray"],
)
def test_an_answer_in_this_process_is_the_one_of_a_forecaster_without_a_router(
    tmp_path: Path, message: dict[str, Any]
) -> None:
    path, settings = small_fleet(tmp_path / "fleet", 4, without_model=[2]), Settings(store_models=0)
    fleet = Fleet.open(path)
    served = with_store_models(fleet, fleet.version, None, tmp_path, "", settings)
    component = StoreForecaster(Settings(fleet_uri=str(path), metrics_seconds=0), today=lambda: TODAY)
    component.load()
    wanted = component.predict_raw(message)
    del wanted["meta"]["metrics"]

    assert answer_from(served, message, settings.limits, TODAY) == wanted


def test_a_message_that_cannot_be_read_is_refused_with_every_problem(tmp_path: Path) -> None:
    fleet = Fleet.open(small_fleet(tmp_path / "fleet", 2))
    served = with_store_models(fleet, "1", None, tmp_path, "", Settings(store_models=0))
    with pytest.raises(BadRequestError) as caught:
        answer_from(served, {"jsonData": {"storeId": "", "group": "nowhere"}}, Limits(), TODAY)

    assert [problem["path"] for problem in caught.value.problems] == ["jsonData.storeId", "jsonData.group"]
