"""What a command ends with; `storecast --help` prints this table."""

OK = 0
BUG = 1
USAGE = 2
UNREACHABLE = 3
SOME_FAILED = 4
TOO_MANY_FAILED = 5
INTERRUPTED = 130
TERMINATED = 143

MEANINGS = {
    OK: "all went well",
    BUG: "a fault of storecast itself; the traceback is on stderr",
    USAGE: "wrong arguments, settings or input data, such as bad rows of more stores than --max-failed-share",
    UNREACHABLE: "something needed cannot be reached: MLflow, a running graph, a component",
    SOME_FAILED: "done, but some stores failed (within the threshold) or some items could not be answered",
    TOO_MANY_FAILED: "the fits of more stores failed than the threshold allows; nothing was registered",
    INTERRUPTED: "ended by Ctrl-C, as shells count it; a graph that is served ends with 0",
    TERMINATED: "ended by SIGTERM, as shells count it; a graph that is served ends with 0",
}
