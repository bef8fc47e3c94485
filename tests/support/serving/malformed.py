"""Malformed requests, each with the paths of the problems that the answer must name."""

from typing import Any

GOOD = {"storeId": "1", "beginDate": "2015-06-20", "endDate": "2015-06-21"}
NAMES = ["store_id", "begin_date", "end_date"]
ROW = ["1", "2015-06-20", "2015-06-21"]


def _item(**changes: object) -> dict[str, Any]:
    return {"jsonData": {**GOOD, **changes}}


def _table(*rows: object, names: object = NAMES) -> dict[str, Any]:
    return {"data": {"names": names, "ndarray": list(rows)}}


MALFORMED: list[tuple[str, Any, list[str]]] = [
    ("a number", 5, [""]),
    ("a list", [{"jsonData": GOOD}], [""]),
    ("an empty object", {}, [""]),
    ("text data", {"strData": "4"}, ["strData"]),
    ("binary data", {"binData": "NA=="}, ["binData"]),
    ("both payloads", {"jsonData": GOOD, **_table(ROW)}, [""]),
    ("an unknown field at the top", {"jsonData": GOOD, "jsondata": 1}, ["jsondata"]),
    ("meta that is no object", {"jsonData": GOOD, "meta": 3}, ["meta"]),
    ("tags that are no object", {"jsonData": GOOD, "meta": {"tags": [1]}}, ["meta.tags"]),
    ("an empty list", {"jsonData": []}, ["jsonData"]),
    ("an item that is no object", {"jsonData": [GOOD, 7, None]}, ["jsonData[1]", "jsonData[2]"]),
    ("no store", {"jsonData": {"beginDate": "2015-06-20"}}, ["jsonData.storeId"]),
    ("a store that is true", _item(storeId=True), ["jsonData.storeId"]),
    ("a store that is a fraction", _item(storeId=4.5), ["jsonData.storeId"]),
    ("a store that is null", _item(storeId=None), ["jsonData.storeId"]),
    ("a store that is empty", _item(storeId=""), ["jsonData.storeId"]),
    ("a store of 257 characters", _item(storeId="4" * 257), ["jsonData.storeId"]),
    ("a store of 300 digits", _item(storeId=10**300), ["jsonData.storeId"]),
    ("a day that is none", _item(beginDate="2015-02-30"), ["jsonData.beginDate"]),
    ("a day with a time", _item(endDate="2015-06-21T13:00:00Z"), ["jsonData.endDate"]),
    ("a day that is a number", _item(beginDate=20150620), ["jsonData.beginDate"]),
    ("a year too far", _item(endDate="2201-01-01"), ["jsonData.endDate"]),
    ("end before begin", _item(endDate="2015-06-19"), ["jsonData.endDate"]),
    ("too many days", _item(endDate="2016-12-31"), ["jsonData.endDate"]),
    ("a level of one", _item(level=1.0), ["jsonData.level"]),
    ("a level that is text", _item(level="0.8"), ["jsonData.level"]),
    ("an unknown field", _item(beginDat="2015-06-20"), ["jsonData.beginDat"]),
    ("one field spelled twice", _item(store_id="1"), ["jsonData.store_id"]),
    ("overrides that are a list", _item(overrides=[1]), ["jsonData.overrides"]),
    ("an override of an unknown column", _item(overrides={"prmo": {"2015-06-20": 1}}), ["jsonData.overrides.prmo"]),
    ("an override of no day", _item(overrides={"promo": {"x": 1}}), ["jsonData.overrides.promo.x"]),
    (
        "an override that does not fit",
        _item(overrides={"promo": {"2015-06-20": 2}, "state_holiday": {"2015-06-20": "z"}}),
        ["jsonData.overrides.promo.2015-06-20", "jsonData.overrides.state_holiday.2015-06-20"],
    ),
    (
        "an override far from the days",
        _item(overrides={"promo": {"2015-01-01": 1}}),
        ["jsonData.overrides.promo.2015-01-01"],
    ),
    ("no names", {"data": {"ndarray": [ROW]}}, ["data.names"]),
    ("no rows", {"data": {"names": NAMES}}, ["data.ndarray"]),
    ("names without the store", _table(["2015-06-20"], names=["begin_date"]), ["data.names"]),
    ("an unknown column", _table(ROW, names=["store_id", "begin", "end_date"]), ["data.names[1]"]),
    ("one column twice", _table(ROW, names=["store_id", "storeId", "end_date"]), ["data.names[1]"]),
    ("a row too short", _table(ROW, ["1"]), ["data.ndarray[1]"]),
    ("a row that is an object", _table(ROW, GOOD), ["data.ndarray[1]"]),
    ("a null store in a row", _table([None, "2015-06-20", None]), ["data.ndarray[0][0]"]),
    ("a bad day in a row", _table(ROW, ["1", "soon", None]), ["data.ndarray[1][1]"]),
    ("a tensor", {"data": {"tensor": {"shape": [1], "values": [4]}}}, ["data.tensor", "data.names", "data.ndarray"]),
    (
        "many problems",
        {"jsonData": [GOOD, {"storeId": 1.5, "level": 2, "x": 1}, {"storeId": "1", "endDate": "never"}], "y": 0},
        ["jsonData[1].storeId", "jsonData[1].level", "jsonData[1].x", "jsonData[2].endDate", "y"],
    ),
]

JSON = "application/json"
UNREADABLE: list[tuple[str, bytes, str, str]] = [
    ("no JSON", b"storeId=4", JSON, "got something that begins no JSON value (line 1, column 1)"),
    ("no content type", b'{"jsonData": {"storeId": "1"}}', "", "Content-Type: application/json, got no Content-Type"),
    (
        "a form",
        b"storeId=4",
        "application/x-www-form-urlencoded",
        "Content-Type: application/json, got Content-Type: application/x-www-form-urlencoded",
    ),
    (
        "a form with broken JSON",
        b"json={",
        "application/x-www-form-urlencoded",
        "json: wanted JSON in the field json, got a text that ends too early (line 1, column 1)",
    ),
    ("an empty body", b"", JSON, "wanted a JSON object, got an empty body"),
    ("a body of spaces", b" \n", JSON, "wanted a JSON object, got an empty body"),
    ("null", b"null", JSON, "wanted a JSON object, got null"),
    ("cut off", b'{"jsonData": {"storeId": "1"', JSON, "got a text that ends too early (line 1, column 28)"),
    ("nested too deep", b"[" * 100_000, JSON, "got lists or objects nested more than 200 deep (line 1, column 202)"),
    (
        "a number of 10,000 digits",
        b'{"jsonData": ' + b"9" * 10_000 + b"}",
        JSON,
        "got a number of more than 4300 digits (line 1, column 4315)",
    ),
    ("no UTF-8", b'{"jsonData": {"storeId": "\xff"}}', JSON, "got a body that is not UTF-8 (byte 27)"),
    (
        "half a surrogate pair",
        b'{"jsonData": {"storeId": "\\ud800"}}',
        JSON,
        "got half of a surrogate pair (line 1, column 33)",
    ),
    ("a byte order mark", b"\xef\xbb\xbf{}", JSON, "got a byte order mark before the JSON"),
    ("two values", b"{}{}", JSON, "got more after the end of the first value (line 1, column 3)"),
    ("single quotes", b"{'a': 1}", JSON, "got a key that is not in double quotes (line 1, column 2)"),
]
