"""History from CSV and Parquet as a stream of record batches."""

import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.errors import DataError
from training.sources.base import BATCH_ROWS, TEXT
from training.sources.open import open_source


def csv(folder: Path, content: bytes, name: str = "history.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def parquet(path: Path, **columns: Any) -> Path:  # noqa: ANN401 - any column of values
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def table(where: Path, *columns: str) -> pa.Table:
    source = open_source(where, {})
    return pa.Table.from_batches(list(source.batches(columns or source.column_names)))


def problem(where: Path, *columns: str) -> str:
    with pytest.raises(DataError) as caught:
        table(where, *columns)
    return str(caught.value)


def test_every_cell_of_a_csv_is_text_and_an_empty_one_is_null(tmp_path: Path) -> None:
    path = csv(tmp_path, b'Store,Date,Sales\n007,2015-06-19,12.50\n7,soon,\n"","a ""b""",nan\n')

    assert table(path).to_pydict() == {
        "Store": ["007", "7", None],
        "Date": ["2015-06-19", "soon", 'a "b"'],
        "Sales": ["12.50", None, "nan"],
    }


def test_columns_come_as_asked_and_in_that_order(tmp_path: Path) -> None:
    path = csv(tmp_path, b"a,b,c\n1,2,3\n")

    assert open_source(path, {}).column_names == ("a", "b", "c")
    assert table(path, "c", "a").to_pydict() == {"c": ["3"], "a": ["1"]}


def test_a_compressed_csv_and_one_with_a_byte_order_mark_read_as_any_other(tmp_path: Path) -> None:
    packed = csv(tmp_path, gzip.compress(b"\xef\xbb\xbfStore\n007\n"), "history.csv.gz")

    assert table(packed).to_pydict() == {"Store": ["007"]}


def test_a_long_csv_comes_in_several_batches_of_one_schema(tmp_path: Path) -> None:
    n_rows = 400_000
    path = csv(tmp_path, b"a,b\n" + b"007,\n" * (n_rows - 1) + b"7,x\n")
    source = open_source(path, {})

    batches = list(source.batches(["b", "a"]))

    assert len(batches) > 1
    assert sum(len(batch) for batch in batches) == n_rows
    assert {batch.schema for batch in batches} == {pa.schema([("b", pa.string()), ("a", pa.string())])}


def test_ragged_lines_are_all_counted_and_the_first_ones_shown(tmp_path: Path) -> None:
    path = csv(tmp_path, b"a,b\n1,2\n3\n4,5,6\n" + b"7\n" * 9)

    message = problem(path, "a")

    assert "wanted 2 cells" in message
    assert "line 3 has 1: '3'; line 4 has 3: '4,5,6'" in message
    assert "and 6 more" in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Empty CSV"),
        (b"\n\n", "with a header"),
        (b"a,b\n1,\xff\n", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_read_is_told_with_its_name(tmp_path: Path, content: bytes, told: str) -> None:
    path = csv(tmp_path, content)

    message = problem(path)

    assert told in message
    assert str(path) in message


def test_a_compressed_csv_that_breaks_off_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(300_000)), mtime=0)

    assert "history.csv.gz" in problem(csv(tmp_path, whole[: len(whole) // 2], "history.csv.gz"))


def test_a_missing_file_and_a_folder_without_tables_are_refused(tmp_path: Path) -> None:
    assert "got nothing; correct the path" in problem(tmp_path / "no.csv")
    assert "wanted a folder with Parquet files" in problem(tmp_path)


def test_a_missing_or_doubled_column_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, b"a,b,b\n1,2,3\n")

    assert "wanted one column 'c', got columns a, b, b" in problem(path, "a", "c")
    assert "wanted one column 'b', got 2 of them" in problem(path, "b")


def test_parquet_keeps_its_types_and_text_comes_as_dictionaries(tmp_path: Path) -> None:
    day = dt.date(2015, 6, 19)
    path = parquet(tmp_path / "history.parquet", id=["007"], ds=[day], y=[12.5], n=pa.array([3], pa.int16()))

    read = table(path)

    assert read.schema.types == [TEXT, pa.date32(), pa.float64(), pa.int16()]
    assert read.to_pylist() == [{"id": "007", "ds": day, "y": 12.5, "n": 3}]


def test_other_types_of_parquet_become_ones_that_readers_know(tmp_path: Path) -> None:
    moment = dt.datetime(2015, 6, 19, 23, 30, tzinfo=dt.UTC)
    path = parquet(
        tmp_path / "history",  # no suffix: a Parquet file is known by its content
        id=pa.array(["007"]).cast(pa.dictionary(pa.int8(), pa.large_string())),
        whole=pa.array([Decimal(7)], pa.decimal128(18, 0)),
        exact=pa.array([Decimal("7.25")], pa.decimal128(10, 2)),
        flag=[True],
        ds=pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
        nothing=pa.nulls(1),
    )

    read = table(path)

    assert read.schema.types == [TEXT, pa.int64(), pa.float64(), pa.uint8(), pa.timestamp("us"), TEXT]
    local = dt.datetime(2015, 6, 20, 1, 30)  # noqa: DTZ001 - the shop's own clock
    assert list(read.to_pylist()[0].values()) == ["007", 7, 7.25, 1, local, None]


def test_folders_named_as_hive_does_it_are_columns_of_text(tmp_path: Path) -> None:
    parquet(tmp_path / "year=2015" / "store=007" / "a.parquet", y=[1])
    parquet(tmp_path / "year=2016" / "store=St%2E%20Ives" / "a.parquet", y=[2])
    parquet(tmp_path / "year=2016" / "store=__HIVE_DEFAULT_PARTITION__" / "a.parquet", y=[3])

    assert table(tmp_path, "store", "y", "year").to_pydict() == {
        "store": ["007", "St. Ives", None],
        "y": [1, 2, 3],
        "year": ["2015", "2016", "2016"],
    }


def test_a_column_inside_the_file_wins_over_its_folder(tmp_path: Path) -> None:
    parquet(tmp_path / "year=2015" / "a.parquet", year=[2014])

    assert table(tmp_path).to_pydict() == {"year": [2014]}


def test_marks_and_unfinished_files_of_other_tools_are_left_out(tmp_path: Path) -> None:
    parquet(tmp_path / "part-0.parquet", y=[1])
    parquet(tmp_path / "_temporary" / "part-1.parquet", y=[2])
    csv(tmp_path, b"", "_SUCCESS")
    csv(tmp_path, b"x", ".part-0.parquet.crc")

    assert table(tmp_path).to_pydict() == {"y": [1]}


def test_files_with_other_but_compatible_columns_become_one_table(tmp_path: Path) -> None:
    day, noon = dt.date(2015, 6, 19), dt.datetime(2015, 6, 20, 12)  # noqa: DTZ001 - without a zone on purpose
    parquet(tmp_path / "a.parquet", y=pa.array([1], pa.int32()), ds=[day], promo=pa.nulls(1), id=["007"])
    parquet(tmp_path / "b.parquet", id=pa.array(["7"]).dictionary_encode(), ds=[noon], promo=[1], y=[2.5], extra=["x"])

    read = table(tmp_path)

    assert read.to_pydict() == {
        "y": [1.0, 2.5],
        "ds": [dt.datetime(2015, 6, 19), noon],  # noqa: DTZ001 - without a zone on purpose
        "promo": [None, 1],
        "id": ["007", "7"],
        "extra": [None, "x"],
    }


def test_files_that_contradict_each_other_are_refused_with_their_names(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", y=[1])
    parquet(tmp_path / "b.parquet", y=["1"])

    message = problem(tmp_path)

    assert "column 'y'" in message
    assert "int64 in" in message
    assert "string in" in message
    assert "b.parquet" in message


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "a.parquet", y=[1]).read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-10])

    assert "a.parquet" in problem(tmp_path)


def test_a_long_parquet_file_comes_in_several_batches_of_one_schema(tmp_path: Path) -> None:
    n_rows = 2 * BATCH_ROWS + 1
    path = parquet(tmp_path / "a.parquet", id=pa.repeat("007", n_rows), y=pa.nulls(n_rows, pa.int64()))

    batches = list(open_source(path, {}).batches(["y", "id"]))

    assert sum(len(batch) for batch in batches) == n_rows
    assert max(len(batch) for batch in batches) <= BATCH_ROWS
    assert {batch.schema for batch in batches} == {pa.schema([("y", pa.int64()), ("id", TEXT)])}
