from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.cells import flag_of, is_missing, kind_text, number_of, whole_text, written_day

YES = ("1", "1.0", "1.000", "true", "True", "TRUE", "t", "T", "yes", "Yes", "y", "Y", "on", " 1 ")
NO = ("0", "0.0", "-0.0", "false", "False", "FALSE", "f", "F", "no", "No", "n", "N", "off", " 0 ")


@pytest.mark.parametrize(("texts", "code"), [(YES, 1), (NO, 0)])
def test_every_usual_spelling_of_yes_and_no_is_a_flag(texts: tuple[str, ...], code: int) -> None:
    assert {text: flag_of(text) for text in texts} == dict.fromkeys(texts, code)


@pytest.mark.parametrize("text", ["", "2", "-1", "0.5", "1e0", "10", "truee", "ja", "nan", "NA", "None"])
def test_nothing_else_is_a_flag(text: str) -> None:
    assert flag_of(text) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [("4.0", "4"), ("4.000", "4"), ("0.0", "0"), ("-0.0", "0"), ("-3.0", "-3"), ("12345678901234.0", "12345678901234")],
)
def test_a_whole_number_written_as_a_float_is_its_digits(text: str, whole: str) -> None:
    assert whole_text(text) == whole


@pytest.mark.parametrize(
    "text", ["4", "007", "007.0", "4.5", "4.", ".0", "1e3", "1.10", "4.0.0", "v4.0", "", "a", "٤.0"]
)
def test_any_other_text_stays_as_it_is_written(text: str) -> None:
    assert whole_text(text) == text


@given(st.integers(-(2**53), 2**53))
def test_an_integer_and_the_same_number_as_a_float_are_one_id(number: int) -> None:
    # Python writes floats from 1e16 on with an exponent, which no rule here touches.
    if abs(number) < 10**16:
        assert whole_text(str(float(number))) == whole_text(str(number)) == str(number)


@given(st.text())
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    assert whole_text(whole_text(text)) == whole_text(text)
    assert kind_text(kind_text(text)) == kind_text(text)


@pytest.mark.parametrize(
    "text", ["", " ", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "NaT", "#N/A", "\\N"]
)
def test_what_pandas_r_and_databases_write_for_nothing_is_missing(text: str) -> None:
    assert is_missing(text)
    assert flag_of(text) is None
    assert number_of(text) is None
    assert written_day(text) is None


@pytest.mark.parametrize("text", ["0", "0.0", "False", "-", "Nantes", "2015-06-20"])
def test_what_says_something_is_not_missing(text: str) -> None:
    assert not is_missing(text)


@pytest.mark.parametrize("text", ["NA", "None", "null", "NaN"])
def test_a_store_or_a_kind_may_have_the_name_of_nothing(text: str) -> None:
    assert whole_text(text) == text
    assert kind_text(text) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("0", "0"),
        ("0.0", "0"),
        (" 0 ", "0"),
        ("False", "0"),
        ("TRUE", "1"),
        ("a", "a"),
        ("A", "A"),
        ("t", "t"),
        ("", ""),
    ],
)
def test_the_spellings_of_a_kind_are_one_value(text: str, label: str) -> None:
    assert kind_text(text) == label


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), ("-2.5", -2.5), ("1e3", 1000.0), (".5", 0.5), ("7.", 7.0), ("True", 1.0), ("+1", 1.0)],
)
def test_a_number_is_read_from_its_decimal_spelling(text: str, number: float) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["1_000", "1,5", "1 000", "inf", "-Infinity", "1e999", "٤", "0x10", "y", "four"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number_of(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_as_python_writes_it(number: float) -> None:
    assert number_of(repr(number)) == number


@pytest.mark.parametrize(
    "clock",
    [
        *("", "T00:00:00", " 00:00:00", "T00:00", "T00:00:00.000", "T00:00:00Z", "T00:00:00+01:00", " 00:00:00-11:00"),
        *("T00:00:00+0530", " 00:00:00+00", "T00:00:00.000000000+14:00", " 00:00:00 UTC"),
    ],
)
def test_midnight_is_the_day_that_was_written_whatever_the_offset(clock: str) -> None:
    assert written_day(f"2022-01-03{clock}") == (date(2022, 1, 3), True)


@pytest.mark.parametrize("clock", ["T01:00:00", " 23:59:59.5", "T23:00:00Z", "T12:00:00+12:00"])
def test_an_hour_is_told_and_the_day_is_still_the_written_one(clock: str) -> None:
    assert written_day(f"2022-01-03{clock}") == (date(2022, 1, 3), False)


@pytest.mark.parametrize("text", ["2022-01", "2022", "2022-02-30", "03.01.2022", "soon", "00:00:00"])
def test_what_is_no_iso_day_is_none(text: str) -> None:
    assert written_day(text) is None
