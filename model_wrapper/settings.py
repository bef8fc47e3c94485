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
        alias_uri(FLEET_MODEL, CHAMPION),
        "folder or models:/ URI",
        "Fleet to serve: a folder, or a URI in the registry.",
    )
    cache_dir: Path = setting(Path("~/.cache/storecast"), "folder", "Folder for downloaded fleets.")
    fetch_timeout_s: Annotated[float, Field(gt=0, le=3600)] = setting(
        30.0, "seconds", "Longest time to download a fleet; after it, the fleet in the cache is served."
    )
    reload_seconds: Annotated[float, Field(ge=0, le=86_400)] = setting(
        5.0, "seconds", "Time between two checks for a new fleet, varied by up to a quarter; 0: never check."
    )
    min_stores_share: Annotated[float, Field(ge=0, le=1)] = setting(
        0.5, "share", "Lowest share of the served fleet's stores, and of its models, that a new fleet must have."
    )
    store_models: Annotated[int, Field(ge=0)] = setting(
        200, "models", "Highest number of store models that a worker keeps in memory; 0: serve none."
    )
    metrics_seconds: Annotated[float, Field(ge=0, le=60)] = setting(
        1.0,
        "seconds",
        "Time between two reports of a worker's metrics; 0: with every answer, which costs a third of its time.",
    )
    max_items: Count = setting(5000, "items", "Highest number of items in one request.")
    max_days_per_item: Count = setting(366, "days", "Highest number of days in one item.")
    max_cells: Count = setting(
        100_000,
        "stores x days",
        "Highest number of forecasts in one request; 100,000 take a worker about a second.",
    )
    max_questions: Count = setting(
        2000, "questions", "Highest number of different combinations of days, level and overrides in one request."
    )
    max_days_ahead: Annotated[int, Field(ge=1, le=3650)] = setting(
        365, "days", "Last day that can be forecast, counted from the last day of the sales history."
    )
    shards: Annotated[int, Field(ge=1, le=1000)] = setting(
        1, "forecasters", "Number of forecasters; a hash of the store id assigns each store to one of them."
    )
    shard_index: Annotated[int, Field(ge=0)] = setting(0, "index", "Index of this forecaster, from 0.")
    challenger_share: Annotated[float, Field(ge=0, le=100)] = setting(
        0.0, "percent", "Share of the stores with a model that the challenger answers for; 0: none."
    )
    challenger_uri: str = setting(
        alias_uri(FLEET_MODEL, CHALLENGER), "folder or models:/ URI", "Fleet that the challenger serves."
    )
    experiment: str = setting(
        "challenger", "name", "Name of the experiment; it decides which stores the challenger answers for."
    )
    behind_router: bool = setting(
        default=False,
        unit="true or false",
        description="Leave items of other children to them; the graph sets this for the children of a router.",
    )
    bind_host: str = setting(
        EVERY_ADDRESS, "address", "Address on which a component listens; `storecast serve` uses this machine only."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", "level", "Lowest level that is logged.")
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
