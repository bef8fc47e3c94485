"""The MODELs of the graph: one answers from the stores' own models, one from the fallback curves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from model_wrapper.answering import solve
from model_wrapper.component import Component
from model_wrapper.contract.reading import parse_request
from model_wrapper.counters import ITEMS
from model_wrapper.errors import WrapperError
from model_wrapper.http_door import FEEDBACK_PATHS, PREDICT_PATHS
from model_wrapper.messages import answer_message, with_meta
from model_wrapper.planning import plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

__all__ = ["FallbackForecaster", "StoreForecaster"]


class StoreForecaster(Component):
    """Answers every store: from its own model, or from the fallback curve where it has none.

    Behind a router it answers only the stores of its shard that have a model, and stores that nobody knows.
    """

    paths: ClassVar[frozenset[str]] = PREDICT_PATHS | FEEDBACK_PATHS
    fallback_only: ClassVar[bool] = False

    @property
    def child(self) -> int:
        """Index of this component among the router's children."""
        return self.settings.shard_index

    def predict_raw(self, msg: object) -> dict[str, Any]:
        """Answer one Seldon message; never raises: a refusal is an answer with a status."""
        message = self._guarded(partial(self._answer, msg))
        meta = msg.get("meta") if isinstance(msg, dict) and "status" not in message else None
        return with_meta(message, meta or {}, self.settings, self.metrics())

    def predict(
        self,
        X: Any,  # noqa: ANN401, N803 (Seldon's name)
        names: Iterable[str] | None = None,
        meta: dict[str, Any] | None = None,  # noqa: ARG002 (Seldon's signature)
    ) -> Any:  # noqa: ANN401 (entries or rows)
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
        served = self.served
        settings = self.settings
        request = parse_request(message, settings.limits)
        lines = plan(request, served, settings.limits, self.today())
        owns = self._owns if settings.behind_router else None
        solved = solve(lines, served, owns, fallback_only=self.fallback_only)
        for source, count in solved.sources().items():
            self.counters.add(ITEMS, count, source=source)
        return answer_message(request, solved, served, self.child if settings.behind_router else None)

    def _owns(self, store_id: str) -> bool:
        return self.served.owner_of(store_id, self.settings.shards) == self.child


class FallbackForecaster(StoreForecaster):
    """Answers every store from its fallback curve; behind a router only the stores without a model."""

    fallback_only: ClassVar[bool] = True

    @property
    def child(self) -> int:
        """The last child, after all forecasters."""
        return self.settings.shards
