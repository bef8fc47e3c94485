"""The ROUTER of the graph: sends a request to the child that owns its stores, or to all, and merges their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from model_wrapper.component import Component
from model_wrapper.contract.reading import parse_request
from model_wrapper.counters import LOST, MISMATCHES, ROUTED
from model_wrapper.errors import BadRequestError, FleetUnavailableError
from model_wrapper.http_door import FEEDBACK_PATHS, ROUTE_PATHS, route_message
from model_wrapper.merging import EVERY_CHILD, merge
from model_wrapper.messages import MARKS, with_meta
from model_wrapper.planning import plan
from model_wrapper.sharding import FIRST_CHILD

if TYPE_CHECKING:
    from collections.abc import Iterable

_DEFAULT_UNIT: Final = "router"


class StoreRouter(Component):
    """Routes by who owns the stores; never fails a request, because the executor would throw its error away."""

    paths: ClassVar[frozenset[str]] = ROUTE_PATHS | FEEDBACK_PATHS

    def load(self) -> None:
        """Open the fleet; without one the router asks every child, and they share the work."""
        try:
            super().load()
        except FleetUnavailableError:
            self._served = None  # logged by the component

    def health_status(self) -> dict[str, Any]:
        """Say which fleet is served; without one the router is ready all the same, as nobody would start it again."""
        return {"status": "ready", "fleet": None} if self._served is None else super().health_status()

    def route(self, features: Any, feature_names: Iterable[str] | None = None, meta: Any = None) -> int:  # noqa: ANN401, ARG002
        """Return the child that answers a caller without messages: its index, or -1 for all."""
        columns = list(feature_names if feature_names is not None else ())
        rows = features if isinstance(features, list | dict) else getattr(features, "tolist", lambda: features)()
        return self.child_for({"data": {"names": columns, "ndarray": rows}} if columns else {"jsonData": rows})

    def route_raw(self, msg: object) -> dict[str, Any]:
        """Answer Seldon's /route; never raises."""
        answered = self._guarded(lambda: route_message(self.child_for(msg)))
        reply = answered if "data" in answered else route_message(FIRST_CHILD)
        reply["meta"] = {"metrics": self.metrics()}
        return reply

    def child_for(self, message: object) -> int:
        """Return the index of the one child that owns every store of a request, or -1 for all children.

        A request that cannot be read goes to child 0, whose 400 reaches the client.
        """
        served, settings = self._served, self.settings
        if served is None:
            child = EVERY_CHILD
        else:
            try:
                request = parse_request(message, settings.limits)
                stores = {line.store_id for line in plan(request, served, settings.limits, self.today())}
            except BadRequestError:
                child = FIRST_CHILD
            else:
                owners = {served.owner_of(store_id, settings.shards) for store_id in stores}
                child = owners.pop() if len(owners) == 1 else EVERY_CHILD
        self.counters.add(ROUTED, child="all" if child == EVERY_CHILD else str(child))
        return int(child)

    def aggregate_raw(self, msgs: object) -> dict[str, Any]:
        """Merge the children's answers and write which child gave them into ``meta.routing``.

        Raises: SeldonMicroserviceException: 400, where the messages are no answers of our children.
        """
        messages = msgs.get("seldonMessages") if isinstance(msgs, dict) else msgs
        try:
            merged = merge(_answers(messages))
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration, BadRequestError) as error:
            wrong = BadRequestError(f"Wanted the children's answers to one request, got something else: {error!r}.")
            self._raise_to_seldon(wrong, "STORECAST_BAD_AGGREGATE")
        if merged.lost:
            self.counters.add(LOST, merged.lost)
        if merged.mismatched:
            self.counters.add(MISMATCHES)
        message = with_meta(merged.message, {}, self.settings, self.metrics())
        if merged.child is not None:
            message["meta"]["routing"] = {self.settings.unit_id or _DEFAULT_UNIT: merged.child}
        return message

    def aggregate(self, features_list: list[Any], feature_names_list: Any = None) -> list[Any]:  # noqa: ANN401, ARG002
        """Merge the entries of several children for a caller without messages."""
        meta: dict[str, Any] = {"tags": {MARKS: {}}}
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
