"""Progress of a training: a bar on a terminal, otherwise one log line per stage."""

import logging
import os
import sys

from tqdm import tqdm

from training.engines.machine_code import is_kept

logger = logging.getLogger(__name__)


# tqdm's own format shows a rate below one as seconds, and has no unit for the count.
_OF_STORES = (
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} stores [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
)
_OF_A_STEP = "{desc} ..."


class Progress:
    """A `training.run.Reporter` for the command line."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._failed = 0

    def stage(self, name: str, n_stores: int) -> None:
        """Begin a stage; the bar of the one before ends."""
        self.close()
        self._failed = 0
        if sys.stderr.isatty():
            bar_format = _OF_STORES if n_stores else _OF_A_STEP
            self._bar = tqdm(total=n_stores or None, desc=f"{name:9}", unit=" stores", bar_format=bar_format)
        else:
            logger.info("training.stage", extra={"facts": {"stage": name, "n_stores": n_stores}})

    def compiling(self) -> None:
        """Say that the fit is being compiled, if no earlier run has left its machine code."""
        if is_kept(os.environ):
            return
        if sys.stderr.isatty():
            print("compiling the fit, once per machine: about half a minute", file=sys.stderr)
        else:
            logger.info("training.compiling")

    def advance(self, done: int, failed: int) -> None:
        """Count stores; `failed` of them failed."""
        self._failed += failed
        if self._bar is not None:
            self._bar.update(done)
            if self._failed:
                self._bar.set_postfix(failed=self._failed)

    def close(self) -> None:
        """End the bar, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
