"""What a client may ask: the models, and the reader that finds every problem at once.

Only two payload kinds are read, ``jsonData`` and ``data.ndarray``. Both become the same `ForecastItem` rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from fleet.intervals import MAX_LEVEL, MIN_LEVEL
from model_wrapper.contract.days import DAY_WANTED, day_of

EVERY_STORE: Final = "*"
MAX_NAME_CHARS: Final = 256
DEFAULT_LEVEL: Final = 0.8
DEFAULT_DAYS: Final = 7

STORE_WANTED: Final = f"a store id: text of 1 to {MAX_NAME_CHARS} characters, or a whole number"
LEVEL_WANTED: Final = f"a number from {MIN_LEVEL} to {MAX_LEVEL}"
NUMBER_WANTED: Final = "a finite number"
OVERRIDE_WANTED: Final = "a finite number, or the name of a kind"
MOST_EXPECTED_SALES: Final = 1e12
EXPECTED_WANTED: Final = "a number above 0 and at most 1e12: mean sales of an open day"
GROUP_WANTED: Final = f"a group of stores: text of 1 to {MAX_NAME_CHARS} characters"
COLUMN_WANTED: Final = f"a column name of 1 to {MAX_NAME_CHARS} characters"


def _fault(wanted: str) -> PydanticCustomError:
    return PydanticCustomError("storecast", "wanted {wanted}", {"wanted": wanted})


def _store_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MAX_NAME_CHARS:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and _is_utf8(value):
        return value
    raise _fault(STORE_WANTED)


def _column(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and _is_utf8(value):
        return value
    raise _fault(COLUMN_WANTED)


def _day(value: object) -> date:
    day = value if type(value) is date else day_of(value) if isinstance(value, str) else None
    if day is None:
        raise _fault(DAY_WANTED)
    return day


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _fault(NUMBER_WANTED)


def _override(value: object) -> float | str:
    # Numbers stay as they came: a column of kinds matches 1 by its digits, which "1.0" would miss.
    if isinstance(value, str) and len(value) <= MAX_NAME_CHARS and _is_utf8(value):
        return value
    try:
        _number(value)
    except PydanticCustomError:
        raise _fault(OVERRIDE_WANTED) from None
    return cast("float", value)


def _unchanged(value: float | str) -> float | str:
    return value


def _expected(value: object) -> float:
    try:
        number = _number(value)
    except PydanticCustomError:
        number = 0.0
    if not 0 < number <= MOST_EXPECTED_SALES:
        raise _fault(EXPECTED_WANTED)
    return number


def _group(value: object) -> str:
    try:
        return _column(value)
    except PydanticCustomError:
        raise _fault(GROUP_WANTED) from None


def _level(value: object) -> float:
    if isinstance(value, float) and MIN_LEVEL <= value <= MAX_LEVEL:
        return value
    raise _fault(LEVEL_WANTED)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_ID_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}, {"type": "integer"}]}
_DAY_SCHEMA = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T00:00:00(\.0{1,9})?(Z|\+00:00)?)?$"}
_LEVEL_SCHEMA = {"type": "number", "minimum": MIN_LEVEL, "maximum": MAX_LEVEL}

StoreId = Annotated[str, PlainValidator(_store_id), WithJsonSchema(_ID_SCHEMA)]
Day = Annotated[date, PlainValidator(_day), PlainSerializer(date.isoformat), WithJsonSchema(_DAY_SCHEMA)]
Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
Level = Annotated[float, PlainValidator(_level), WithJsonSchema(_LEVEL_SCHEMA)]
ExpectedSales = Annotated[
    float,
    PlainValidator(_expected),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MOST_EXPECTED_SALES}),
]
Group = Annotated[str, PlainValidator(_group), WithJsonSchema({"type": "string", "minLength": 1})]
Override = Annotated[
    float | str,
    PlainValidator(_override),
    PlainSerializer(_unchanged, return_type=Any),  # an int stays one
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
Column = Annotated[str, PlainValidator(_column), WithJsonSchema({"type": "string", "minLength": 1})]
Overrides = dict[Column, dict[Day, Override]]


def _named(camel: str, snake: str, description: str) -> Any:  # noqa: ANN401 (what pydantic's Field returns)
    return Field(
        default=None,
        validation_alias=AliasChoices(camel, snake),
        serialization_alias=camel,
        description=description,
    )


class ForecastItem(BaseModel):
    """One item of a request: a store, or every store, and the days wanted."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    store_id: StoreId = Field(
        validation_alias=AliasChoices("storeId", "store_id"),
        serialization_alias="storeId",
        description="The store, or * for every store. A whole number means its digits.",
    )
    begin_date: Day | None = _named(
        "beginDate", "begin_date", "First day wanted. Default: today, clipped into the days that can be forecast."
    )
    end_date: Day | None = _named(
        "endDate", "end_date", f"Last day wanted, inclusive. Default: {DEFAULT_DAYS} days from beginDate inclusive."
    )
    level: Level = Field(
        default=DEFAULT_LEVEL,
        description="Share of days whose sales fall between lower and upper.",
    )
    overrides: Overrides | None = Field(
        default=None,
        description="Known-ahead values to use instead of the calendar's: column, then day, then value.",
    )
    expected_sales: ExpectedSales | None = _named(
        "expectedSales",
        "expected_sales",
        "Mean sales of an open day, for a store without history; ignored where there is one.",
    )
    group: Group | None = Field(
        default=None,
        description="Group whose curve a store that the fleet does not know follows, beside expectedSales. "
        "Default: the chain's.",
    )


SPELLINGS: Final = {
    "storeId": "storeId",
    "store_id": "storeId",
    "beginDate": "beginDate",
    "begin_date": "beginDate",
    "endDate": "endDate",
    "end_date": "endDate",
    "level": "level",
    "overrides": "overrides",
    "expectedSales": "expectedSales",
    "expected_sales": "expectedSales",
    "group": "group",
}
Kind = Literal["jsonData", "ndarray"]


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """A request that was read: its items in order, and how to name a place in it."""

    kind: Kind
    items: tuple[ForecastItem, ...]
    columns: tuple[str, ...] = ()
    single: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    def path(self, index: int, name: str = "") -> str:
        """Name the place of an item, or of one of its fields, as the client wrote it."""
        if self.kind == "ndarray":
            row = f"data.ndarray[{index}]"
            return f"{row}[{self.columns.index(name)}]" if name in self.columns else row
        item = "jsonData" if self.single else f"jsonData[{index}]"
        return f"{item}.{name}" if name else item


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask; each limit is a setting of the same name with the prefix STORECAST_."""

    max_items: int = 5000
    max_days_per_item: int = 366
    max_cells: int = 100_000
    max_questions: int = 2000


def encode_request(request: ForecastRequest) -> dict[str, Any]:
    """Return the message a client sends for a request: the inverse of `parse_request`."""
    items = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in request.items]
    meta = {"meta": request.meta} if request.meta else {}
    if request.kind == "jsonData":
        return {"jsonData": items[0] if request.single else items, **meta}
    rows = [[item.get(column) for column in request.columns] for item in items]
    return {"data": {"names": list(request.columns), "ndarray": rows}, **meta}
