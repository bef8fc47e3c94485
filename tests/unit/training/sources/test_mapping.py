"""A mapping file: what can be read from it, and every mistake in one list."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.chain.partitions import PartitionWriter
from training.errors import DataError
from training.options import TrainingOptions
from training.prepare import partition
from training.sources.mapping import ROSSMANN, Kind, Mapped, read_mapping

COLUMNS = '[columns]\nstore_id = "shop"\nds = "day"\ny = "revenue"\nopen = "is_open"\n'


def read(folder: Path, text: str | bytes) -> Mapped:
    path = folder / "columns.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_mapping(path)


def problems(folder: Path, text: str) -> list[str]:
    """The list of one refusal."""
    with pytest.raises(DataError) as caught:
        read(folder, text)
    head, *lines = str(caught.value).splitlines()
    assert head.endswith("columns.toml cannot be used:")
    return [line.strip() for line in lines]


def test_every_section_is_read(tmp_path: Path) -> None:
    mapped = read(
        tmp_path,
        COLUMNS + '[flags]\npromo = "offer"\n[kinds]\nholiday = "feast"\nfair = { column = "fair", none = "no" }\n'
        '[numbers]\nrain_mm = "rain"\n[stores]\ngroup = "format"\n',
    )
    kinds = {"holiday": Kind("feast"), "fair": Kind("fair", "no")}
    assert mapped == Mapped(
        "shop", "day", "revenue", "is_open", {"promo": "offer"}, kinds, {"rain_mm": "rain"}, "shop", ("format",)
    )


@pytest.mark.parametrize("section", ["flags", "numbers", "kinds", "stores", "columns"])
def test_a_section_that_is_none_is_named(tmp_path: Path, section: str) -> None:
    rest = COLUMNS if section != "columns" else ""
    assert problems(tmp_path, f"{section} = 3\n{rest}") == [f"[{section}] wanted a section of names, got 3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COLUMNS + "[stores]\ngroup = 5\n", "[stores] group: wanted a column's name, or a list of them, got 5"),
        (COLUMNS + '[stores]\ngroup = ["a", 5]\n', "[stores] group: wanted a column's name, or a list of them, got"),
        (COLUMNS + "[stores]\nstore_id = 5\n", "[stores] store_id: wanted the source's column name as text, got 5"),
        (COLUMNS + '[stores]\ngroups = "a"\n', "[stores] unknown name groups; did you mean group?"),
        (COLUMNS.replace('"day"', "3"), "[columns] ds: wanted the source's column name as text, got 3"),
        (COLUMNS + "[flags]\npromo = 1\n", "[flags] promo: wanted the source's column name as text, got 1"),
        (COLUMNS + "[kinds]\nfeast = 5\n", "[kinds] feast: wanted { column = ..., none = ... }, both as text, got 5"),
        (COLUMNS + '[kinds]\nfeast = { column = "f", none = 0 }\n', "[kinds] feast: wanted { column = ..., none = "),
    ],
)
def test_a_value_that_names_no_column_is_named(tmp_path: Path, text: str, said: str) -> None:
    (line,) = problems(tmp_path, text)
    assert line.startswith(said)


@pytest.mark.parametrize("section", ["flags", "kinds", "numbers"])
@pytest.mark.parametrize("name", ["store_id", "ds", "y", "open"])
def test_no_section_may_take_the_name_of_a_column_of_ours(tmp_path: Path, section: str, name: str) -> None:
    (line,) = problems(tmp_path, f'{COLUMNS}[{section}]\n{name} = "x"\n')
    assert line == f"[{section}] {name}: is a column of [columns]; name it there, or choose another name"


def test_a_name_stands_in_one_section(tmp_path: Path) -> None:
    text = COLUMNS + '[flags]\nrain = "wet"\n[kinds]\nrain = "sort"\n[numbers]\nrain = "mm"\n'
    assert problems(tmp_path, text) == ["[flags] rain: wanted each name once, it is in [kinds] and [numbers] too"]


@pytest.mark.parametrize("section", ["kinds", "numbers"])
def test_promo_is_a_flag(tmp_path: Path, section: str) -> None:
    (line,) = problems(tmp_path, f'{COLUMNS}[{section}]\npromo = "offer"\n')
    assert line.startswith(f"[{section}] promo: wanted a flag, 0 or 1, in [flags]")


@pytest.mark.parametrize("name", ["a/b", "a b", "1st", "a-b", "../x"])
def test_our_names_are_letters_digits_and_underscores(tmp_path: Path, name: str) -> None:
    (line,) = problems(tmp_path, f'{COLUMNS}[numbers]\n"{name}" = "x"\n')
    assert line.startswith(f"[numbers] {name}: wanted a name of letters, digits and underscores")


def test_a_file_that_is_not_utf_8_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"columns\.toml: wanted UTF-8, got .*; save it as UTF-8"):
        read(tmp_path, COLUMNS.encode() + b"# K\xf6ln\n")


def test_partitions_that_were_written_with_another_mapping_are_refused(tmp_path: Path) -> None:
    own = read(tmp_path, COLUMNS + '[flags]\npromo = "offer"\n')
    folder = tmp_path / "partitions"
    folder.mkdir()
    PartitionWriter(folder, own, 1).finish()
    options = TrainingOptions(folder, None, None, tmp_path, "")
    other = read(tmp_path, COLUMNS + '[flags]\npromo = "promotion"\n')
    with pytest.raises(DataError, match="with another mapping than --mapping: remove --mapping, or"):
        partition(replace(options, mapped=other), tmp_path)
    for mapped in (own, ROSSMANN):
        assert partition(replace(options, mapped=mapped), tmp_path).partitions.mapped == own


def test_mistakes_of_all_sections_come_in_one_list(tmp_path: Path) -> None:
    lines = problems(tmp_path, 'flags = "x"\n[columns]\nds = 3\n[numbers]\npromo = "x"\ny = 4\n[stores]\ngroup = 5\n')
    assert len(lines) == 8


def test_the_mapping_file_of_the_docs_is_read_as_they_say(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "docs" / "training.md").read_text()
    path = tmp_path / "columns.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    mapped = read_mapping(path)
    assert (mapped.store_id, mapped.ds, mapped.y, mapped.open) == ("shop", "day", "revenue", "is_open")
    assert mapped.flags == {"promo": "on_promo"}
    assert mapped.kinds == {"holiday": Kind("holiday", "")}
    assert mapped.numbers == {"temperature": "temp"}
    assert (mapped.stores_id, mapped.group) == ("shop", ("format", "region"))
