"""Kubernetes quantities: `250m`, `1`, `512Mi`."""

import re
from decimal import Decimal

# Source: the pattern that the API server uses for quantities in custom resources.
_FORM = re.compile(
    r"^(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"


def parse_quantity(text: str | int) -> Decimal:
    """The plain number of a quantity: `250m` is 0.25, `1Ki` is 1024.

    Raises: ValueError: it is no quantity.
    """
    match = _FORM.match(str(text))
    if match is None:
        raise ValueError(f"wanted a quantity such as 250m, 1 or 512Mi, got {text!r}")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix.endswith("i"):
        return number * (1 << 10 * (_BINARY.index(suffix[0]) + 1))
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))
