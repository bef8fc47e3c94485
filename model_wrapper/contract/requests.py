"""What a client may ask: the models, and the reader that finds every problem at once.

Only two payload kinds are read, `jsonData` and `data.ndarray`. Both become the same `ForecastItem` rows.
"""

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from fleet.calendar import LARGEST_NUMBER
from fleet.cells import whole_text
from fleet.intervals import MAX_LEVEL, MIN_LEVEL
from model_wrapper.contract.days import DAY_PATTERN, DAY_WANTED, day_of

EVERY_STORE = "*"
MAX_NAME_CHARS = 256
DEFAULT_LEVEL = 0.8
DEFAULT_DAYS = 7

MAX_ID_DIGITS = 20
"""Of an id that is a number: all of 64 bits. Most readers of JSON do not carry longer ones as they are written."""

STORE_WANTED = (
    f"a store id: text of 1 to {MAX_NAME_CHARS} characters, or a whole number of at most {MAX_ID_DIGITS} digits"
)
LEVEL_WANTED = f"a number from {MIN_LEVEL} to {MAX_LEVEL}"
NUMBER_WANTED = "a finite number"
OVERRIDE_WANTED = (
    f"a number of at most {LARGEST_NUMBER:.1e}, true or false, or the name of a kind: text of at most "
    f"{MAX_NAME_CHARS} characters"
)
MOST_EXPECTED_SALES = 1e12
EXPECTED_WANTED = "a number above 0 and at most 1e12: mean sales of an open day"
GROUP_WANTED = f"a group of stores: text of 1 to {MAX_NAME_CHARS} characters"
COLUMN_WANTED = f"a column name of 1 to {MAX_NAME_CHARS} characters"


_MOST_AS_ID = 10**MAX_ID_DIGITS - 1


def _fault(wanted: str) -> PydanticCustomError:
    return PydanticCustomError("storecast", "wanted {wanted}", {"wanted": wanted})


def _store_id(value: object) -> str:
    # 4, 4.0 and "4.0" are store 4, as in tables: JSON Schema, JavaScript and Seldon's client know no difference.
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and _is_utf8(value):
        return whole_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST_AS_ID and value % 1 == 0:
        return str(int(value))
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
    # All stay as they came: what they mean is for the column to say, and the answer echoes them.
    if isinstance(value, str) and len(value) <= MAX_NAME_CHARS and _is_utf8(value):
        return value
    if isinstance(value, int | float) and abs(value) <= LARGEST_NUMBER:
        return value
    raise _fault(OVERRIDE_WANTED)


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


_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}
_WHOLE_SCHEMA = {"type": "integer", "minimum": -_MOST_AS_ID, "maximum": _MOST_AS_ID}
_ID_SCHEMA = {"anyOf": [_NAME_SCHEMA, _WHOLE_SCHEMA]}
_DAY_SCHEMA = {"type": "string", "pattern": DAY_PATTERN}
_OVERRIDE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER},
        {"type": "boolean"},
        {"type": "string", "maxLength": MAX_NAME_CHARS},
    ]
}
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
Group = Annotated[str, PlainValidator(_group), WithJsonSchema(_NAME_SCHEMA)]
Override = Annotated[
    float | str,
    PlainValidator(_override),
    PlainSerializer(_unchanged, return_type=Any),  # an int or a boolean stays one
    WithJsonSchema(_OVERRIDE_SCHEMA),
]
Column = Annotated[str, PlainValidator(_column), WithJsonSchema(_NAME_SCHEMA)]
Overrides = dict[Column, dict[Day, Override]]


def _named(camel: str, snake: str, description: str) -> Any:  # noqa: ANN401 - what pydantic's Field returns
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
        description="The store, or * for every store. A whole number means its digits, as 4.0 too.",
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


SPELLINGS = {
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
    """The message a client sends for a request: the inverse of `parse_request`."""
    items = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in request.items]
    meta = {"meta": request.meta} if request.meta else {}
    if request.kind == "jsonData":
        return {"jsonData": items[0] if request.single else items, **meta}
    rows = [[item.get(column) for column in request.columns] for item in items]
    return {"data": {"names": list(request.columns), "ndarray": rows}, **meta}
