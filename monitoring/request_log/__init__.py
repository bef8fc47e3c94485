"""The request log: takes the executor's CloudEvents, and keeps one row for each forecast item in a database."""
