"""Names that Kubernetes takes."""

import re

MAX_LABEL = 63
# The operator makes a label key `seldon-app-svc-<name>` of it, which may be 63 long.
MAX_NODE_NAME = 48
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# Of a port in a container, and of a variable in a process.
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
MAX_PORT_NAME = 15
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_WORD = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_FROM_LETTER = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def is_label(name: str, *, longest: int = MAX_LABEL) -> bool:
    """Whether it is lower-case letters, digits and inner hyphens (RFC 1123)."""
    return len(name) <= longest and _LABEL.fullmatch(name) is not None


def is_service_name(name: str) -> bool:
    """Whether it is a label that begins with a letter (RFC 1035), as names of Services have to."""
    return len(name) <= MAX_LABEL and _LABEL_FROM_LETTER.fullmatch(name) is not None


def is_port_name(name: str) -> bool:
    """Whether a container may call a port so (RFC 6335)."""
    return len(name) <= MAX_PORT_NAME and _PORT_NAME.fullmatch(name) is not None


def is_variable_name(name: str) -> bool:
    """Whether a container may have an environment variable of that name."""
    return _VARIABLE.fullmatch(name) is not None


def is_label_key(key: str) -> bool:
    """Whether it is a word of at most 63, behind a domain and a slash or alone."""
    domain, slash, word = key.rpartition("/")
    return _is_word(word) and (not slash or _DOMAIN.fullmatch(domain) is not None)


def is_label_value(value: str) -> bool:
    """Whether it is empty, or a word of at most 63."""
    return not value or _is_word(value)


def _is_word(text: str) -> bool:
    return len(text) <= MAX_LABEL and _WORD.fullmatch(text) is not None
