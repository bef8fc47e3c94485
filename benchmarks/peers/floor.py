"""The floor under every answer of a graph: Seldon components that do nothing.

The router's `/route` answers child 0, the model answers an empty list whatever it is asked, and `/aggregate` hands the
first message on. All three are `*_raw` methods, the shortest way through Seldon's wrapper; nothing is counted.

    python -m benchmarks.peers.floor CLASS      the stock wrapper, made to run with today's protobuf and nothing else
"""

# ruff: noqa: ANN401 (Seldon's messages)
import os
import sys
from typing import Any


class Router:
    """Routes everything to child 0, and hands on what it answers."""

    def route_raw(self, _msg: Any) -> dict[str, Any]:
        """Child 0."""
        return {"data": {"names": ["t:0"], "ndarray": [[0]]}, "meta": {}}

    def aggregate_raw(self, msgs: Any) -> Any:
        """The first answer as it is."""
        return msgs[0]


class Model:
    """Answers nothing."""

    def predict_raw(self, _msg: Any) -> dict[str, Any]:
        """An empty list."""
        return {"jsonData": [], "meta": {}}


def main() -> None:
    """Start Seldon's own microservice, with its own JSON, metrics and defaults."""
    from model_wrapper.seldon import protobuf_bridge  # noqa: PLC0415 - not in the components that our entry point starts

    protobuf_bridge.install()
    from gunicorn import config  # noqa: PLC0415

    # Two things that have no effect on a request: no socket in the home folder, and nothing but loopback.
    config.ControlSocketDisable.default = True
    accept, host = config.Bind.validator, os.environ["STORECAST_BIND_HOST"]
    config.Bind.validator = staticmethod(lambda bind: [each.replace("0.0.0.0", host) for each in accept(bind)])  # noqa: S104
    os.environ.setdefault("GRPC_WORKERS", "0")
    from seldon_core import microservice  # noqa: PLC0415

    sys.argv = ["seldon-core-microservice", *sys.argv[1:]]
    microservice.main()


if __name__ == "__main__":
    main()
