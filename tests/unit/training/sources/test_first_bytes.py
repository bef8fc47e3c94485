"""A file that is no table is known by its first bytes, and refused in one line that shows none of them."""

import bz2
import gzip
import io
import lzma
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pytest

from training.errors import DataError
from training.sources.csv_file import CSV_BLOCK_BYTES
from training.sources.first_bytes import line_not_utf8
from training.sources.open import open_source

ROOT = Path(__file__).parents[4]
CSV = b"shop,day,sales\n" + b"A,2015-01-05,1\n" * 100
LATIN = "shop,day,sales\nZürich,2015-01-05,1\nZürich,2015-01-06\n".encode("latin-1")


def zipped(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, CSV)
    return made.getvalue()


def tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("sales.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV))
    return made.getvalue()


def sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE sales (shop, day, sales)")
        content = database.serialize()
    database.close()
    return content


def feather() -> bytes:
    made = io.BytesIO()
    pyarrow.feather.write_feather(pa.table({"shop": ["A"]}), made)
    return made.getvalue()


OTHERS = {
    # name of the file: its content, what is said of it
    "sales.csv.zip": (zipped("sales.csv"), "it is a ZIP archive; unpack it"),
    "zipped.csv": (zipped("sales.csv"), "it is a ZIP archive; unpack it"),
    "cut.zip": (zipped("sales.csv")[:-30], "it is a ZIP archive; unpack it"),
    "empty.zip": (b"PK\x05\x06" + b"\0" * 18, "it is a ZIP archive; unpack it"),
    "sales.xlsx": (zipped("xl/workbook.xml"), "it is a spreadsheet; save its sheet as CSV"),
    "sheet.csv": (zipped("content.xml"), "it is a spreadsheet; save its sheet as CSV"),
    "sales.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Office; save its sheet as CSV"),
    "packed.csv": (gzip.compress(CSV), "it is a file compressed by gzip; name it *.gz"),
    "packed.parquet": (gzip.compress(CSV), "it is a file compressed by gzip; name it *.gz"),
    "bzipped.csv": (bz2.compress(CSV), "it is a file compressed by bzip2; name it *.bz2"),
    "sales.csv.xz": (lzma.compress(CSV), "it is a file compressed by xz; unpack it"),
    "unpacked.csv.gz": (CSV, "it is no gzip file, whatever its name says; name it as what it is, without .gz"),
    "sales.tar": (tarred(), "it is a tar archive; unpack it"),
    "sales.tar.gz": (gzip.compress(tarred()), "it is a tar archive; unpack it"),
    "shop.db": (sqlite(), "it is a SQLite database; name it in STORECAST_HISTORY_URL"),
    "shop.csv.gz": (gzip.compress(sqlite()), "it is a SQLite database"),
    "sales.feather": (feather(), "it is an Arrow or Feather file; write it as Parquet"),
    "little.csv": (CSV.decode().encode("utf-16"), "it is text in UTF-16 or UTF-32; save it as UTF-8"),
    "big.csv": (b"\xfe\xff" + CSV.decode().encode("utf-16-be"), "it is text in UTF-16 or UTF-32; save it as UTF-8"),
    "no-mark.csv": (CSV.decode().encode("utf-16-le"), "has zero bytes; give the table as CSV in UTF-8"),
    "binary.parquet": (b"\1\2\0\3" * 50, "has zero bytes"),
    "page.csv": (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "it is a web page or XML"),
    "page.xml.csv": (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "it is a web page or XML"),
    "rows.csv": (b'[{"shop": "A", "day": "2015-01-05"}]', "it is JSON; give the table as CSV"),
    "report.csv": (b"%PDF-1.7 \xe2\xe3", "it is a PDF"),
    "lfs.csv": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "fetch the file itself with git lfs"),
    "empty.csv": (b"", "Empty CSV file; wanted a CSV file in UTF-8 with a header and rows"),
    "latin.csv": (LATIN, "line 2 is not UTF-8; save the file as UTF-8"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_table_is_told_in_one_line_without_its_bytes(tmp_path: Path, name: str) -> None:
    content, said = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(open_source(tmp_path / name, {}).batches(["shop"]))
    message = str(caught.value)
    assert message.startswith(f"cannot read {tmp_path / name}: ")
    assert said in message
    assert message.isprintable()
    assert message.isascii()


def test_bytes_that_are_no_text_far_inside_a_file_are_found_with_their_line(tmp_path: Path) -> None:
    n_lines = CSV_BLOCK_BYTES // len(b"A,1\n") + 10
    # The line is ragged, too: what the reader of CSV says of such lines must not be asked for.
    (tmp_path / "far.csv").write_bytes(b"shop,sales\n" + b"A,1\n" * n_lines + b"Z\xfcrich\n")
    with pytest.raises(DataError, match=f"line {n_lines + 2} is not UTF-8"):
        list(open_source(tmp_path / "far.csv", {}).batches(["shop"]))


@pytest.mark.parametrize(("end", "line"), [("ü🙂\n".encode(), None), ("ü".encode()[:1], 3), (b"\n\xff\n", 4)])
def test_a_character_that_two_blocks_share_is_text_and_half_of_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, line: int | None
) -> None:
    monkeypatch.setattr("training.sources.first_bytes.BLOCK_BYTES", 1)
    (tmp_path / "text.csv").write_bytes("ä\nb🙂\n".encode() + end)
    assert line_not_utf8(tmp_path / "text.csv") == line


@pytest.mark.parametrize("name", ["zipped.csv", "latin.csv", "little.csv", "shop.db", "empty.csv"])
def test_a_training_says_it_in_one_line_and_nothing_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OTHERS[name][0])
    command = [sys.executable, "-m", "storecast", "train", "--data", name, "--home", "home"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert OTHERS[name][1] in last
    for leak in (b"Traceback", b"Exception ignored", b"PK\x03"):
        assert leak not in done.stderr + done.stdout
