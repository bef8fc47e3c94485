"""The exit codes of every command; `storecast --help` prints this table."""

OK = 0
BUG = 1
USAGE = 2
UNREACHABLE = 3
SOME_FAILED = 4
TOO_MANY_FAILED = 5
INTERRUPTED = 130
TERMINATED = 143

MEANINGS = {
    OK: "success",
    BUG: "an internal error of storecast; the traceback is on stderr",
    USAGE: "invalid arguments, settings or input data, such as more invalid stores than --max-failed-share allows",
    UNREACHABLE: "a required service cannot be reached or fails: MLflow, a running graph or one of its components",
    SOME_FAILED: "finished, but some stores failed (no more than allowed) or some items could not be answered",
    TOO_MANY_FAILED: "the models of more stores failed than --max-failed-share allows; nothing was registered",
    INTERRUPTED: "stopped by Ctrl-C; `storecast serve` then exits with 0",
    TERMINATED: "stopped by SIGTERM; `storecast serve` then exits with 0",
}
