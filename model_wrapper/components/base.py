"""What every Seldon class of this room shares: settings, the fleet, health, feedback, counts, and the last door."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from model_wrapper.components.live_error import Recent, count, reply_to
from model_wrapper.components.request_metrics import begin_at_zero, fleet_gauges
from model_wrapper.contract.answers import refusal_message
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import READ_FEEDBACK, parse_feedback
from model_wrapper.contract.problems import REASON
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.hot_reload import Watch
from model_wrapper.fleets.source import FleetSource
from model_wrapper.metrics.counters import FEEDBACK, REFUSED, REQUESTS, Counters
from model_wrapper.metrics.shared_metrics import report
from model_wrapper.seldon.worker_start import REPLACES
from model_wrapper.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint

    from fleet import StorecastError
    from model_wrapper.contract.feedback import Feedback, JudgedDay
    from model_wrapper.fleets.served import ServedFleet

_logger: Final = logging.getLogger(__name__)

INTERNAL_REASON: Final = "STORECAST_INTERNAL_ERROR"
UNAVAILABLE_REASON: Final = "STORECAST_FLEET_UNAVAILABLE"


def today_utc() -> date:
    """Return today's day in UTC."""
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
        self._served: ServedFleet | None = None
        self._watch: Watch | None = None
        self._reports = False
        self._recent = Recent()

    def load(self) -> None:
        """Open the fleet; Seldon calls this once in every worker.

        Raises: FleetUnavailableError: and the worker does not start. No other error leaves, because Seldon takes a
                missing attribute or method here for "nothing to load" and serves without a fleet.
        """
        try:
            self._open()
        except FleetUnavailableError:
            if self.needs_fleet:
                raise
            self._served = None  # logged before
        if self._watch is not None:
            self._watch.start(self.settings.reload_seconds)
        self._reports = report(self._measured, self.settings.metrics_seconds)
        if self._reports:
            begin_at_zero(self.counters)

    def _open(self) -> None:
        try:
            source = FleetSource(self.settings, os.environ)
            self._watch = Watch(source, lambda: self._served, self._take, self.counters)
            self._served = source.open(last_used_first=REPLACES.is_set())
        except FleetUnavailableError as error:
            _logger.error("wrapper.fleet_failed", extra={"facts": {"reason": str(error)}})  # noqa: TRY400 (it says it all)
            raise
        except Exception as error:
            _logger.exception("wrapper.fleet_failed", extra={"facts": {"uri": self.settings.fleet_uri}})
            raise FleetUnavailableError(f"{self.settings.fleet_uri}: {error}") from error

    def _take(self, served: ServedFleet) -> None:
        # One assignment: a request under way keeps the fleet that it began with.
        self._served = served

    @property
    def served(self) -> ServedFleet:
        """The fleet.

        Raises: FleetUnavailableError: `load` has not run, or failed.
        """
        if self._served is None:
            raise FleetUnavailableError("This component has no fleet: wanted load() to have opened one.")
        return self._served

    @cached_property
    def model_error_handler(self) -> Blueprint:
        """The front door, under the name by which Seldon's wrapper registers it."""
        from model_wrapper.http.request_filter import door  # noqa: PLC0415 (Flask only where there is HTTP)

        return door(self.paths, self.counters, self.settings.max_cells)

    def health_status(self) -> dict[str, Any]:
        """Say which fleet is served; without one, fail with 503 where one is needed."""
        if self._served is None and not self.needs_fleet:
            return {"status": "ready", "fleet": None}
        try:
            served = self.served
        except FleetUnavailableError as error:
            self._raise_to_seldon(error, UNAVAILABLE_REASON)
        return {
            "status": "ready",
            "fleet": {
                "version": served.version,
                "stores": served.fleet.n_stores,
                "firstStore": next(iter(served.fleet.store_ids), None),
                "trainedThrough": served.trained_through.isoformat(),
                "fromCache": served.from_cache,
            },
        }

    def metrics(self) -> list[dict[str, Any]]:
        """Return what was counted since the last answer, and the state of the fleet; nothing where a thread reports."""
        return [] if self._reports else self._measured()

    def _measured(self) -> list[dict[str, Any]]:
        return [*self.counters.drain(), *fleet_gauges(self._served, self.today())]

    def tags(self) -> dict[str, Any]:
        """Return the tags of answers that are made outside of `predict_raw`."""
        served = self._served
        return {} if served is None else {"fleet_version": served.version}

    def init_metadata(self) -> dict[str, Any]:
        """Describe the component for Seldon's /metadata."""
        schema = {"messagetype": "jsonData", "schema": {"$ref": "docs/contract/request.schema.json"}}
        answer = {"messagetype": "jsonData", "schema": {"$ref": "docs/contract/answer.schema.json"}}
        name = self.settings.unit_id or type(self).__name__
        return {"name": name, "versions": [], "platform": "storecast", "inputs": [schema], "outputs": [answer]}

    def send_feedback_raw(self, feedback: Any) -> Any:  # noqa: ANN401 (a Feedback in, a SeldonMessage out: protobuf)
        """Count, once, what a feedback tells of the days that this component answered; say what was understood.

        Raises: SeldonMicroserviceException: 400, where it cannot be read. Its reward is counted by Seldon's wrapper.
        """
        from google.protobuf.json_format import ParseDict  # noqa: PLC0415 (seldon_core's messages need the bridge first)
        from seldon_core.proto import prediction_pb2  # noqa: PLC0415

        try:
            read = self._read_feedback(feedback)
        except BadRequestError as error:
            self._raise_to_seldon(error, REASON)
        parts = (part.SerializeToString(deterministic=True) for part in (feedback.response, feedback.truth))
        if not read.days or self._recent.is_new(*parts):
            self.counters.add(FEEDBACK, rewarded=str(bool(feedback.reward)).lower())
            count([day for day in read.days if self._answered(day, read)], self.counters)
        # Without metrics: Seldon's proto would round them to 32 bits, and fail at a 0. They go with what is next.
        return ParseDict(reply_to(read), prediction_pb2.SeldonMessage())

    def _read_feedback(self, feedback: Any) -> Feedback:  # noqa: ANN401 (protobuf)
        from flask import g, has_request_context  # noqa: PLC0415 (Flask only where there is HTTP)
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

        read: Feedback | None = g.pop(READ_FEEDBACK, None) if has_request_context() else None
        return read if read is not None else parse_feedback(MessageToDict(feedback), self.settings.max_cells)

    def _answered(self, day: JudgedDay, feedback: Feedback) -> bool:  # noqa: ARG002 (of the forecasters)
        """Whether this component answered a day, so that nobody else counts it."""
        return False

    def send_feedback(
        self,
        features: object,  # noqa: ARG002 (Seldon's signature, from here on)
        feature_names: object,  # noqa: ARG002
        reward: float,
        truth: object,  # noqa: ARG002
        routing: int | None = None,  # noqa: ARG002
    ) -> None:
        """Do the same for callers without protobuf."""
        self.counters.add(FEEDBACK, rewarded=str(bool(reward)).lower())

    def _guarded(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Turn every error into an answer: what the client did 400, a missing fleet 503, the rest 500."""
        try:
            message = work()
        except BadRequestError as error:
            self.counters.add(REQUESTS, outcome="refused")
            over = any("setting STORECAST_MAX_" in problem["wanted"] for problem in error.problems)
            self.counters.add(REFUSED, reason="over_limit" if over else "bad_request")
            message = refusal_message(error.http_status, str(error), problems=error.problems)
        except FleetUnavailableError as error:
            self.counters.add(REQUESTS, outcome="unavailable")
            message = refusal_message(error.http_status, str(error), UNAVAILABLE_REASON)
        except Exception as error:
            self.counters.add(REQUESTS, outcome="failed")
            _logger.exception("wrapper.request_failed", extra={"facts": {"error": type(error).__name__}})
            message = refusal_message(500, "The wrapper failed; its log has the reason.", INTERNAL_REASON)
        else:
            self.counters.add(REQUESTS, outcome="answered")
        return message

    @staticmethod
    def _raise_to_seldon(error: StorecastError, reason: str, meta: dict[str, Any] | None = None) -> NoReturn:
        from model_wrapper.seldon.refusal import SeldonRefusal  # noqa: PLC0415 (as above)

        raise SeldonRefusal(str(error), status_code=error.http_status, payload=meta, reason=reason) from error
