"""The MODELs of the graph: one answers from the stores' own models, one from the fallback curves."""

import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from typing import Any, ClassVar

import numpy as np

from fleet.names import CHALLENGER, CHAMPION
from model_wrapper.answering.encode import encode
from model_wrapper.answering.forecast import Forecasts, forecast_lines
from model_wrapper.answering.messages import (
    ChildContext,
    answer_message,
    left_message,
    payload_of,
    readable,
    with_meta,
)
from model_wrapper.answering.plan import Plan, PlannedForecast, plan
from model_wrapper.components.base import Component, today_utc
from model_wrapper.components.live_error import begin_at_zero, child_that_answered
from model_wrapper.components.refusals import answer_or_refuse
from model_wrapper.components.request_metrics import count_answer
from model_wrapper.contract.answers import SOURCE_FALLBACK, SOURCE_FLEET, SOURCE_STORE, SOURCES
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import Feedback, JudgedDay
from model_wrapper.contract.reading import read_request
from model_wrapper.errors import FleetUnavailableError, WrapperError
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.http.request_filter import FEEDBACK_PATHS, PREDICT_PATHS
from model_wrapper.metrics.counters import LEFT
from model_wrapper.settings import Settings
from model_wrapper.sharding import Layout

__all__ = ["ChallengerForecaster", "FallbackForecaster", "StoreForecaster"]

logger = logging.getLogger(__name__)


class StoreForecaster(Component):
    """Answers every store: from its own model, or from the fallback curve where it has none.

    Behind a router it answers only the stores of its shard that have a model, and stores that nobody knows.
    """

    paths: ClassVar[frozenset[str]] = PREDICT_PATHS | FEEDBACK_PATHS
    sources: ClassVar[frozenset[str]] = frozenset(SOURCES)
    alias: ClassVar[str] = CHAMPION

    def load(self) -> None:
        """Open the fleet, as every component.

        Raises: FleetUnavailableError: and the worker does not start.
        """
        super().load()
        if self._reports:
            begin_at_zero(self.counters, self.sources, self.alias)

    @property
    def child(self) -> int:
        """Index of this component among the router's children."""
        return self.settings.shard_index

    def predict_raw(self, msg: object) -> dict[str, Any]:
        """Answer one Seldon message; never raises: a refusal is an answer with a status."""
        message = answer_or_refuse(partial(self._answer, msg), self.counters)
        meta = readable(msg.get("meta")) if isinstance(msg, dict) else {}
        return with_meta(message, meta, self.settings, self.metrics())

    def predict(
        self,
        X: Any,  # noqa: ANN401, N803 - Seldon's name
        names: Iterable[str] | None = None,
        meta: dict[str, Any] | None = None,  # noqa: ARG002 - Seldon's signature
    ) -> Any:  # noqa: ANN401 - entries or rows
        """Answer a caller without messages: a list of entries, or of rows where `names` are given.

        Raises: BadRequestError, FleetUnavailableError. Never a TypeError: Seldon's wrapper would call it again.
        """
        columns = list(names if names is not None else ())
        table: np.ndarray[Any, Any] | list[Any] = X
        try:
            if columns:
                rows = table if isinstance(table, list) else table.tolist()
                return self._answer({"data": {"names": columns, "ndarray": rows}})["data"]["ndarray"]
            return self._answer({"jsonData": X})["jsonData"]
        except TypeError as error:
            raise WrapperError(f"The wrapper failed: {error}") from error

    def _answer(self, message: object) -> dict[str, Any]:
        served = self.served  # once: another version may be put in its place meanwhile
        settings = self.settings
        planned = plan(read_request(message, settings.limits), served, settings.limits, self.today())
        owns = partial(self._owns, served, settings.layout) if settings.behind_router else None
        began = time.perf_counter()
        forecasts = self._forecast(planned, served, owns)
        count_answer(self.counters, forecasts, time.perf_counter() - began)
        context = ChildContext(self.child, payload_of(message)) if settings.behind_router else None
        return answer_message(encode(forecasts, served, self.alias), served, self.alias, context)

    def answered(self, day: JudgedDay, feedback: Feedback) -> bool:
        """Whether this component counts a day: as the router's child that answered it, or without a router."""
        settings = self.settings
        return not settings.behind_router or child_that_answered(day, feedback, settings.layout) == self.child

    def _forecast(
        self, planned: Plan, served: ServedFleet, owns: Callable[[PlannedForecast], bool] | None
    ) -> Forecasts:
        return forecast_lines(planned, served, owns, self.sources)

    def _owns(self, served: ServedFleet, layout: Layout, line: PlannedForecast) -> bool:
        return served.owner_of(line.store_id, layout, hinted=line.hinted) == self.child


class FallbackForecaster(StoreForecaster):
    """Answers every store from its fallback curve; behind a router only the stores without a model."""

    sources: ClassVar[frozenset[str]] = frozenset({SOURCE_FALLBACK})

    @property
    def child(self) -> int:
        """The first child after all forecasters."""
        return self.settings.layout.fallback


class ChallengerForecaster(StoreForecaster):
    """Answers the stores of an experiment from the challenger's models.

    What it cannot answer it leaves to the router, which answers from the champion's fleet: a store without a model, a
    day or a column that only the champion knows, everything while no challenger is registered. So it never refuses.
    """

    sources: ClassVar[frozenset[str]] = frozenset({SOURCE_FLEET, SOURCE_STORE})
    alias: ClassVar[str] = CHALLENGER
    needs_fleet: ClassVar[bool] = False

    def __init__(self, settings: Settings | None = None, today: Callable[[], date] = today_utc) -> None:
        given = settings if settings is not None else Settings.from_env(os.environ)
        super().__init__(given.model_copy(update={"fleet_uri": given.challenger_uri}), today)

    @property
    def child(self) -> int:
        """The last child."""
        return self.settings.layout.challenger

    def _answer(self, message: object) -> dict[str, Any]:
        try:
            return super()._answer(message)
        except (BadRequestError, FleetUnavailableError):
            self.counters.add(LEFT)
        except Exception as error:
            self.counters.add(LEFT)
            logger.exception("wrapper.request_failed", extra={"facts": {"error": type(error).__name__}})
        return left_message(ChildContext(self.child, payload_of(message)))

    def _forecast(
        self, planned: Plan, served: ServedFleet, owns: Callable[[PlannedForecast], bool] | None
    ) -> Forecasts:
        forecasts = super()._forecast(planned, served, owns)
        forecasts.faults.clear()
        return forecasts
