"""What the real operator did with 40 SeldonDeployments; see tests/contract/vectors/README.md."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "contract" / "vectors" / "operator.json.gz"


@cache
def operator_cases() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(gzip.decompress(VECTORS.read_bytes()))
    return cases


def operator_case(title: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(json.dumps(next(case for case in operator_cases() if case["title"] == title)))
    return case
