"""What the sink holds in memory: a bounded number of events and bytes, paired by request."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitoring.request_log.events import Event, EventKind, Origin
from monitoring.request_log.metrics import Dropped, SinkMetrics
from monitoring.request_log.settings import RequestLogSettings

# Duplicates come shortly after each other; the key of the table catches a later one.
_REMEMBERED: Final = 10_000
# Share of the queue's bytes that may wait for a partner: large requests that are refused, and so never answered, must
# not fill the queue.
_WAITING_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Exchange:
    """A response, and its request if that came in time."""

    response: Event
    request: Event | None


class Intake:
    """A bounded queue: accepts events, and returns exchanges. An event counts until its rows are written.

    Not thread-safe: only the event loop uses it. Each call costs a few dictionary operations, however full it is.
    """

    def __init__(
        self, settings: RequestLogSettings, metrics: SinkMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._waiting: OrderedDict[Origin, Event] = OrderedDict()
        self._ready: deque[Exchange] = deque()
        self._in_hand: list[Exchange] = []
        self._recent: OrderedDict[object, None] = OrderedDict()
        self._waiting_bytes = 0
        self.events = 0
        self.bytes = 0

    def reserve(self, size_bytes: int) -> bool:
        """Reserve room for one event of at most this size; False if there is none."""
        if self.events >= self._settings.queue_events or self.bytes + size_bytes > self._settings.queue_bytes:
            return False
        self.events += 1
        self.bytes += size_bytes
        return True

    def release(self, size_bytes: int) -> None:
        """Release the room of one event."""
        self.events -= 1
        self.bytes -= size_bytes

    def accept(self, event: Event, reserved_bytes: int) -> None:
        """Accept an event for which room was reserved, and pair it."""
        self.bytes += len(event.body) - reserved_bytes
        fingerprint, origin = event.fingerprint, event.header.origin
        if fingerprint in self._recent:
            self._drop(event, Dropped.DUPLICATE)
            return
        self._remember(fingerprint)
        partner = self._no_longer_waiting(origin)
        if partner is not None and partner.header.kind is event.header.kind:
            # A node logs two pairs, or a client uses an id again: the older event stays without a partner.
            self._go_alone(partner)
            partner = None
        if partner is None:
            self._wait(origin, event)
            return
        request, response = (event, partner) if event.header.kind is EventKind.REQUEST else (partner, event)
        self._ready.append(Exchange(response, request))

    def expire(self) -> None:
        """Stop waiting for partners that did not come in time."""
        before = self._clock() - self._settings.pair_wait_s
        while self._waiting and next(iter(self._waiting.values())).arrived_s <= before:
            self._let_oldest_go()

    def drain(self) -> None:
        """Stop waiting for all partners."""
        while self._waiting:
            self._let_oldest_go()

    def take(self) -> list[Exchange]:
        """The next batch, oldest first; it keeps its room until `done`."""
        size = 0
        while self._ready and len(self._in_hand) < self._settings.batch_answers:
            size += len(self._ready[0].response.body)
            if self._in_hand and size > self._settings.batch_bytes:
                break
            self._in_hand.append(self._ready.popleft())
        return list(self._in_hand)

    def done(self) -> None:
        """The last batch is written, or counted as dropped."""
        for exchange in self._in_hand:
            for event in (exchange.response, exchange.request):
                if event is not None:
                    self.release(len(event.body))
        self._in_hand.clear()

    @property
    def waiting(self) -> int:
        """Events that wait for their partner."""
        return len(self._waiting)

    @property
    def is_ready(self) -> bool:
        """Whether a batch can be taken."""
        return bool(self._ready)

    @property
    def unwritten(self) -> int:
        """Answers accepted and not written."""
        return len(self._ready) + len(self._in_hand)

    @property
    def lag_s(self) -> float:
        """Age of the oldest answer that is accepted and not written; 0 without any."""
        oldest = [exchanges[0].response.arrived_s for exchanges in (self._in_hand, self._ready) if exchanges]
        return self._clock() - min(oldest) if oldest else 0.0

    def _wait(self, origin: Origin, event: Event) -> None:
        self._waiting[origin] = event
        self._waiting_bytes += len(event.body)
        most = self._settings.queue_bytes * _WAITING_SHARE
        while len(self._waiting) > self._settings.pair_count or self._waiting_bytes > most:
            self._let_oldest_go()

    def _no_longer_waiting(self, origin: Origin) -> Event | None:
        event = self._waiting.pop(origin, None)
        self._waiting_bytes -= len(event.body) if event else 0
        return event

    def _let_oldest_go(self) -> None:
        event = self._no_longer_waiting(next(iter(self._waiting)))
        if event is not None:
            self._go_alone(event)

    def _go_alone(self, event: Event) -> None:
        if event.header.kind is EventKind.REQUEST:
            self._drop(event, Dropped.UNANSWERED)
            return
        self._metrics.unpaired()
        self._ready.append(Exchange(event, None))

    def _drop(self, event: Event, reason: Dropped) -> None:
        self._metrics.dropped(reason)
        self.release(len(event.body))

    def _remember(self, fingerprint: object) -> None:
        self._recent[fingerprint] = None
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
