"""Tables in CSV files."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from training.errors import DataError
from training.sources.base import column_places
from training.sources.first_bytes import line_not_utf8

CSV_BLOCK_BYTES = 1 << 20
MAX_SHOWN = 5  # bad lines that one message shows
MAX_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class CsvSource:
    """A CSV file. Every cell is text, so that 007 keeps its zeros and a bad cell is the reader's to report."""

    path: Path
    column_names: tuple[str, ...]

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Text only; an empty cell is null."""
        column_places(self, columns)
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=True,
            null_values=[""],
        )
        try:
            with pa.input_stream(self.path, compression="detect") as stream:
                yield from _csv_reader(stream, convert)
        except (OSError, pa.ArrowInvalid) as error:
            raise _csv_error(self.path, error, convert, "a complete CSV file in UTF-8") from error


def csv_header(path: Path) -> tuple[str, ...]:
    """The names in the first line. Raises: DataError: it is no CSV file in UTF-8, or has no rows."""
    convert = pa_csv.ConvertOptions()
    try:
        with pa.input_stream(path, compression="detect") as stream:
            return tuple(_csv_reader(stream, convert).schema.names)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _csv_error(path, error, convert, "a CSV file in UTF-8 with a header and rows") from error


def _csv_error(path: Path, error: Exception, convert: pa_csv.ConvertOptions, wanted: str) -> DataError:
    """What is wrong with a CSV file that the reader gave up: it says less, or shows bytes that are no text."""
    ragged = _RaggedLines()
    with suppress(OSError, pa.ArrowInvalid):  # there are no more lines to tell of
        line = line_not_utf8(path)
        if line is not None:
            return DataError(f"cannot read {path}: line {line} is not UTF-8; save the file as UTF-8")
        with pa.input_stream(path, compression="detect") as stream:
            for _ in _csv_reader(stream, convert, ragged):
                pass
    if ragged.count:
        return DataError(f"{path}: {ragged}")
    return DataError(f"cannot read {path}: {error}; wanted {wanted}")


class _RaggedLines:
    """Counts the lines with too many or too few cells, and remembers the first."""

    def __init__(self) -> None:
        self.count = 0
        self._expected = 0
        self._shown: list[str] = []

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        self.count += 1
        self._expected = row.expected_columns
        if len(self._shown) < MAX_SHOWN:
            text = row.text[:MAX_SHOWN_CHARACTERS]
            self._shown.append(f"line {row.number} has {row.actual_columns}: {text!r}")
        return "skip"

    def __str__(self) -> str:
        more = f"; and {self.count - len(self._shown)} more" if self.count > len(self._shown) else ""
        lines = "; ".join(self._shown)
        return f"wanted {self._expected} cells in every line (empty lines are not counted), {lines}{more}"


def _csv_reader(
    stream: pa.NativeFile, convert: pa_csv.ConvertOptions, ragged: _RaggedLines | None = None
) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        stream,
        # Only a reader without threads can tell a ragged line's number.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=ragged),
        convert_options=convert,
    )
