"""Names that Kubernetes takes."""

import re

MAX_LABEL = 63
# The operator makes a label key `seldon-app-svc-<name>` of it, which may be 63 long.
MAX_NODE_NAME = 48
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_FROM_LETTER = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def is_label(name: str, *, longest: int = MAX_LABEL) -> bool:
    """Whether it is lower-case letters, digits and inner hyphens (RFC 1123)."""
    return len(name) <= longest and _LABEL.fullmatch(name) is not None


def is_service_name(name: str) -> bool:
    """Whether it is a label that begins with a letter (RFC 1035), as names of Services have to."""
    return len(name) <= MAX_LABEL and _LABEL_FROM_LETTER.fullmatch(name) is not None
