"""Whether this machine has the fit's machine code from an earlier run; told without the compiler: it loads slowly."""

from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("solver.py")
INDEX = f"{SOURCE.stem}.solve_group-*.nbi"
"""What Numba writes beside a function's code, here of the one that calls all others and so is compiled last."""


def is_kept(environ: Mapping[str, str]) -> bool:
    """False: the first fit takes half a minute longer, unless the processor is another than that of the earlier run."""
    given = environ.get("NUMBA_CACHE_DIR")
    own = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    folders = [Path(given)] if given else [SOURCE.with_name("__pycache__"), own]
    written = SOURCE.stat().st_mtime
    return any(index.stat().st_mtime >= written for folder in folders for index in folder.rglob(INDEX))
