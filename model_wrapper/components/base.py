"""The Seldon class that all components of this room extend: Seldon's calls, handed on to who answers them."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from model_wrapper.components.feedback_counter import FeedbackCounter
from model_wrapper.components.refusals import UNAVAILABLE_REASON, raise_to_seldon
from model_wrapper.components.request_metrics import begin_at_zero, fleet_gauges
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import Feedback, JudgedDay
from model_wrapper.contract.problems import REASON
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.holder import FleetHolder
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.metrics.counters import Counters
from model_wrapper.metrics.shared_metrics import report
from model_wrapper.settings import Settings

if TYPE_CHECKING:
    from flask import Blueprint


def today_utc() -> date:
    """Today's day in UTC."""
    return datetime.now(UTC).date()


class Component:
    """A Seldon user class that serves a fleet."""

    paths: ClassVar[frozenset[str]] = frozenset()
    needs_fleet: ClassVar[bool] = True
    """False: without a fleet it is ready all the same, because others of the graph answer for it."""

    def __init__(self, settings: Settings | None = None, today: Callable[[], date] = today_utc) -> None:
        self.settings = settings if settings is not None else Settings.from_env(os.environ)
        self.today = today
        self.counters = Counters()
        self.holder = FleetHolder(self.settings, self.counters, required=self.needs_fleet)
        self._feedback = FeedbackCounter(self.counters, self.settings.max_cells, self.answered)
        self._reports = False

    def load(self) -> None:
        """Open the fleet; Seldon calls this once in every worker.

        Raises: FleetUnavailableError: and the worker does not start. No other error leaves, because Seldon takes a
                missing attribute or method here for "nothing to load" and serves without a fleet.
        """
        self.holder.load()
        self._reports = report(self._measured, self.settings.metrics_seconds)
        if self._reports:
            begin_at_zero(self.counters)

    @property
    def served(self) -> ServedFleet:
        """The fleet.

        Raises: FleetUnavailableError: there is none.
        """
        return self.holder.served

    @cached_property
    def model_error_handler(self) -> "Blueprint":
        """The request filter, under the name by which Seldon's wrapper registers it."""
        from model_wrapper.http.request_filter import blueprint  # noqa: PLC0415 - Flask only where there is HTTP

        return blueprint(self.paths, self.counters, self.settings.max_cells)

    def health_status(self) -> dict[str, Any]:
        """Say which fleet is served; without one, fail with 503 where one is needed."""
        try:
            return self.holder.health()
        except FleetUnavailableError as error:
            raise_to_seldon(error, UNAVAILABLE_REASON)

    def metrics(self) -> list[dict[str, Any]]:
        """What was counted since the last answer, and the state of the fleet; nothing where a thread reports."""
        return [] if self._reports else self._measured()

    def _measured(self) -> list[dict[str, Any]]:
        return [*self.counters.drain(), *fleet_gauges(self.holder.current, self.today())]

    def tags(self) -> dict[str, Any]:
        """The tags of answers that are made outside of `predict_raw`."""
        served = self.holder.current
        return {} if served is None else {"fleet_version": served.version}

    def init_metadata(self) -> dict[str, Any]:
        """Describe the component for Seldon's /metadata."""
        schema = {"messagetype": "jsonData", "schema": {"$ref": "docs/contract/request.schema.json"}}
        answer = {"messagetype": "jsonData", "schema": {"$ref": "docs/contract/answer.schema.json"}}
        name = self.settings.unit_id or type(self).__name__
        return {"name": name, "versions": [], "platform": "storecast", "inputs": [schema], "outputs": [answer]}

    def answered(self, day: JudgedDay, feedback: Feedback) -> bool:  # noqa: ARG002 - of the forecasters
        """Whether this component answered a day, so that it alone counts what was sold."""
        return False

    def send_feedback_raw(self, feedback: Any) -> Any:  # noqa: ANN401 - a Feedback in, a SeldonMessage out: protobuf
        """Count, once, what a feedback tells of the days that this component answered; say what was understood.

        Raises: SeldonMicroserviceException: 400, where it cannot be read. Its reward is counted by Seldon's wrapper.
        """
        from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - seldon_core's messages need the bridge first
        from seldon_core.proto import prediction_pb2  # noqa: PLC0415

        try:
            reply = self._feedback.take(feedback)
        except BadRequestError as error:
            raise_to_seldon(error, REASON)
        # Without metrics: Seldon's proto would round them to 32 bits, and fail at a 0. They go with what is next.
        return ParseDict(reply, prediction_pb2.SeldonMessage())

    def send_feedback(
        self,
        features: object,  # noqa: ARG002 - Seldon's signature, from here on
        feature_names: object,  # noqa: ARG002
        reward: float,
        truth: object,  # noqa: ARG002
        routing: int | None = None,  # noqa: ARG002
    ) -> None:
        """Do the same for callers without protobuf."""
        self._feedback.add_reward(reward)
