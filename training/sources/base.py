"""What a table is, wherever it comes from: named columns as a stream of Arrow record batches."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from training.errors import DataError

BATCH_ROWS = 65_536
MAX_INT64_DIGITS = 18
TEXT = pa.dictionary(pa.int32(), pa.string())


class Source(Protocol):
    """One table somewhere."""

    @property
    def where(self) -> str:
        """The table's place, for messages; never a secret."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns, in the table's order."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Only these columns, in this order, with one schema; memory is bounded whatever the size of the table.

        Text may come as a dictionary; numbers, dates and timestamps come as the table stores them, truth values as
        0 and 1.
        Raises: DataError: a column is missing or there twice, or the table breaks off.
        """


def column_places(source: Source, columns: Sequence[str]) -> list[int]:
    """Places of the columns in the table.

    Raises: DataError: one is missing, or its name stands there twice.
    """
    counts = Counter(source.column_names)
    for name in columns:
        if counts[name] != 1:
            came = f"{counts[name]} of them" if counts[name] else f"columns {', '.join(source.column_names)}"
            raise DataError(f"{source.where}: wanted one column {name!r}, got {came}")
    return [source.column_names.index(name) for name in columns]
