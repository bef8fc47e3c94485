"""Counts feedbacks, each once, whatever way they come: by Seldon's protobuf or as plain arguments."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Any

from model_wrapper.components.live_error import count
from model_wrapper.contract.feedback import FEEDBACK_REPLY_NAMES, READ_FEEDBACK, Feedback, JudgedDay, parse_feedback
from model_wrapper.metrics.counters import FEEDBACK, Counters

_REMEMBERED = 10_000
"""Feedbacks, of 16 bytes each: hours of them."""


class SeenDigests:
    """Remembers the last feedbacks, so that one which is sent again is counted once; safe for threads.

    Where one child is away the executor answers 500, although the others counted: the client rightly tries again.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most, self._lock = most, Lock()
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def is_new(self, *parts: bytes) -> bool:
        """Whether an answer and its truth, as bytes, come for the first time; from now on they do not."""
        digest = blake2b(b"".join(blake2b(part).digest() for part in parts), digest_size=16).digest()
        with self._lock:
            if digest in self._seen:
                self._seen.move_to_end(digest)
                return False
            self._seen[digest] = None
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return True


class FeedbackCounter:
    """Counts the feedbacks of one component; `answered`: whether the component answered a day, so that it counts it."""

    def __init__(self, counters: Counters, max_days: int, answered: Callable[[JudgedDay, Feedback], bool]) -> None:
        self._counters, self._max_days, self._answered = counters, max_days, answered
        self._seen = SeenDigests()

    def take(self, message: Any) -> dict[str, Any]:  # noqa: ANN401 - a Feedback: protobuf
        """Count a feedback, once; returns the payload that says what was understood.

        Raises: BadRequestError: it cannot be read.
        """
        feedback = self._read(message)
        parts = (part.SerializeToString(deterministic=True) for part in (message.response, message.truth))
        if not feedback.days or self._seen.is_new(*parts):
            self.add_reward(message.reward)
            count([day for day in feedback.days if self._answered(day, feedback)], self._counters)
        return _reply_to(feedback)

    def add_reward(self, reward: float) -> None:
        """Count a feedback by whether it has a reward."""
        self._counters.add(FEEDBACK, rewarded=str(bool(reward)).lower())

    def _read(self, message: Any) -> Feedback:  # noqa: ANN401 - as above
        from flask import g, has_request_context  # noqa: PLC0415 - Flask only where there is HTTP
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

        # Over HTTP it was read before Seldon's own reader saw it.
        read: Feedback | None = g.pop(READ_FEEDBACK, None) if has_request_context() else None
        return read if read is not None else parse_feedback(MessageToDict(message), self._max_days)


def _reply_to(feedback: Feedback) -> dict[str, Any]:
    """Days that were judged, those of them rightly closed, and those without a forecast."""
    closed = sum(day.rightly_closed for day in feedback.days)
    # Rows, because Seldon's proto keeps the order of a list, but not that of an object's fields.
    row = [len(feedback.days) - closed, closed, feedback.unmatched]
    return {"data": {"names": list(FEEDBACK_REPLY_NAMES), "ndarray": [row]}}
