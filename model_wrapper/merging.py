"""Makes one answer of several children's: line by line, in request order, the first child that answered wins."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from model_wrapper.contract.answers import ERROR_PREFIX, NOT_ANSWERED, ROW_NAMES
from model_wrapper.messages import ERRORS_TAG, MARKS

_logger: Final = logging.getLogger(__name__)

EVERY_CHILD: Final = -1
_LOST: Final = "No child of the graph answered this line; ask again, and look at the logs if it stays so."


@dataclass(slots=True)
class Merged:
    """The answer, which child gave it (-1 = several), and how many lines nobody answered."""

    message: dict[str, Any]
    child: int | None
    lost: int = 0
    mismatched: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """One child's message, taken apart into lines."""

    lines: list[Any]
    tags: dict[str, Any] = field(default_factory=dict)
    path: dict[str, Any] = field(default_factory=dict)
    child: int | None = None
    puid: str | None = None


def merge(messages: list[dict[str, Any]]) -> Merged:
    """Merge the children's answers to one request.

    Args: messages: in child order, all to the same request. A child without marks answered everything: it wins whole.
    """
    by_rows = "data" in messages[0]
    unmarked = [message for message in messages if MARKS not in _tags(message)]
    if unmarked:
        return Merged(_stripped(unmarked[0]), None)
    parts = [_part_of(message, by_rows=by_rows) for message in messages]
    lines, mismatched = _merged_lines([part.lines for part in parts])
    lost = [place for place, line in enumerate(lines) if line is None]
    for place in lost:
        lines[place] = _lost_rows() if by_rows else _lost_entry(place)
    payload: dict[str, Any] = {"jsonData": lines}
    if by_rows:
        payload = {"data": {"names": list(ROW_NAMES), "ndarray": [row for line in lines for row in line]}}
    child = parts[0].child if len(parts) == 1 else EVERY_CHILD
    return Merged(payload | {"meta": _meta(parts, lost if by_rows else [])}, child, len(lost), mismatched)


def _tags(message: dict[str, Any]) -> dict[str, Any]:
    meta = message.get("meta")
    tags = meta.get("tags") if isinstance(meta, dict) else None
    return tags if isinstance(tags, dict) else {}


def _stripped(message: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in (message.get("meta") or {}).items() if name != "metrics"}
    return message | {"meta": meta}


def _part_of(message: dict[str, Any], *, by_rows: bool) -> _Part:
    tags = dict(_tags(message))
    marks = tags.pop(MARKS)
    lines: list[Any] = message.get("jsonData") or []
    if by_rows:
        rows = iter(message["data"]["ndarray"])
        lines = [[next(rows) for _ in range(count)] or None for count in marks["rows"]]
    meta = message["meta"]
    return _Part(lines, tags, meta.get("requestPath", {}), marks.get("child"), meta.get("puid"))


def _merged_lines(lists: list[list[Any]]) -> tuple[list[Any], bool]:
    if len(lists) == 1:
        return lists[0], False
    if len({len(lines) for lines in lists}) > 1:
        # Children with different fleets name different stores for "*": each answered line is kept, once.
        _logger.warning("wrapper.merge_mismatch", extra={"facts": {"lines": [len(lines) for lines in lists]}})
        return _by_store(lists), True
    return [next((line for line in column if line is not None), None) for column in zip_longest(*lists)], False


def _by_store(lists: list[list[Any]]) -> list[Any]:
    kept: dict[str, Any] = {}
    for lines in lists:
        for line in lines:
            if line is not None:
                key = repr(line["request"]) if isinstance(line, dict) else repr([row[:2] for row in line])
                kept.setdefault(key, line)
    return list(kept.values())


def _lost_entry(place: int) -> dict[str, Any]:
    return {"request": None, "error": {"code": NOT_ANSWERED, "message": f"Line {place}: {_LOST}"}}


def _lost_rows() -> list[list[Any]]:
    return [[None, None, None, None, None, ERROR_PREFIX + NOT_ANSWERED]]


def _meta(parts: list[_Part], lost_rows: list[int]) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    path: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for part in parts:
        errors += part.tags.get(ERRORS_TAG, [])
        tags |= part.tags
        path |= part.path
    errors += [{"line": place, "storeId": None, "code": NOT_ANSWERED, "message": _LOST} for place in lost_rows]
    tags.pop(ERRORS_TAG, None)
    if errors:
        tags[ERRORS_TAG] = sorted(errors, key=lambda error: int(error["line"]))
    meta: dict[str, Any] = {"tags": tags}
    if path:
        meta["requestPath"] = path
    if parts[0].puid is not None:
        meta["puid"] = parts[0].puid
    return meta
