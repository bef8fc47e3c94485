"""Makes one answer of several children's: each line once, in request order, whatever order they answered in.

Children open new versions of the fleet at moments of their own. Where that shows - a line that nobody answered, lines
of two versions, different stores for `*` - the router's own fleet says what the lines are and answers those that no
child answered from the same version, so that an answer never mixes two. A router without a fleet keeps the lines of one
version, and the others are lost.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fleet.names import CHALLENGER
from model_wrapper.answering.encode import ERRORS_TAG
from model_wrapper.answering.messages import PART_TAG, readable
from model_wrapper.contract.answers import ERROR_PREFIX, NOT_ANSWERED, ROW_NAMES

logger = logging.getLogger(__name__)

EVERY_CHILD = -1
_LOST = "No child of the graph answered this line; ask again, and look at the logs if it stays so."

Key = tuple[int, str]
"""A line of a request: the place of its item, and the store."""


@dataclass(slots=True)
class Merged:
    """The answer, and which child gave it (-1: several, or also the router).

    `lost`: lines that nobody answered.  `filled_in`: lines that the router answered.  `mismatched`: the children's
    fleets were not the same.
    """

    message: dict[str, Any]
    child: int | None
    lost: int = 0
    filled_in: int = 0
    mismatched: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One child's message, taken apart: its lines, None where it left one, and how many every item has."""

    lines: list[Any]
    counts: list[int]
    tags: dict[str, Any] = field(default_factory=dict)
    path: dict[str, Any] = field(default_factory=dict)
    errors: dict[int, dict[str, Any]] = field(default_factory=dict)
    child: int | None = None
    version: str | None = None
    challenger: bool = False
    request: dict[str, Any] | None = None
    puid: str | None = None

    def keyed(self) -> Iterable[tuple[Key, int]]:
        """The key and the place of every line that was answered."""
        items = (item for item, count in enumerate(self.counts) for _ in range(count))
        for place, (item, line) in enumerate(zip(items, self.lines, strict=True)):
            if line is not None:
                yield (item, _store_of(line)), place


class OwnAnswer(NamedTuple):
    """What the router's own fleet says of a request: its lines, and its answer to those that were wanted of it."""

    keys: list[Key]
    message: dict[str, Any]


Choice = tuple[Part, int]
"""A line of the answer: the part that it is taken from, and its place there."""


class OwnFleet(NamedTuple):
    """The router's own fleet, for what the children leave open.

    `version`: of the fleet.  `answer`: the request and which of its lines are wanted -> the answer, None where the
    fleet cannot read the request.
    """

    version: str
    answer: Callable[[dict[str, Any], Callable[[Key], bool]], OwnAnswer | None]


def merge(messages: Sequence[dict[str, Any]], own_fleet: OwnFleet | None = None) -> Merged:
    """Merge the children's answers to one request.

    Args: messages: all to the same request. A child without marks answered everything: it wins whole.
    """
    by_rows = "data" in messages[0]
    unmarked = [message for message in messages if PART_TAG not in _tags(message)]
    if unmarked:
        return Merged(_stripped(unmarked[0]), None)
    parts = sorted((part_of(message, by_rows=by_rows) for message in messages), key=lambda part: part.child or 0)
    choices, mismatched = _chosen(parts)
    if mismatched:
        logger.warning("wrapper.merge_mismatch", extra={"facts": {"versions": [part.version for part in parts]}})
    request = next((part.request for part in parts if part.request is not None), None)
    own = None
    if own_fleet is not None and request is not None and (choices is None or mismatched or None in choices):
        own = _filled_in(parts, own_fleet, request, by_rows=by_rows)
    if own is not None:
        choices, parts = own.choices, [*parts, own.part]
    else:
        kept = _of_one_version(parts)
        choices = choices if len(kept) == len(parts) else _chosen(kept)[0]
        parts = kept
        if choices is None:
            choices = _by_key(parts) or [None] * _items_in(request)
    child = parts[0].child if len(parts) == 1 else EVERY_CHILD
    message = _message(parts, choices, by_rows=by_rows)
    return Merged(message, child, choices.count(None), own.n_lines if own else 0, mismatched)


def part_of(message: dict[str, Any], *, by_rows: bool) -> Part:
    """Take one marked message apart."""
    tags = dict(_tags(message))
    marks = tags.pop(PART_TAG)
    errors = {int(error["line"]): error for error in tags.pop(ERRORS_TAG, ())}
    lines: list[Any] = message.get("jsonData") or []
    if by_rows:
        rows = iter(message["data"]["ndarray"])
        lines = [[next(rows) for _ in range(count)] or None for count in marks.get("rows", ())]
    known = readable(message["meta"])
    return Part(
        lines,
        marks.get("stores") or [1] * len(lines),
        tags,
        known.get("requestPath", {}),
        errors,
        _index_in(marks.get("child")),
        marks.get("version"),
        marks.get("alias") == CHALLENGER,
        marks.get("asked"),
        known.get("puid"),
    )


def _index_in(mark: object) -> int | None:
    if mark is None or (isinstance(mark, int) and not isinstance(mark, bool)):
        return mark
    raise TypeError(f"wanted a child's index, got {mark!r}")


def _tags(message: dict[str, Any]) -> dict[str, Any]:
    meta = message.get("meta")
    tags = meta.get("tags") if isinstance(meta, dict) else None
    return tags if isinstance(tags, dict) else {}


def _stripped(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"meta": readable(message.get("meta"))}


def _store_of(line: Any) -> str:  # noqa: ANN401 - an entry or a list of rows
    return str(line["request"]["storeId"] if isinstance(line, dict) else line[0][0])


