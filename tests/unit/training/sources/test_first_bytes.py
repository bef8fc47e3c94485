"""A file that is no table is known by its first bytes, and refused in one line that shows none of them."""

from pathlib import Path

import pytest
from support.training.not_tables import NOT_TABLES

from training.errors import DataError
from training.sources.csv_file import CSV_BLOCK_BYTES
from training.sources.first_bytes import line_not_utf8
from training.sources.open import open_source


@pytest.mark.parametrize("name", NOT_TABLES)
def test_what_is_no_table_is_told_in_one_line_without_its_bytes(tmp_path: Path, name: str) -> None:
    content, said = NOT_TABLES[name]
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
