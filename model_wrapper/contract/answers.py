"""What a client gets: the models of an answer, and the names that stand in it."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from model_wrapper.contract.problems import REASON
from model_wrapper.contract.requests import Day, ExpectedSales, Group, Level, Number, Overrides, StoreId

SOURCE_FLEET = "fleet"
SOURCE_STORE = "store"
SOURCE_FALLBACK = "fallback"
SOURCES = (SOURCE_FLEET, SOURCE_STORE, SOURCE_FALLBACK)
ERROR_PREFIX = "error:"

ErrorCode = Literal["UNKNOWN_STORE", "DATE_OUT_OF_RANGE", "FORECAST_FAILED", "NOT_ANSWERED"]
UNKNOWN_STORE: ErrorCode = "UNKNOWN_STORE"
DATE_OUT_OF_RANGE: ErrorCode = "DATE_OUT_OF_RANGE"
FORECAST_FAILED: ErrorCode = "FORECAST_FAILED"
NOT_ANSWERED: ErrorCode = "NOT_ANSWERED"

ROW_NAMES = ("store_id", "timestamp", "value", "lower", "upper", "source")


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class AskedItem(_Part):
    """The item that an entry answers, with its defaults filled in."""

    store_id: StoreId = Field(description="One store; * only where the whole item has an error.")
    begin_date: Day
    end_date: Day
    level: Level
    overrides: Overrides | None = None
    expected_sales: ExpectedSales | None = None
    group: Group | None = None
    clipped_from: Day | None = Field(
        default=None, description="The default first day, before it was moved into the days that can be forecast."
    )


class ForecastDay(_Part):
    """One day of one store; sales a day, lower <= value <= upper."""

    timestamp: Day
    value: Number
    lower: Number
    upper: Number
    note: Literal["closed", "calendar-assumed"] | None = Field(
        default=None,
        description="closed: the store is not open, all three are 0. calendar-assumed: after the known calendar.",
    )


class ModelNote(_Part):
    """Where a forecast came from."""

    source: Literal["fleet", "store", "fallback"]
    alias: Literal["champion", "challenger"] = Field(
        default="champion", description="Which side of an experiment answered; champion where there is none."
    )
    version: str
    trained_through: Day = Field(description="Last day of the history that the model has seen.")


class ItemError(_Part):
    """Why one item has no forecast."""

    code: ErrorCode
    message: str


class ForecastEntry(_Part):
    """The forecast of one store."""

    request: AskedItem
    forecast: list[ForecastDay] = Field(min_length=1)
    model: ModelNote


class ErrorEntry(_Part):
    """An item that cannot be answered."""

    request: AskedItem | None = Field(description="Null only with the code NOT_ANSWERED.")
    error: ItemError


Entry = ForecastEntry | ErrorEntry
Entries = TypeAdapter(list[Entry])

Row = tuple[StoreId | None, Day | None, Number | None, Number | None, Number | None, str]


class Table(BaseModel):
    """The rows of an answer to a request by rows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    names: tuple[
        Literal["store_id"],
        Literal["timestamp"],
        Literal["value"],
        Literal["lower"],
        Literal["upper"],
        Literal["source"],
    ]
    ndarray: list[Row] = Field(description="An item without a forecast is one row with nulls and source error:CODE.")


class RefusalStatus(BaseModel):
    """Seldon's status of a refused request."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[int, Field(ge=400, le=599)]
    info: str
    reason: str
    status: Literal["FAILURE"]


def refusal_message(
    code: int,
    info: str,
    reason: str = REASON,
    problems: list[Any] | None = None,
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the body of an answer that is no forecast; a valid SeldonMessage, so that strict clients can read it.

    Args: meta: what is given back of the request's.
    """
    message: dict[str, Any] = {"status": {"code": code, "info": info, "reason": reason, "status": "FAILURE"}}
    if problems is not None:
        message["jsonData"] = {"problems": problems}
    return message | ({"meta": meta} if meta else {})


def decode_answer(message: dict[str, Any]) -> list[ForecastEntry | ErrorEntry] | Table:
    """Read an answer into its models; for clients and tests, not used while serving."""
    if "jsonData" in message:
        return Entries.validate_python(message["jsonData"])
    return Table.model_validate(message["data"])


def encode_answer(answer: list[ForecastEntry | ErrorEntry] | Table) -> dict[str, Any]:
    """The payload of an answer: the inverse of `decode_answer`."""
    if isinstance(answer, Table):
        return {"data": answer.model_dump(mode="json")}
    return {"jsonData": [_dump(entry) for entry in answer]}


def _dump(entry: ForecastEntry | ErrorEntry) -> dict[str, Any]:
    dumped = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped if entry.request is not None else {"request": None, **dumped}
