"""The contract: round trips, and a reader that raises one named error whatever it is given."""

import pickle
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.serving.hostile_messages import MESSAGES
from support.serving.malformed import MALFORMED

from fleet.cells import written_day
from model_wrapper.contract import (
    ForecastItem,
    ForecastRequest,
    Limits,
    Table,
    decode_answer,
    encode_answer,
    encode_request,
    parse_request,
)
from model_wrapper.contract.answers import ROW_NAMES
from model_wrapper.contract.days import day_of
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import parse_feedback
from model_wrapper.contract.problems import HINTS, MAX_PROBLEMS

DAYS = st.dates(date(1700, 1, 1), date(2200, 12, 31))
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.floats(-1e38, 1e38) | st.integers(-9, 9) | st.booleans()
LEVELS = st.floats(0.5, 0.99)
OVERRIDES = st.dictionaries(NAMES, st.dictionaries(DAYS, VALUES | NAMES, max_size=3), max_size=3)


def problems_of(message: object) -> tuple[list[Any], str]:
    """Read a message; its problems and their sentence, nothing where it could be read."""
    try:
        parse_request(message)
    except BadRequestError as error:
        return list(error.problems), str(error)
    return [], ""


@st.composite
def items(draw: st.DrawFn) -> ForecastItem:
    begin, end = sorted((draw(DAYS), draw(DAYS)))
    if (end - begin).days > 300:
        end = begin
    return ForecastItem(
        store_id=draw(NAMES),
        begin_date=draw(st.sampled_from([None, begin])),
        end_date=draw(st.sampled_from([None, end])),
        level=draw(LEVELS),
        overrides=draw(st.none() | OVERRIDES),
    )


@st.composite
def requests(draw: st.DrawFn) -> ForecastRequest:
    several = tuple(draw(st.lists(items(), min_size=1, max_size=4)))
    if draw(st.booleans()):
        columns = tuple(draw(st.permutations(["storeId", "beginDate", "endDate", "level", "overrides"])))
        return ForecastRequest("ndarray", several, columns=columns)
    single = draw(st.booleans())
    return ForecastRequest("jsonData", several[:1] if single else several, single=single, meta={"puid": "p"})


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    request = {
        "storeId": draw(NAMES),
        "beginDate": draw(DAYS).isoformat(),
        "endDate": draw(DAYS).isoformat(),
        "level": draw(LEVELS),
    }
    if draw(st.booleans()):
        return {"request": draw(st.sampled_from([None, request])), "error": {"code": "NOT_ANSWERED", "message": "m"}}
    day = {"timestamp": draw(DAYS).isoformat(), "value": draw(NUMBERS), "lower": 0.0, "upper": 1.5}
    note = draw(st.sampled_from([{}, {"note": "closed"}]))
    model = {"source": "fleet", "alias": "challenger", "version": "3", "trainedThrough": "2015-06-19"}
    return {"request": request, "forecast": [{**day, **note}], "model": model}


@given(requests())
def test_a_request_survives_writing_and_reading(request: ForecastRequest) -> None:
    assert parse_request(encode_request(request)) == request


@given(st.lists(entries(), max_size=4))
def test_an_answer_of_entries_survives_reading_and_writing(answer: list[dict[str, Any]]) -> None:
    message = {"jsonData": answer}

    assert encode_answer(decode_answer(message)) == message
    assert decode_answer(encode_answer(decode_answer(message))) == decode_answer(message)


@given(st.lists(st.tuples(NAMES, DAYS, NUMBERS), max_size=4))
def test_an_answer_of_rows_survives_reading_and_writing(rows: list[tuple[str, date, float]]) -> None:
    table = [[store, day.isoformat(), value, 0.0, 1.0, "fleet"] for store, day, value in rows]
    message = {"data": {"names": list(ROW_NAMES), "ndarray": table}}
    answer = decode_answer(message)

    assert isinstance(answer, Table)
    assert encode_answer(answer) == message


@given(MESSAGES)
def test_the_reader_raises_only_the_named_error(message: object) -> None:
    problems, said = problems_of(message)

    assert all(set(problem) == {"path", "wanted", "got"} for problem in problems)
    assert bool(problems) == bool(said)
    assert said.isascii()


@pytest.mark.parametrize(
    "clock",
    [
        "",
        "T00:00:00Z",
        "T00:00:00.000+00:00",
        " 00:00:00",
        "T00:00",
        "T00:00:00+02:00",
        "T00:00:00-0930",
        " 00:00-11:00",
    ],
)
def test_a_day_may_carry_its_midnight_wherever_that_was(clock: str) -> None:
    spelled = f"2015-06-20{clock}"

    assert written_day(spelled) == (date(2015, 6, 20), True)
    assert day_of(spelled) == date(2015, 6, 20)


