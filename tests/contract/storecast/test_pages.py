"""The pages for people: their commands are those of the command line, and their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from storecast import __main__ as command_line

ROOT = Path(__file__).parents[3]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[str]:
    """The lines of code blocks that call `storecast`, without variables before it and comments after it."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    plain = "".join(text for language, text in blocks if not language)
    return re.findall(r"^(?:[A-Z_]+=\S+ )*(storecast [^#\n]*)", plain, re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page: of its headings, and explicit ones."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(
        re.findall(r'<a id="([^"]+)">', text)
    )


@pytest.mark.parametrize("line", sorted({line.strip() for page in PAGES for line in commands(page)}))
def test_every_command_of_a_page_parses(line: str) -> None:
    words = shlex.split(line)
    assert command_line.parser().parse_args(words[1:]).verb == words[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for file, _, anchor in (link.partition("#") for link in links if not link.startswith("http")):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"
