"""Every setting of the components, read once from the environment into one frozen object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fleet.errors import StorecastError
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, alias_uri
from fleet.settings import Count, EnvironmentSettings, setting
from model_wrapper.contract.requests import Limits
from model_wrapper.errors import ConfigError
from model_wrapper.sharding import Layout

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - what a container in a cluster must listen on, as Seldon does


class Settings(EnvironmentSettings):
    """What can be set of a component from outside."""

    prefix: ClassVar[str] = "STORECAST_"
    variables: ClassVar[Mapping[str, str]] = {"unit_id": "PREDICTIVE_UNIT_ID", "unit_image": "PREDICTIVE_UNIT_IMAGE"}
    error: ClassVar[type[StorecastError]] = ConfigError

    fleet_uri: str = setting(
        alias_uri(FLEET_MODEL, CHAMPION), "folder or models:/ URI", "Where the fleet is: a folder, or a registry URI."
    )
    cache_dir: Path = setting(Path("~/.cache/storecast"), "folder", "Where fleets from a registry are kept.")
    fetch_timeout_s: Annotated[float, Field(gt=0, le=3600)] = setting(
        30.0, "seconds", "How long a registry may take to hand out a fleet before the cache answers for it."
    )
    reload_seconds: Annotated[float, Field(ge=0, le=86_400)] = setting(
        5.0, "seconds", "How often a worker looks for another fleet, give or take a quarter; 0 = never."
    )
    min_stores_share: Annotated[float, Field(ge=0, le=1)] = setting(
        0.5, "share", "Least share of the served fleet's stores that a new one must have to take its place."
    )
    store_models: Annotated[int, Field(ge=0)] = setting(
        200, "models", "Most stores' own registered models kept in memory by one worker; 0 = serve none."
    )
    metrics_seconds: Annotated[float, Field(ge=0, le=60)] = setting(
        1.0,
        "seconds",
        "How often a worker reports its metrics; 0 = with every answer, which costs a third of its time.",
    )
    max_items: Count = setting(5000, "items", "Most items in one request.")
    max_days_per_item: Count = setting(366, "days", "Most days in one item.")
    max_cells: Count = setting(
        100_000,
        "stores x days",
        "Most forecasts in one request: about a second of a worker, which answers one at a time.",
    )
    max_questions: Count = setting(
        2000, "questions", "Most different combinations of days, level and overrides in one request; each costs a call."
    )
    max_days_ahead: Annotated[int, Field(ge=1, le=3650)] = setting(
        365, "days", "Last day that is forecast, counted from the last day of history."
    )
    shards: Annotated[int, Field(ge=1, le=1000)] = setting(
        1, "forecasters", "Number of forecasters that share the stores by a fixed hash."
    )
    shard_index: Annotated[int, Field(ge=0)] = setting(0, "index", "Which of them this forecaster is.")
    challenger_share: Annotated[float, Field(ge=0, le=100)] = setting(
        0.0, "percent", "Share of the stores with a model that the graph's challenger answers; 0 is none of them."
    )
    challenger_uri: str = setting(
        alias_uri(FLEET_MODEL, CHALLENGER), "folder or models:/ URI", "Where the graph's challenger finds its fleet."
    )
    experiment: str = setting(
        "challenger", "name", "Name of the experiment: another name gives the challenger other stores."
    )
    behind_router: bool = setting(
        default=False,
        unit="true or false",
        description="Leave to the other children what they own; the graph sets this for the children of a router.",
    )
    bind_host: str = setting(
        EVERY_ADDRESS, "address", "Where a component listens; `storecast serve` keeps it on this machine."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", "level", "Least level that is logged.")
    unit_id: str = setting("", "name", "Name of this node in the graph; Seldon sets it.")
    unit_image: str = setting("", "image", "Image of this node; Seldon sets it.")

    @model_validator(mode="after")
    def _index_is_a_shard(self) -> "Settings":
        if self.shard_index >= self.shards:
            raise PydanticCustomError(
                "shard",
                "wanted STORECAST_SHARD_INDEX below STORECAST_SHARDS ({shards}), got {index}",
                {"shards": self.shards, "index": self.shard_index},
            )
        return self

    @property
    def layout(self) -> Layout:
        """The children of the graph's router, as the graph tells all of its components."""
        return Layout(self.shards, self.challenger_share, self.experiment)

    @property
    def limits(self) -> Limits:
        """How much one request may ask."""
        return Limits(self.max_items, self.max_days_per_item, self.max_cells, self.max_questions)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings out of a mapping such as `os.environ`; the level of the log in any case.

        Raises: ConfigError: one error that names every variable that is wrong.
        """
        level = cls.variable_of("log_level")
        return super().from_env({**environ, level: environ.get(level, "").upper()})
