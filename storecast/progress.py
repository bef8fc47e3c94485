"""Progress of a training: a bar on a terminal, one log line a stage in a pipe."""

import logging
import os
import sys

from tqdm import tqdm

from training.engines.machine_code import is_kept

logger = logging.getLogger(__name__)


# tqdm's own format turns a rate below one into seconds, and does not say of what the count is.
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
        """Say why nothing moves for a while, where machine code of the fit is not kept from an earlier run."""
        if is_kept(os.environ):
            return
        if sys.stderr.isatty():
            print("compiling, once a machine: about half a minute", file=sys.stderr)
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
