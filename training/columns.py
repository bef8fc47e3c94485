"""Arrow columns -> numpy arrays, by their distinct values: a million cells hold a thousand different days."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fleet.arrays import BoolArray, FloatArray, IntArray

NO_DAY = int(np.iinfo(np.int64).min)
MAX_GAP_DAYS = 366
"""Days without a row of any store, from which what lies beyond is taken for mistyped dates."""

_US_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Words:
    """A column of text. `codes`: (n_rows,) positions in `words`, -1 where the cell is empty."""

    codes: IntArray
    words: tuple[str, ...]


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
    """Text, without the blanks around it; ids and kinds written as numbers are read as they look."""
    array = _dictionary(column)
    stripped = np.array([(word or "").strip() for word in array.dictionary.to_pylist()], dtype=np.str_)
    words, place = np.unique(stripped, return_inverse=True)
    place = np.where(stripped == "", -1, place)
    codes = _indices(array)
    known = codes >= 0
    codes[known] = place[codes[known]]
    return Words(codes, tuple(words.tolist()))


def read_numbers(column: pa.ChunkedArray) -> Numbers:
    """Numbers, from numbers or from text."""
    kind = column.type
    if (
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    ):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float64)
        return Numbers(values, ~np.isnan(values))
    text = read_words(column)
    parsed = pd.to_numeric(pd.Series(text.words, dtype="str"), errors="coerce").to_numpy(dtype=np.float64)
    written = text.codes >= 0
    values = np.full(len(text.codes), np.nan)
    values[written] = parsed[text.codes[written]]
    return Numbers(values, written)


def read_days(column: pa.ChunkedArray) -> Days:
    """Days, from dates, timestamps (in UTC) or ISO text."""
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
    text = read_words(column)
    parsed = pd.to_datetime(pd.Series(text.words, dtype="str"), errors="coerce", format="ISO8601", utc=True)
    moments = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    there = ~np.isnat(moments)
    numbers = np.where(there, moments.astype(np.int64), 0)
    by_word = np.where(there, numbers // _US_PER_DAY, NO_DAY)
    days, whole = np.full(len(text.codes), NO_DAY), np.ones(len(text.codes), dtype=np.bool_)
    written = text.codes >= 0
    days[written] = by_word[text.codes[written]]
    whole[written] = (numbers % _US_PER_DAY == 0)[text.codes[written]]
    return Days(days, whole)


def main_block(days: IntArray) -> tuple[int, int] | None:
    """First and last of the most days that no gap of more than `MAX_GAP_DAYS` parts. Args: days: ascending."""
    if not len(days):
        return None
    block = max(np.split(days, np.flatnonzero(np.diff(days) > MAX_GAP_DAYS) + 1), key=len)
    return int(block[0]), int(block[-1])


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # a column without rows
        array = pa.array([], type=column.type)
    if pa.types.is_dictionary(array.type):
        return array
    return pc.cast(array, pa.string()).dictionary_encode()


def _indices(array: pa.DictionaryArray) -> IntArray:
    return np.asarray(array.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
