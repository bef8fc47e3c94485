"""The base of every settings object: read once from the environment, all problems in one error, listed as a table.

Needs pydantic, so `fleet` itself does not import it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet.errors import StorecastError

Count = Annotated[int, Field(ge=1)]


class SettingRow(NamedTuple):
    """One line of the settings table."""

    variable: str
    default: str
    unit: str
    description: str


def setting(default: object, unit: str, description: str) -> Any:  # noqa: ANN401 - what pydantic's Field returns
    """A field of a settings object: its default, its unit, and what it means."""
    return Field(default=default, description=description, json_schema_extra={"unit": unit})


class EnvironmentSettings(BaseModel):
    """Settings of which each has a variable in the environment: the prefix and the field's name in capitals."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    prefix: ClassVar[str]
    """Of every variable that `variables` does not name."""
    variables: ClassVar[Mapping[str, str]] = {}
    """Field -> variable, of fields whose variable somebody else has named."""
    error: ClassVar[type[StorecastError]]
    """What `from_env` raises."""
    quotes_values: ClassVar[bool] = True
    """Whether the error shows the wrong values; not where one of the settings is a secret."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings out of a mapping such as `os.environ`; a variable that is empty counts as not set.

        Raises: StorecastError: of the class `error`; it names every variable that is wrong.
        """
        given = {
            name: environ[cls.variable_of(name)] for name in cls.model_fields if environ.get(cls.variable_of(name))
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems = [cls._problem(detail["loc"], detail["msg"], given) for detail in details]
            raise cls.error("Correct these settings: " + "; ".join(problems)) from error

    @classmethod
    def _problem(cls, location: tuple[int | str, ...], message: str, given: Mapping[str, str]) -> str:
        if not location:  # the problem of several settings, whose message names them
            return message
        name = str(location[0])
        problem = f"{cls.variable_of(name)}: wanted {message.removeprefix('Input should be ')}"
        return f"{problem}, got {given.get(name, '')!r}" if cls.quotes_values else problem

    @classmethod
    def table(cls) -> list[SettingRow]:
        """List every setting: variable, default, unit, description."""
        rows = []
        for name, info in cls.model_fields.items():
            extra = info.json_schema_extra
            unit = str(extra["unit"]) if isinstance(extra, dict) else ""
            rows.append(SettingRow(cls.variable_of(name), _shown(info.default), unit, info.description or ""))
        return rows

    @classmethod
    def variable_of(cls, name: str) -> str:
        """The environment variable of a setting."""
        return cls.variables.get(name, cls.prefix + name.upper())


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
