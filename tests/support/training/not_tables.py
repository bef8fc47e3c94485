"""Files that are no table, whatever their names say, and what is said of each."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.feather

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


NOT_TABLES = {
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