@pytest.mark.parametrize(
    "spelled", ["2015-6-20", "20150620", "2015-06-31", "2015-06-20T01:00:00Z", "\uff12015-06-20", "", "2015-06-20\n"]
)
def test_anything_else_is_no_day(spelled: str) -> None:
    assert day_of(spelled) is None


@pytest.mark.parametrize("spelled", ["4", "4.0", 4, 4.0, "4.000"])
def test_a_whole_number_means_its_digits_in_every_payload_and_in_a_feedback(spelled: object) -> None:
    rows = {"names": ["store_id"], "ndarray": [[spelled]]}
    day = {"timestamp": "2015-06-20", "value": 1.0}
    forecast = [{**day, "lower": 0, "upper": 2}]
    response = {"jsonData": [{"request": {"storeId": 4}, "forecast": forecast, "model": {"source": "fleet"}}]}
    feedback = {"response": response, "truth": {"jsonData": [{"storeId": spelled, **day}]}}

    for message in ({"jsonData": {"storeId": spelled}}, {"jsonData": [{"store_id": spelled}]}, {"data": rows}):
        assert [item.store_id for item in parse_request(message).items] == ["4"]
    assert [judged.store_id for judged in parse_feedback(feedback, 10).days] == ["4"]


@pytest.mark.parametrize("spelled", ["007", "4.5", "1e3", "None", "4.0b", "*"])
def test_any_other_id_is_the_text_that_was_written(spelled: str) -> None:
    assert parse_request({"jsonData": {"storeId": spelled}}).items[0].store_id == spelled


def test_both_spellings_mean_the_same() -> None:
    camel = parse_request({"jsonData": {"storeId": "4", "beginDate": "2015-06-20", "endDate": "2015-06-21"}})
    snake = parse_request({"jsonData": {"store_id": "4", "begin_date": "2015-06-20", "end_date": "2015-06-21"}})

    assert camel == snake


def test_a_problem_names_the_place_as_the_client_spelled_it() -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_request({"jsonData": [{"storeId": "4"}, {"store_id": "4", "begin_date": "x"}]})

    assert [problem["path"] for problem in caught.value.problems] == ["jsonData[1].begin_date"]


def test_an_unknown_field_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(BadRequestError, match="did you mean beginDate"):
        parse_request({"jsonData": {"storeId": "4", "beginDat": "2015-06-20"}})


@pytest.mark.parametrize("misspelt", ["storeid", "store_ids", "StoreId"])
def test_the_name_of_a_field_is_suggested_in_the_form_that_answers_have(misspelt: str) -> None:
    with pytest.raises(BadRequestError, match=r"did you mean storeId\?"):
        parse_request({"jsonData": {misspelt: "7"}})


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("soon", '"soon"'),
        ('"', r'"\""'),
        ("\U0001f600", r'"\ud83d\ude00"'),
        ("\ud800", r'"\ud800"'),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
    ],
)
def test_what_came_is_spelled_as_in_json(value: object, spelled: str) -> None:
    problems, _ = problems_of({"jsonData": {"storeId": "7", "beginDate": "2015-06-20", "level": value}})

    assert [problem["got"] for problem in problems] == [spelled]


def test_a_name_that_is_not_ascii_is_spelled_as_in_json() -> None:
    problems, _ = problems_of({"jsonData": {"storeId": "7", "\U0001f600": 1}})

    assert [problem["path"] for problem in problems] == [r"jsonData.\ud83d\ude00"]


def test_too_many_items_are_refused_before_they_are_read() -> None:
    with pytest.raises(BadRequestError, match="STORECAST_MAX_ITEMS") as caught:
        parse_request({"jsonData": [{"bad": 1}] * 3}, Limits(max_items=2))

    assert len(caught.value.problems) == 1


def test_the_list_of_problems_is_bounded() -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_request({"jsonData": [{"a": 1, "b": 2}] * 2000})

    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert caught.value.problems[-1]["got"] == "more"
    assert f"has more than {MAX_PROBLEMS} problems" in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonData": {"storeId": "4", **{f"begindat{each}": 1 for each in range(2000)}}},
        {f"jsonDat{each}": 1 for each in range(2000)},
        {"data": {f"name{each}": 1 for each in range(2000)}},
        {"data": {"names": [f"stor_id{each}" for each in range(2000)], "ndarray": [["4"]]}},
    ],
    ids=["fields of an item", "fields of the message", "fields of the data", "columns"],
)
def test_only_the_first_unknown_names_are_told_the_nearest_known_one(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(name: str, *_: object, **__: object) -> list[str]:
        looked.append(name)
        return []

    monkeypatch.setattr("model_wrapper.contract.problems.get_close_matches", look)

    problems, _ = problems_of(message)

    assert 0 < len(looked) <= HINTS
    assert len(problems) == MAX_PROBLEMS + 1


@pytest.mark.parametrize("message", [case[1] for case in MALFORMED if "override" not in case[0]])
def test_a_malformed_request_raises_an_error_that_survives_pickling(message: object) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_request(message)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes

    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)
