"""How a request can end badly. The texts are the real executor's, because clients and tests match on them."""

from graph.engine.core.payload import Payload


class EngineError(Exception):
    """Base of what ends a request inside the engine; never reaches the engine's caller."""


class CallFailedError(EngineError):
    """A node call that gave no 200, or a message that could not be worked with.

    Args:
        info: the executor's error text, used when there is no payload.
        status: HTTP status of the answer to the client.
        payload: the node's own error answer, passed on as it is; None = the engine writes one from `info`.
    """

    def __init__(self, info: str, *, status: int = 500, payload: Payload | None = None) -> None:
        super().__init__(info)
        self.info = info
        self.status = status
        self.payload = payload


class ExecutorPanicError(EngineError):
    """Where the real executor panics: the client's connection is closed without an answer.

    Args:
        reason: what was wrong, for the log.
        kills_process: the panic happens below a fan-out, where the real executor's whole process dies (exit code 2).
    """

    def __init__(self, reason: str, *, kills_process: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kills_process = kills_process