def _is_error(line: Any) -> bool:  # noqa: ANN401 - as above
    return "error" in line if isinstance(line, dict) else str(line[0][-1]).startswith(ERROR_PREFIX)


def _chosen(parts: list[Part]) -> tuple[list[Choice | None] | None, bool]:
    """Choose every line, None where the children do not agree what the lines are; and whether their fleets differ."""
    full = [part for part in parts if part.counts]
    champions = {tuple(part.counts) for part in full if not part.challenger}
    if len({tuple(part.counts) for part in full}) != 1:
        return None, len(champions) > 1
    choices = _aligned(full)
    versions = {choice[0].version for choice in choices if choice is not None and not choice[0].challenger}
    return choices, len(versions) > 1


def _aligned(parts: list[Part]) -> list[Choice | None]:
    """For every line the first child that forecast it, or else the first that answered with an error."""
    choices: list[Choice | None] = []
    for place, column in enumerate(zip(*(part.lines for part in parts), strict=True)):
        answered = [(part, place) for part, line in zip(parts, column, strict=True) if line is not None]
        if len(answered) > 1:
            answered.sort(key=lambda choice: _is_error(choice[0].lines[choice[1]]))
        choices.append(answered[0] if answered else None)
    return choices


def _kept(parts: Iterable[Part]) -> dict[Key, Choice]:
    kept: dict[Key, Choice] = {}
    for part in parts:
        for key, place in part.keyed():
            if key not in kept or (_is_error(kept[key][0].lines[kept[key][1]]) and not _is_error(part.lines[place])):
                kept[key] = (part, place)
    return kept


def _of_one_version(parts: list[Part]) -> list[Part]:
    """The challenger's part and the champion's of one version: the one of the most lines, and then the newest."""
    counts: Counter[str | None] = Counter()
    for part in parts:
        counts[part.version] += 0 if part.challenger else sum(line is not None for line in part.lines)
    counts = +counts
    if len(counts) <= 1:
        return parts
    best = max(counts, key=lambda version: (counts[version], _number_of(version)))
    return [part for part in parts if part.challenger or part.version == best]


def _number_of(version: str | None) -> int:
    return int(version) if version is not None and version.isdecimal() else 0


def _by_key(parts: list[Part]) -> list[Choice | None]:
    """Every answered line once, where the children do not agree what the lines are and nobody else knows."""
    # A challenger knows stores that the champion does not; they are no lines of an answer.
    kept = _kept(part for part in parts if not part.challenger) or _kept(parts)
    known = _kept(parts)
    return [known[key] for key in sorted(kept, key=lambda key: key[0])]


class _FilledIn(NamedTuple):
    part: Part
    choices: list[Choice | None]
    n_lines: int


def _filled_in(parts: list[Part], own_fleet: OwnFleet, request: dict[str, Any], *, by_rows: bool) -> _FilledIn | None:
    kept = _kept(part for part in parts if part.challenger or part.version == own_fleet.version)
    own = own_fleet.answer(request, lambda key: key not in kept)
    if own is None:
        return None
    part = part_of(own.message, by_rows=by_rows)
    choices: list[Choice | None] = []
    for place, key in enumerate(own.keys):
        choices.append(kept.get(key) or (None if part.lines[place] is None else (part, place)))
    return _FilledIn(part, choices, sum(choice is not None and choice[0] is part for choice in choices))


def _items_in(request: dict[str, Any] | None) -> int:
    payload = (request or {}).get("jsonData", (request or {}).get("data"))
    items = payload.get("ndarray", payload) if isinstance(payload, dict) else payload
    return len(items) if isinstance(items, list) else 1


def _lost_line(place: int, *, by_rows: bool) -> Any:  # noqa: ANN401 - as above
    if by_rows:
        return [[None, None, None, None, None, ERROR_PREFIX + NOT_ANSWERED]]
    return {"request": None, "error": {"code": NOT_ANSWERED, "message": f"Line {place}: {_LOST}"}}


def _message(parts: list[Part], choices: list[Choice | None], *, by_rows: bool) -> dict[str, Any]:
    lines = [
        _lost_line(place, by_rows=by_rows) if choice is None else choice[0].lines[choice[1]]
        for place, choice in enumerate(choices)
    ]
    payload: dict[str, Any] = {"jsonData": lines}
    if by_rows:
        payload = {"data": {"names": list(ROW_NAMES), "ndarray": [row for line in lines for row in line]}}
    # What a child that answered no line says of its fleet is not true of this answer.
    chosen = [part for part in parts if any(choice is not None and choice[0] is part for choice in choices)]
    return payload | {"meta": _meta(parts, chosen or parts, _errors(choices) if by_rows else [])}


def _errors(choices: list[Choice | None]) -> list[dict[str, Any]]:
    errors = []
    for place, choice in enumerate(choices):
        if choice is None:
            errors.append({"line": place, "storeId": None, "code": NOT_ANSWERED, "message": _LOST})
        elif choice[1] in choice[0].errors:
            errors.append(choice[0].errors[choice[1]] | {"line": place})
    return errors


def _meta(parts: list[Part], chosen: list[Part], errors: list[dict[str, Any]]) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    path: dict[str, Any] = {}
    for part in parts:
        path |= part.path
    for part in chosen:
        tags |= part.tags
    if errors:
        tags[ERRORS_TAG] = errors
    meta: dict[str, Any] = {"tags": tags}
    if path:
        meta["requestPath"] = path
    if parts[0].puid is not None:
        meta["puid"] = parts[0].puid
    return meta
