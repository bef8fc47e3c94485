"""Comparison of what an engine did with what is recorded. Every function returns the differences it finds."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from support.graph.scripted_nodes import Call
from support.graph.vector_bodies import body_problem
from support.graph.vectors import CALL_HEADERS, EVENT_HEADERS, RESPONSE_HEADERS, Case, fill_in, full_headers
from support.raw_http import HeaderList, Message

_UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_PATTERNS = {
    "<uuid4>": _UUID4,
    "<rfc3339>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "<trace>": r"[0-9a-f]+:[0-9a-f]+:[0-9a-f]+:[0-9a-f]+",
    "<trace, client's trace id>": r"463ac35c9f6413ad:[0-9a-f]+:[0-9a-f]+:[0-9a-f]+",
    "<hex>": r"[0-9a-f]+",
}
_UNSEEN_RESPONSE = {"date", "content-length", "transfer-encoding", "connection", "last-modified"}
_UNSEEN_CALL = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "user-agent",
    "accept",
    "accept-encoding",
    "uber-trace-id",
}
_COUNT = "seldon_api_executor_{side}_requests_seconds_count"
_SERVER_KEYS = ("service", "code", "method")
_CLIENT_KEYS = ("model_name", "service", "code", "method")

Problems = list[str]


def _values(headers: HeaderList, unseen: set[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in unseen:
            grouped.setdefault(name.lower(), []).append(value)
    return grouped


def _header_problems(wanted: Mapping[str, Any], got: dict[str, list[str]], puid: str) -> Problems:
    problems = []
    expected = {name.lower(): value if isinstance(value, list) else [value] for name, value in wanted.items()}
    for name in sorted(expected.keys() | got.keys()):
        texts = [text.replace("<puid>", puid).replace("<same as request>", puid) for text in expected.get(name, [])]
        if not _same_values(texts, got.get(name, [])):
            problems.append(f"header {name}: wanted {texts}, got {got.get(name, [])}")
    return problems


def _same_values(wanted: list[str], got: list[str]) -> bool:
    if len(wanted) != len(got):
        return False
    return all(
        re.fullmatch(_PATTERNS[text], value) if text in _PATTERNS else text == value
        for text, value in zip(wanted, got, strict=True)
    )


def response_problems(expected: Case, got: Message, asked_puid: str) -> Problems:
    """Status, all headers and the body of an answer."""
    problems = []
    status = str(expected.get("status", 200))
    if got.start[1] != status:
        problems.append(f"status: wanted {status}, got {got.start[1]}")
    puid = asked_puid or got.header("Seldon-Puid") or ""
    wanted = full_headers(expected, RESPONSE_HEADERS)
    problems += _header_problems(wanted, _values(got.headers, _UNSEEN_RESPONSE), puid)
    body = expected.get("body")
    problem = (
        _extract_problem(body, got.body)
        if isinstance(body, dict) and "extract" in body
        else body_problem(body, got.body)
    )
    return [*problems, problem] if problem else problems


def _extract_problem(spec: Case, body: bytes) -> str:
    text = body.decode()
    if spec["extract"] == "nothing":
        return ""
    if spec["extract"] == "contains":
        found: Any = {part: part in text for part in spec["value"]}
    elif spec["extract"] == "metric_families":
        found = sorted(re.findall(r"^# TYPE (seldon\S*)", text, re.MULTILINE))
    elif spec["extract"] == "openapi":
        document = json.loads(text)
        found = {"paths": sorted(document["paths"]), "has_servers": "servers" in document}
    elif spec["extract"] == "metric_shape":
        found = _metric_shape(text)
    else:
        found = _bucket_values(text)
    return "" if found == spec["value"] else f"{spec['extract']}: wanted {spec['value']}, got {found}"


def _metric_shape(text: str) -> dict[str, list[str]]:
    shape: dict[str, list[str]] = {}
    for side in ("server", "client"):
        base = f"seldon_api_executor_{side}_requests_seconds"
        for name in (base, f"{base}_summary"):
            shape[f"{name} type"] = re.findall(rf"^# TYPE {name} (\S+)", text, re.MULTILINE)
        shape[f"{base} help"] = re.findall(rf"^# HELP {base} (.+)", text, re.MULTILINE)
        labels = re.findall(rf"^{base}_count{{(.*)}}", text, re.MULTILINE)[0]
        shape[f"{base} labels"] = sorted(re.findall(r'(\w+)="', labels))
        shape[f"{base}_bucket le"] = re.findall(rf'^{base}_bucket{{.*le="([^"]+)"', text, re.MULTILINE)
        shape[f"{base}_summary quantile"] = re.findall(rf'^{base}_summary{{.*quantile="([^"]+)"', text, re.MULTILINE)
    return shape


def _bucket_values(text: str) -> dict[str, int]:
    found = {}
    for side in ("client", "server"):
        name = f"seldon_api_executor_{side}_requests_seconds_bucket"
        for edge, count in re.findall(rf'^{name}{{.*le="(0\.25|0\.5)".*}} (\S+)', text, re.MULTILINE):
            found[f"{side} le={edge}"] = int(float(count))
    return found


class CallMatcher:
    """Compares node calls with a recorded tree of calls."""

    def __init__(self, puid: str, observed: Sequence[str]) -> None:
        self._puid = puid
        self._unseen = _UNSEEN_CALL - {name.lower() for name in observed}

    def problems(self, expected: Sequence[Case], calls: Sequence[Call]) -> Problems:
        """Differences between the tree and the calls in the order of their arrival."""
        rest = list(calls)
        problems = self._sequence(expected, rest)
        return problems + [f"call that was not expected: {call.method} {call.node}{call.path}" for call in rest]

    def _sequence(self, expected: Sequence[Case], rest: list[Call]) -> Problems:
        problems: Problems = []
        for item in expected:
            if "parallel" in item:
                problems += self._parallel(item["parallel"], rest)
            elif not rest:
                problems.append(f"missing call: {item['node']}{item.get('path', '')}")
            else:
                problems += self._one(item, rest.pop(0))
        return problems

    def _parallel(self, branches: Sequence[Sequence[Case]], rest: list[Call]) -> Problems:
        sizes = [_size(branch) for branch in branches]
        group, rest[:] = rest[: sum(sizes)], rest[sum(sizes) :]
        problems: Problems = []
        firsts = []
        for branch in branches:
            keys = Counter(_keys(branch))
            mine = []
            for call in list(group):
                if keys[call.node, call.path] > 0:
                    keys[call.node, call.path] -= 1
                    mine.append(call)
                    group.remove(call)
            firsts += mine[:1]
            problems += self._sequence(branch, mine)
        problems += [f"call that was not expected: {call.node}{call.path}" for call in group]
        return problems + _overlap_problems(firsts)

    def _one(self, item: Case, call: Call) -> Problems:
        name = f"{item['node']}{item.get('path', '')}"
        if item.get("tcp_connect_only"):
            fits = call.connect_only and call.node == item["node"]
            return [] if fits else [f"wanted a connection to {name}, got {call.method} {call.node}{call.path}"]
        wanted = (item.get("method", "POST"), name)
        if wanted != (call.method, f"{call.node}{call.path}"):
            return [f"wanted call {wanted}, got {call.method} {call.node}{call.path}"]
        problems = _header_problems(full_headers(item, CALL_HEADERS), _values(call.headers, self._unseen), self._puid)
        body = body_problem(item.get("body"), call.body)
        return [f"call {name}: {problem}" for problem in [*problems, body] if problem]


def _size(branch: Sequence[Case]) -> int:
    return len(_keys(branch))


def _keys(branch: Sequence[Case]) -> list[tuple[str, str]]:
    keys = []
    for item in branch:
        if "parallel" in item:
            keys += [key for inner in item["parallel"] for key in _keys(inner)]
        else:
            keys.append((item["node"], item.get("path", "")))
    return keys


def _overlap_problems(firsts: Sequence[Call]) -> Problems:
    """Children run at the same time: all were called before a slow one answered."""
    answers = [call.answered for call in firsts if call.delayed]
    late = [call.node for call in firsts if answers and call.arrived > min(answers)]
    return [f"called only after another child had answered: {late}"] if late else []


def event_problems(expected: Sequence[Case], got: Sequence[Call], puid: str, port: int) -> Problems:
    """Payload events in any order, none missing and none too many."""
    rest = list(got)
    problems = []
    usual = fill_in(EVENT_HEADERS, {"{http_port}": str(port)})
    for event in expected:
        found = next((call for call in rest if not _event_differences(event, call, puid, usual)), None)
        if found is None:
            problems.append(f"missing event: {event}")
        else:
            rest.remove(found)
    return problems + [f"event that was not expected: {call.headers} {call.body!r}" for call in rest]


def _event_differences(event: Case, call: Call, puid: str, usual: Mapping[str, str]) -> Problems:
    wanted = full_headers(event, usual) | {"ce-modelid": event["node"], "ce-type": event["kind"]}
    seen = [(name, value) for name, value in call.headers if name.lower().startswith(("ce-", "content-type"))]
    problems = _header_problems(wanted, _values(seen, {"ce-traceparent"}), puid)
    place = (event.get("sink", "sink"), event.get("path", "/"), event.get("method", "POST"))
    if place != (call.node, call.path, call.method):
        problems.append(f"wanted at {place}, got at {(call.node, call.path, call.method)}")
    body = body_problem(event.get("body"), call.body)
    return [*problems, body] if body else problems


def metric_problems(expected: Case, page: bytes) -> Problems:
    """Counts of requests and of node calls, with all their labels."""
    problems = []
    if "server" in expected:
        problems += _count_problems("server", expected["server"], _SERVER_KEYS, page)
    if "client" in expected:
        problems += _count_problems("client", expected["client"], _CLIENT_KEYS, page)
    if "client_total" in expected:
        total = sum(_counts("client", page).values())
        if total != expected["client_total"]:
            problems.append(f"client calls counted: wanted {expected['client_total']}, got {total}")
    return problems


def _count_problems(side: str, rows: Sequence[Sequence[Any]], keys: Sequence[str], page: bytes) -> Problems:
    common = {"deployment_name": "mydep", "predictor_name": "mypred", "predictor_version": ""}
    if side == "client":
        common |= {"model_image": "", "model_version": ""}
    wanted: Counter[frozenset[tuple[str, str]]] = Counter()
    for count, *values in rows:
        names, extra = values[: len(keys)], values[len(keys) :]
        labels = common | dict(zip(keys, names, strict=True)) | (extra[0] if extra else {})
        wanted[frozenset(labels.items())] += count
    got = _counts(side, page)
    return [
        f"{side} count of {dict(labels)}: wanted {wanted[labels]}, got {got[labels]}"
        for labels in wanted.keys() | got.keys()
        if wanted[labels] != got[labels]
    ]


def _counts(side: str, page: bytes) -> Counter[frozenset[tuple[str, str]]]:
    name = _COUNT.format(side=side)
    found: Counter[frozenset[tuple[str, str]]] = Counter()
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            if sample.name == name:
                found[frozenset(sample.labels.items())] += int(sample.value)
    return found
