"""An answer of the graph as the log reads it.

The models are less strict than the contract's: an older or newer graph sends fewer or more fields than the contract of
this version, and its forecasts belong into the log too.

An answer is read in pieces: one call for a whole chain would block the event loop for a fifth of a second.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel

from model_wrapper.contract.answers import ERROR_PREFIX, ROW_NAMES
from model_wrapper.contract.requests import MAX_NAME_CHARS

# Tag of a child's part of an answer (docs/contract.md); the router removes it.
PART_TAG: Final = "storecast"
_COLUMNS: Final = list(ROW_NAMES)
_ROWS_AT_ONCE: Final = 256

StoreName = Annotated[str, Field(max_length=MAX_NAME_CHARS)]


class _LoggedPart(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class LoggedRequest(_LoggedPart):
    """The request item that an entry answers."""

    store_id: StoreName
    level: FiniteFloat | None = None
    overrides: dict[str, Any] | None = None


class LoggedDay(_LoggedPart):
    """One day of a forecast."""

    timestamp: date
    value: FiniteFloat
    lower: FiniteFloat
    upper: FiniteFloat
    note: str | None = None


class LoggedModel(_LoggedPart):
    """The model of a forecast; all None if the answer does not name it."""

    source: str | None = None
    version: str | None = None
    alias: str | None = None
    trained_through: str | None = None


class LoggedError(_LoggedPart):
    """Why an item has no forecast."""

    code: str


class LoggedEntry(_LoggedPart):
    """One item of an answer in jsonData: a forecast or an error."""

    request: LoggedRequest | None = None
    forecast: list[LoggedDay] = []
    model: LoggedModel = LoggedModel()
    error: LoggedError | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "LoggedEntry":
        if bool(self.forecast) == (self.error is not None):
            raise ValueError("wanted a forecast or an error")
        return self


class Row(NamedTuple):
    """One row of an answer by rows: one day."""

    store_id: StoreName | None
    timestamp: date
    value: FiniteFloat
    lower: FiniteFloat
    upper: FiniteFloat
    source: str


class ErrorRow(NamedTuple):
    """The row of an item without a forecast."""

    store_id: StoreName | None
    timestamp: None
    value: None
    lower: None
    upper: None
    source: Annotated[str, Field(pattern=f"^{ERROR_PREFIX}")]


_ROWS: Final = TypeAdapter(list[Row | ErrorRow])


class _LoggedTable(_LoggedPart):
    names: list[str]
    ndarray: list[Any]

    @model_validator(mode="after")
    def _has_our_columns(self) -> "_LoggedTable":
        if self.names != _COLUMNS:
            raise ValueError(f"wanted the columns {_COLUMNS}")
        return self


class FleetTags(BaseModel):
    """The fleet of an answer by rows: its tags carry what rows have no column for."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True)

    fleet_version: str | None = None
    trained_through: str | None = None


class _ChallengerTags(FleetTags):
    stores: frozenset[str] = frozenset()


class _Tags(FleetTags):
    challenger: _ChallengerTags | None = None

    @property
    def is_part(self) -> bool:
        """Whether this is the answer of a router's child; the log has the same forecasts from the router's answer."""
        return PART_TAG in (self.model_extra or {})


class _Meta(_LoggedPart):
    tags: _Tags = _Tags()
    routing: dict[str, int] = {}


class LoggedAnswer(_LoggedPart):
    """The whole message: entries or rows, which are parsed lazily."""

    json_data: list[Any] | None = None
    data: _LoggedTable | None = None
    meta: _Meta = _Meta()

    @model_validator(mode="after")
    def _has_a_payload(self) -> "LoggedAnswer":
        if (self.json_data is None) == (self.data is None):
            raise ValueError("wanted jsonData or data")
        return self

    @property
    def by_rows(self) -> bool:
        """Whether the answer is by rows."""
        return self.data is not None

    def entries(self) -> Iterator[LoggedEntry]:
        """The items of an answer in jsonData."""
        return map(LoggedEntry.model_validate, self.json_data or ())

    def rows(self) -> Iterator[Row | ErrorRow]:
        """The rows of an answer by rows."""
        rows = self.data.ndarray if self.data else []
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield from _ROWS.validate_python(rows[start : start + _ROWS_AT_ONCE])

    def fleet_tags_of(self, store_id: str | None) -> tuple[FleetTags, str | None]:
        """The fleet that answered a store's rows, and its alias if the tags name it."""
        challenger = self.meta.tags.challenger
        if challenger is not None and store_id in challenger.stores:
            return challenger, "challenger"
        return self.meta.tags, None
