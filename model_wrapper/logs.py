"""JSON lines on stderr: a fixed event name and facts, never a payload."""

import json
import logging
import sys
from datetime import UTC, datetime

_SELDON = "seldon_core"
_SELDON_ERROR = "seldon.error"


class JsonLines(logging.Formatter):
    """One JSON object a record; the facts are those given as `extra={"facts": {...}}`."""

    def __init__(self, unit: str = "") -> None:
        super().__init__()
        self._unit = unit

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": event_of(record),
            "logger": record.name,
            "pid": record.process,
        }
        if self._unit:
            line["unit"] = self._unit
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict):
            line |= facts
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def event_of(record: logging.LogRecord) -> str:
    """Name the event of a record; Seldon's own error records quote requests, so only their kind is kept."""
    if record.name.startswith(_SELDON) and record.levelno >= logging.ERROR:
        return _SELDON_ERROR
    return record.getMessage()


def keeps_payloads_out(record: logging.LogRecord) -> bool:
    """Refuse Seldon's records below WARNING: they hold whole requests, answers and configurations."""
    return not (record.name.startswith(_SELDON) and record.levelno < logging.WARNING)


def configure(level: str, unit: str = "") -> None:
    """Send every record of this process, and of those forked from it, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(unit))
    handler.addFilter(keeps_payloads_out)
    logging.basicConfig(level=level, handlers=[handler], force=True)
