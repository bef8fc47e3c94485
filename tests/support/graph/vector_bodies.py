"""Bodies as the recorded vectors spell them: text, base64, gzip of a text, a repeated text, a hash."""

import base64
import gzip
import hashlib
import re
from typing import Any

TIMEOUT_TEXT = (
    r"(?:context deadline exceeded|net/http: request canceled|read tcp \S+: use of closed network connection)"
    r"(?: \(Client\.Timeout [^)]*\))?"
)


def body_bytes(spec: Any) -> bytes:  # noqa: ANN401 - JSON
    """The bytes of a body that is sent."""
    if spec is None:
        return b""
    if isinstance(spec, str):
        return spec.encode()
    if "base64" in spec:
        return base64.b64decode(spec["base64"])
    if "gzip_of" in spec:
        return gzip.compress(spec["gzip_of"].encode(), mtime=0)
    text: str = spec["prefix"] + spec["repeat"] * spec["times"] + spec["suffix"]
    return text.encode()


def body_problem(spec: Any, body: bytes) -> str:  # noqa: ANN401 - JSON
    """What is wrong with a body that came; empty when it is as expected."""
    if spec is None or isinstance(spec, str):
        return _text_problem(spec or "", body)
    if "any" in spec:
        return ""
    if "sha256" in spec:
        got = {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        return "" if got == spec else f"wanted {spec}, got {got}"
    if "gzip_of" in spec:
        return _text_problem(spec["gzip_of"], gzip.decompress(body))
    wanted = body_bytes(spec)
    return "" if body == wanted else f"wanted {wanted!r}, got {body!r}"


def _text_problem(wanted: str, body: bytes) -> str:
    if "<timeout>" in wanted:
        pattern = TIMEOUT_TEXT.join(re.escape(part) for part in wanted.split("<timeout>"))
        matches = re.fullmatch(pattern.encode(), body) is not None
    else:
        matches = body == wanted.encode()
    return "" if matches else f"wanted body {wanted!r}, got {body!r}"
