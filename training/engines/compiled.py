"""Compilation of the numeric loops: once a machine where a folder takes the result, else once a process."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code; other threads run meanwhile.

    The code is kept in `NUMBA_CACHE_DIR`, beside the module, or in the user's cache folder, where one can be written.
    """
    return _compiled(function)


def compiled_sums(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled`, with its sums regrouped to fit the processor's vectors: in the same way at every call."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: Callable[P, R], **options: Any) -> Callable[P, R]:  # noqa: ANN401 - whatever the compiler takes
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        fast: Callable[P, R] = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder can be written, as in a container with a read-only disk
        fast = numba.njit(function, **options)
    return fast
