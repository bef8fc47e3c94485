"""What a file is by its first bytes: a table that can be read, or something else with a name that hides it."""

import codecs
import zipfile
from pathlib import Path

import pyarrow as pa

from training.errors import DataError

HEAD_BYTES = 1024
BLOCK_BYTES = 1 << 20
PARQUET_MAGIC = b"PAR1"

_TABLE = "give the table as CSV in UTF-8 or as Parquet"
_UNPACK = "unpack it, and give the file that was inside"
_SPREADSHEET = "save its sheet as CSV in UTF-8, and give that"
_OTHERS = (
    (
        b"SQLite format 3\0",
        "a SQLite database",
        "name it in STORECAST_HISTORY_URL, and give a file *.sql with a SELECT",
    ),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet or document of an old Office", _SPREADSHEET),
    (b"%PDF", "a PDF", _TABLE),
    (b"ARROW1\0", "an Arrow or Feather file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"\x89HDF", "an HDF5 file", "write it as Parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"version https://git-lfs", "a placeholder of Git LFS, not the table", "fetch the file itself with git lfs pull"),
    *((mark, "text in UTF-16 or UTF-32", "save it as UTF-8") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    (codecs.BOM_UTF32_BE, "text in UTF-32", "save it as UTF-8"),
)
_COMPRESSED = {
    ".gz": (b"\x1f\x8b", "gzip"),
    ".bz2": (b"BZh", "bzip2"),
    ".zst": (b"\x28\xb5\x2f\xfd", "Zstandard"),
    ".lz4": (b"\x04\x22\x4d\x18", "LZ4"),
    ".xz": (b"\xfd7zXZ\0", "xz"),
}
_READ_PACKED = {".gz", ".bz2", ".zst", ".lz4"}
_MARKUP = (b"<!doctype html", b"<html", b"<?xml")
_TAR_AT, _TAR = 257, b"ustar"


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does."""
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def check_first_bytes(path: Path) -> None:
    """Look what a file is before it is read as a table; only text and Parquet pass.

    Raises: DataError: it is something else: what, and what to do.  OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for suffix, (mark, name) in _COMPRESSED.items():
        packed, named = head.startswith(mark), path.suffix == suffix
        if packed and not (named and suffix in _READ_PACKED):
            wanted = f"name it *{suffix}" if suffix in _READ_PACKED else "unpack it"
            raise _refusal(path, f"a file compressed by {name}", wanted)
        if named and head and not packed:
            raise _refusal(path, f"no {name} file, whatever its name says", f"name it as what it is, without {suffix}")
        if packed:
            with pa.input_stream(path, compression="detect") as stream:
                head = stream.read(HEAD_BYTES)
    found = _other(path, head)
    if found:
        raise _refusal(path, *found)


def _other(path: Path, head: bytes) -> tuple[str, str] | None:
    """What else than a table, and what to do about it."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    marked = next(((what, wanted) for mark, what, wanted in _OTHERS if head.startswith(mark)), None)
    if marked:
        return marked
    text = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    found = None
    if head[_TAR_AT:].startswith(_TAR):
        found = "a tar archive", _UNPACK
    elif text.startswith(_MARKUP):
        found = "a web page or XML, not a table", f"{_TABLE}; was it a download that wanted a login?"
    elif text.startswith((b"{", b"[{")):
        found = "JSON", _TABLE
    elif b"\0" in head and not head.startswith(PARQUET_MAGIC):
        found = "no text, for it has zero bytes", f"{_TABLE}; save text in UTF-16 as UTF-8"
    return found


def _archive(path: Path) -> tuple[str, str]:
    """What a ZIP archive is: spreadsheets are such archives too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        names = []
    if any(name.startswith("xl/") or name == "content.xml" for name in names):
        return "a spreadsheet", _SPREADSHEET
    return "a ZIP archive", _UNPACK


def _refusal(path: Path, what: str, wanted: str) -> DataError:
    return DataError(f"cannot read {path}: it is {what}; {wanted}")


def line_not_utf8(path: Path) -> int | None:
    """The first line of a text, from 1 on, that is not UTF-8; None where all are.

    Raises: OSError: it cannot be read to its end.
    """
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    data = b" "
    with pa.input_stream(path, compression="detect") as stream:
        while data:
            data = bytes(stream.read(BLOCK_BYTES))
            try:
                decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                return line + data[: error.start].count(b"\n")
            line += data.count(b"\n")
    return None
