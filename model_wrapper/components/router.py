"""The ROUTER of the graph: sends a request to the child that owns its stores, or to all, and merges their answers."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from model_wrapper.answering.aggregate import EVERY_CHILD, Key, OwnAnswer, OwnFleet, merge
from model_wrapper.answering.encode import encode
from model_wrapper.answering.forecast import forecast_lines
from model_wrapper.answering.messages import PART_TAG, ChildContext, answer_message, echoed, with_meta
from model_wrapper.answering.plan import plan
from model_wrapper.components.base import Component
from model_wrapper.components.refusals import answer_or_refuse, raise_to_seldon
from model_wrapper.components.request_metrics import count_items
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import ROUTER
from model_wrapper.contract.reading import read_request
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.http.request_filter import FEEDBACK_PATHS, ROUTE_PATHS, route_message
from model_wrapper.metrics.counters import LOST, MENDED, MISMATCHES, ROUTED
from model_wrapper.sharding import FIRST_CHILD

_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, RuntimeError)
"""What taking unknown messages apart may raise; a generator makes a RuntimeError of a StopIteration."""


class StoreRouter(Component):
    """Routes by who owns the stores; never fails a request, because the executor would throw its error away."""

    paths: ClassVar[frozenset[str]] = ROUTE_PATHS | FEEDBACK_PATHS
    needs_fleet: ClassVar[bool] = False  # without one it asks every child, and they share the work

    def route(self, features: Any, feature_names: Iterable[str] | None = None, meta: Any = None) -> int:  # noqa: ANN401, ARG002
        """The child that answers a caller without messages: its index, or -1 for all."""
        columns = list(feature_names if feature_names is not None else ())
        rows = features if isinstance(features, list | dict) else getattr(features, "tolist", lambda: features)()
        return self.child_for({"data": {"names": columns, "ndarray": rows}} if columns else {"jsonData": rows})

    def route_raw(self, msg: object) -> dict[str, Any]:
        """Answer Seldon's /route; never raises."""
        answered = answer_or_refuse(lambda: route_message(self.child_for(msg)), self.counters)
        reply = answered if "data" in answered else route_message(FIRST_CHILD)
        reply["meta"] = {"metrics": self.metrics()}
        return reply

    def child_for(self, message: object) -> int:
        """The index of the one child that owns every store of a request, or -1 for all children.

        A request that cannot be read goes to child 0, whose 400 reaches the client.
        """
        served, settings = self.holder.current, self.settings
        if served is None:
            child = EVERY_CHILD
        else:
            layout = settings.layout
            try:
                planned = plan(read_request(message, settings.limits), served, settings.limits, self.today())
            except BadRequestError:
                child = FIRST_CHILD
            else:
                owners = {served.owner_of(line.store_id, layout, hinted=line.hinted) for line in planned.lines}
                child = owners.pop() if len(owners) == 1 else EVERY_CHILD
        self.counters.add(ROUTED, child="all" if child == EVERY_CHILD else str(child))
        return int(child)

    def aggregate_raw(self, msgs: object) -> dict[str, Any]:
        """Merge the children's answers and write which child gave them into `meta.routing`.

        Raises: SeldonMicroserviceException: 400, where the messages are no answers of our children.
        """
        messages = msgs.get("seldonMessages") if isinstance(msgs, dict) else msgs
        try:
            merged = merge(_answers(messages), self._own_fleet())
        except (*_MALFORMED, BadRequestError) as error:
            wrong = BadRequestError(f"Wanted the children's answers to one request, got something else: {error!r}.")
            parts = messages if isinstance(messages, list) else []
            meta = echoed(*(part.get("meta") for part in parts if isinstance(part, dict)))
            raise_to_seldon(wrong, "STORECAST_BAD_AGGREGATE", meta)
        if merged.lost:
            self.counters.add(LOST, merged.lost)
        if merged.filled_in:
            self.counters.add(MENDED, merged.filled_in)
        if merged.mismatched:
            self.counters.add(MISMATCHES)
        message = with_meta(merged.message, {}, self.settings, self.metrics())
        if merged.child is not None:
            message["meta"]["routing"] = {self.settings.unit_id or ROUTER: self._feedback_child(merged.child)}
        return message

    def _feedback_child(self, child: int) -> int:
        # The executor panics at a child that it does not have, and experiments end: their days say whose they are.
        return child if EVERY_CHILD <= child <= self.settings.layout.fallback else EVERY_CHILD

    def _own_fleet(self) -> OwnFleet | None:
        served = self.holder.current
        return None if served is None else OwnFleet(served.version, partial(self._own_answer, served))

    def _own_answer(
        self, served: ServedFleet, request: dict[str, Any], wanted: Callable[[Key], bool]
    ) -> OwnAnswer | None:
        try:
            planned = plan(read_request(request, self.settings.limits), served, self.settings.limits, self.today())
        except BadRequestError:
            return None  # another version's children took it
        forecasts = forecast_lines(planned, served, lambda line: wanted(line.key))
        count_items(self.counters, forecasts)
        context = ChildContext(EVERY_CHILD, request)
        message = answer_message(encode(forecasts, served), served, context=context)
        return OwnAnswer([line.key for line in planned.lines], message)

    def aggregate(self, features_list: list[Any], feature_names_list: Any = None) -> list[Any]:  # noqa: ANN401, ARG002
        """Merge the entries of several children for a caller without messages."""
        meta: dict[str, Any] = {"tags": {PART_TAG: {}}}
        merged: list[Any] = merge([{"jsonData": entries, "meta": meta} for entries in features_list]).message[
            "jsonData"
        ]
        return merged


def _answers(messages: object) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise BadRequestError("a list of at least one message was wanted")
    kinds = {"jsonData" in each or "data" in each for each in messages}
    if kinds != {True}:
        raise BadRequestError("every message must have jsonData or data")
    return messages
