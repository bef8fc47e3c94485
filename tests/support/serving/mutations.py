"""Requests as careless programs send them: good ones with something changed in them, by a seed, in any part."""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

PREDICTIONS = "/api/v1.0/predictions"
FEEDBACK = "/api/v1.0/feedback"

_DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}
_ITEM = {"storeId": "4", **_DAYS, "level": 0.8, "overrides": {"promo": {"2015-06-22": True}}}
_NEW = {"storeId": "new", **_DAYS, "expectedSales": 5200, "group": ""}
_META = {"puid": "p-1", "tags": {"caller": 5}, "requestPath": {"before": "image:1"}}
_ROWS = {"names": ["store_id", "begin_date", "end_date"], "ndarray": [["4", "2015-06-20", "2015-06-21"]] * 2}
_DAY = {"timestamp": "2015-06-20", "value": 9.0, "lower": 7.0, "upper": 12.0}
_ENTRY = {
    "request": {"storeId": "4", **_DAYS, "level": 0.8},
    "forecast": [_DAY],
    "model": {"source": "fleet", "alias": "champion", "version": "3", "trainedThrough": "2015-06-19"},
}
_ROUTED = {**_META, "routing": {"router": 0}}
_TRUTH = {"storeId": "4", "timestamp": "2015-06-20", "value": 8.0}
GOOD: list[tuple[str, Any]] = [
    (PREDICTIONS, {"jsonData": _ITEM, "meta": _META}),
    (PREDICTIONS, {"jsonData": [_ITEM, {"storeId": 3}, {"store_id": "*", **_DAYS}, _NEW]}),
    (PREDICTIONS, {"data": _ROWS, "meta": _META}),
    (
        FEEDBACK,
        {
            "response": {"jsonData": [_ENTRY], "meta": {**_META, "routing": {"router": 0}}},
            "truth": {"jsonData": [_TRUTH]},
        },
    ),
    (FEEDBACK, {"reward": 1.0, "response": {"meta": {"routing": {"router": -1}}}}),
]
_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 4.0, 4.5, 1e300, -1e-300, 2**63, -(10**30), float("nan"), float("inf")),
    *(
        "",
        " ",
        "4.0",
        "*",
        "true",
        "2015-02-30",
        "2015-06-20T00:00:00+02:00",
        "9999-12-31",
        "\x00",
        "\ud83d\ude00",
        "ü" * 300,
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        {"storeId": "4"},
        ["4"] * 50,
        {"router": 1},
        {"router": 7},
        {"router": -2},
    ),
]
_KEYS = [
    "storeId",
    "store_id",
    "jsonData",
    "data",
    "meta",
    "tags",
    "names",
    "ndarray",
    "overrides",
    "strData",
    "",
    "x",
]
_TYPES = [
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
]
_TYPES_OF_JSON = ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"]
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sent:
    """One request as it goes out."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def mutated(seed: int) -> Sent:
    """The request of a seed: always the same."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    path, good = dice.choice(GOOD)
    message = deepcopy(good)
    for _ in range(dice.choice([0, 1, 1, 2, 5])):
        message = _changed(message, dice)
    body = json.dumps(message, ensure_ascii=dice.random() < 0.5).encode(errors="surrogatepass")
    for _ in range(dice.choice([0, 0, 0, 1, 3])):
        body = dice.choice(_SPOILT)(body, dice)
    kind = dice.choice(_TYPES_OF_JSON if dice.random() < 0.9 else [*_TYPES, _FORM])
    body = b"json=" + body if kind == _FORM else body
    return Sent(path, body, {"Content-Type": kind} if kind else {})


def _changed(message: Any, dice: random.Random) -> Any:  # noqa: ANN401 - any JSON
    """The message with one part replaced, left out, doubled or put elsewhere."""
    places = list(_places(message))
    if not places:
        return dice.choice(_VALUES)
    holder, key = dice.choice(places)
    way = dice.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[dice.choice(_KEYS)] = holder.pop(key)
    elif way == 2:
        holder[key] = [holder[key]] * dice.choice([1, 2, 30])
    elif way == 3:
        holder[key] = deepcopy(dice.choice(places)[0])
    else:
        holder[key] = deepcopy(dice.choice(_VALUES))
    return message


def _places(message: Any) -> Any:  # noqa: ANN401 - any JSON
    keys = list(message) if isinstance(message, dict) else range(len(message)) if isinstance(message, list) else ()
    for key in keys:
        yield message, key
        yield from _places(message[key])


def _flipped(body: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(body) + 1)
    return body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :]


def _cut(body: bytes, dice: random.Random) -> bytes:
    return body[: dice.randrange(len(body) + 1)]


def _without(body: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(body) + 1)
    return body[:at] + body[at + dice.randrange(1, 9) :]


def _doubled(body: bytes, dice: random.Random) -> bytes:
    at, end = sorted((dice.randrange(len(body) + 1), dice.randrange(len(body) + 1)))
    return body[:end] + body[at:end] + body[end:]


def _with_a_word(body: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(body) + 1)
    words = (b"NaN", b"1e999", b"-", b"\\ud800", b"\xef\xbb\xbf", b"}", b"[" * 300, b'"', b"0" * 400, b"\r\n")
    return body[:at] + dice.choice(words) + body[at:]


def _otherwise_written(body: bytes, dice: random.Random) -> bytes:
    return body.decode(errors="replace").encode(dice.choice(["utf-16", "utf-32", "latin-1"]), errors="replace")


_SPOILT: list[Callable[[bytes, random.Random], bytes]] = [
    _flipped,
    _cut,
    _without,
    _doubled,
    _with_a_word,
    _otherwise_written,
]


def may_be_dropped(sent: Sent) -> bool:
    """Whether the real executor itself breaks off the connection: a feedback to a child that the graph lacks."""
    if sent.path != FEEDBACK:
        return False
    try:
        found: Any = json.loads(sent.body)
    except (ValueError, RecursionError):
        return False
    for name in ("response", "meta", "routing", "router"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is not None and found not in (-1, 0, 1)
