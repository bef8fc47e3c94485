"""Gunicorn's own lines, as JSON lines like all others."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

CLASS_PATH = "model_wrapper.seldon.gunicorn_logs.RootLogger"


class RootLogger(Logger):  # type: ignore[misc] # gunicorn publishes no types
    """Hands gunicorn's records to the root logger instead of writing text lines of its own."""

    def setup(self, cfg: Config) -> None:
        """Configure as gunicorn does, then drop its handlers."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
