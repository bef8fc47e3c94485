"""Arrow columns -> numpy arrays, by their distinct values: a million cells hold a thousand different days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.arrays import BoolArray, FloatArray, IntArray
from fleet.cells import flag_of, is_missing, kind_text, number_of, whole_text, written_day

NO_DAY = int(np.iinfo(np.int64).min)
MAX_GAP_DAYS = 366
"""Days without a row of any store, from which what lies beyond is taken for mistyped dates."""

_US_PER_DAY = 86_400_000_000
_NUMBERS = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal)
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Words:
    """A column of text. `codes`: (n_rows,) positions in `words`, -1 where the cell is empty."""

    codes: IntArray
    words: tuple[str, ...]

    def present(self) -> set[str]:
        """The words that some row has."""
        return {self.words[code] for code in np.unique(self.codes).tolist() if code >= 0}


@dataclass(frozen=True)
class Numbers:
    """A column of numbers. `cells`: (n_rows,), NaN where empty or no number; `written`: something stood there."""

    cells: FloatArray
    written: BoolArray


@dataclass(frozen=True)
class Days:
    """A column of dates. `days`: (n_rows,) day numbers, `NO_DAY` where empty or no date; `whole`: without an hour."""

    days: IntArray
    whole: BoolArray


def read_words(column: pa.ChunkedArray) -> Words:
    """Text without the blanks around it, of ids and groups; a whole number is one text, also as a float: 4.0 is 4."""
    codes, texts = _coded(column)
    return _words(codes, [whole_text(text) for text in texts])


def read_kinds(column: pa.ChunkedArray, none: str) -> Words:
    """Values of a kind, each in one spelling. `none`: of an ordinary day; where it is "", an empty cell is that."""
    codes, texts = _coded(column)
    found = _words(codes, [kind_text(text) for text in texts])
    return found if none else Words(found.codes + 1, ("", *found.words))


def read_flags(column: pa.ChunkedArray) -> Numbers:
    """Flags as 1 and 0, from any usual spelling; another number as it is, NaN for other text."""
    return _numbers(column, _flag)


def read_numbers(column: pa.ChunkedArray) -> Numbers:
    """Numbers, from numbers or from text; a truth value is 1 or 0."""
    return _numbers(column, number_of)


def read_days(column: pa.ChunkedArray) -> Days:
    """Days, from dates, timestamps or ISO text: the day that stands there, whatever its offset from UTC."""
    kind = column.type
    if pa.types.is_date32(kind):
        days = pc.cast(column, pa.int32()).fill_null(0).to_numpy().astype(np.int64)
        days[column.is_null().to_numpy()] = NO_DAY
        return Days(days, np.ones(len(days), dtype=np.bool_))
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind):
        wide = pc.cast(column, pa.timestamp("us"), safe=False)
        moments = pc.cast(wide, pa.int64()).fill_null(0).to_numpy()
        missing = column.is_null().to_numpy()
        return Days(np.where(missing, NO_DAY, moments // _US_PER_DAY), missing | (moments % _US_PER_DAY == 0))
    codes, texts = _coded(column)
    read = [written_day(text) for text in texts]
    # The last is for an empty cell.
    days = np.array([*(each[0].toordinal() - _EPOCH if each else NO_DAY for each in read), NO_DAY], dtype=np.int64)
    whole = np.array([*(each is None or each[1] for each in read), True])
    return Days(days[codes], whole[codes])


def main_block(days: IntArray) -> tuple[int, int] | None:
    """First and last of the most days that no gap of more than `MAX_GAP_DAYS` parts. Args: days: ascending."""
    if not len(days):
        return None
    block = max(np.split(days, np.flatnonzero(np.diff(days) > MAX_GAP_DAYS) + 1), key=len)
    return int(block[0]), int(block[-1])


def _words(codes: IntArray, names: Sequence[str]) -> Words:
    """The words of a column whose distinct texts mean `names`, "" being an empty cell."""
    read = np.array(names, dtype=np.str_)
    words, place = np.unique(read[read != ""], return_inverse=True)
    by_text = np.full(len(read) + 1, -1, dtype=np.int64)  # the last is for an empty cell
    by_text[np.flatnonzero(read != "")] = place
    return Words(by_text[codes], tuple(words.tolist()))


def _numbers(column: pa.ChunkedArray, number: Callable[[str], float | None]) -> Numbers:
    kind = column.type
    if any(is_kind(kind) for is_kind in _NUMBERS):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float64)
        return Numbers(values, ~np.isnan(values))
    codes, texts = _coded(column)
    read = (number(text) for text in texts)
    values = np.array([*(np.nan if value is None else value for value in read), np.nan], dtype=np.float64)
    written = np.array([*(not is_missing(text) for text in texts), False])
    return Numbers(values[codes], written[codes])


def _flag(text: str) -> float | None:
    code = flag_of(text)
    return number_of(text) if code is None else code


def _coded(column: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """A column's distinct texts, without the blanks around them, and each cell's place there, -1 where it is empty."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # a column without rows
        array = pa.array([], type=column.type)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = np.asarray(array.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    return codes, [_text(cell) for cell in array.dictionary.to_pylist()]


def _text(cell: object) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN, which a table of numbers writes for nothing
        return ""
    return str(int(cell) if isinstance(cell, bool) else cell).strip()
