"""The command line: helps that work, options that are checked, errors that end with their code."""

import argparse
import json
import re
import shlex
import tomllib
from json import dumps
from pathlib import Path

import pandas as pd
import pytest
import requests

from storecast import __main__ as command_line
from storecast import exit_codes
from storecast.client import COLUMNS, GraphAnswerError, Question, answer_of, ask_graph, body_of
from storecast.commands.forecast import table, write
from storecast.output import OutputError


def helps(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Every parser below one, itself included."""
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [below for child in action.choices.values() for below in helps(child)]
    return found


def examples() -> list[str]:
    texts = [parser.format_help() for parser in helps(command_line.parser())]
    return sorted({line.strip() for text in texts for line in re.findall(r"^  (storecast .*)$", text, re.MULTILINE)})


@pytest.mark.parametrize("line", examples())
def test_every_example_of_a_help_text_is_a_command_that_parses(line: str) -> None:
    words = shlex.split(line.split("  ", maxsplit=1)[0])
    assert command_line.parser().parse_args(words[1:]).verb == words[1]


def test_every_option_and_every_verb_of_a_help_text_has_a_meaning() -> None:
    for parser in helps(command_line.parser()):
        assert parser.description or parser.prog.count(" ") == 0, parser.prog
        for action in parser._actions:
            meaning = re.sub(r"\([^()]*\)$", "", action.help or "").strip()
            assert meaning or isinstance(action, argparse._SubParsersAction), (parser.prog, action.dest)


def test_every_help_text_ends_with_examples() -> None:
    for parser in helps(command_line.parser()):
        assert "\nexamples:\n  " in parser.format_help(), parser.prog


def test_every_help_text_shows_defaults_in_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # no default is broken over two lines
    for parser in helps(command_line.parser()):
        text = parser.format_help()
        for action in parser._actions:
            if action.option_strings and action.default not in (None, False, "", [], argparse.SUPPRESS):
                assert f"(default: {action.default})" in text or "(default: " in str(action.help), action.dest
        assert not re.search(r"^  +-.*\((?!default: )[\w.-]+\)$", text, re.MULTILINE), parser.prog


def test_the_help_of_a_training_shows_the_mapping_file() -> None:
    training = next(parser for parser in helps(command_line.parser()) if parser.prog == "storecast train")
    (option,) = [action for action in training._actions if action.dest == "mapping"]
    assert "as shown below" in str(option.help)
    assert 'store_id = "shop"' in training.format_help()


def test_every_meaning_of_an_exit_code_is_a_whole_sentence() -> None:
    assert not [text for text in exit_codes.MEANINGS.values() if re.search(r"\b(that|cannot|be|of|the|a|and)$", text)]


def test_the_help_lists_every_exit_code() -> None:
    text = command_line.parser().format_help()
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"  {code}  {meaning}" in text


@pytest.mark.parametrize(
    "words",
    [
        "forecast --store 4 --level 1",
        "forecast --store 4 --from 20-06-2015",
        "forecast --store 4 --all",
        "forecast",
        "synth --stores 0 --days 9 --out x",
        "train --data x --max-failed-share 2",
        "graph render --challenger-share 101",
        "graph render --challenger-share 10 --experiment $(x)",
        "train",
        "train --dat x",
        "serve --port 65536",
        "demo --port -1",
        "forecast --store 4 --days many",
        "promote --version x",
        "nonsense",
    ],
)
def test_a_wrong_option_is_a_usage_error(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(words.split())
    assert caught.value.code == exit_codes.USAGE
    told = capsys.readouterr().err
    assert "error:" in told
    assert "invalid" not in told or "invalid choice" in told  # says what was wanted, not what a function is called


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("train --data nowhere.csv --home {tmp}", 2, "cannot read nowhere.csv"),
        ("train --data nowhere.csv --mapping nowhere.toml --home {tmp}", 2, "cannot read the column mapping"),
        (
            "forecast --store 4 --out x.xlsx --home {tmp}",
            2,
            "wanted --out with a file name that ends with .csv or .parquet",
        ),
        (
            "forecast --store 4 --plot x.bmp --home {tmp}",
            2,
            "wanted --plot with a file name that ends with .png, .svg or .pdf",
        ),
        ("synth --stores 3 --days 5 --out /proc/none", 2, "wanted --out with a folder that can be written to"),
        ("promote --dry-run --home {tmp}/none", 3, "there is no registry at"),
        ("rollback --home {tmp}/none", 3, "there is no registry at"),
        ("forecast --store 4 --days 9 --url http://127.0.0.1:1", 3, "start one with `storecast serve`"),
        ("forecast --store 4 --url http://127.0.0.1:1", 3, "start one with `storecast serve`"),
        ("graph render --out {tmp}", 2, "Is a directory; name a file in a folder that can be written to"),
        ("graph render --out /proc/none/x.yaml", 2, "cannot write /proc/none/x.yaml"),
        ("request-log export --out x.csv --home {tmp}", 2, "wanted --out with a file name that ends with .parquet"),
        (
            "request-log export --out x.parquet --since 2026-11-30 --until 2026-11-01",
            2,
            "wanted --until with 2026-11-30",
        ),
        ("graph validate nowhere.yaml", 2, "nowhere.yaml"),
        ("serve nowhere.yaml", 2, "nowhere.yaml"),
    ],
)
def test_an_error_says_what_to_do_and_ends_with_its_code(
    words: str, code: int, told: str, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(words.format(tmp=tmp_path).split()) == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert "Traceback" not in captured.err
    # A training has a result, whatever becomes of it.
    assert json.loads(captured.out or "{}").keys() <= {"error"}
    assert bool(captured.out) == words.startswith("train")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(["--version"])
    assert caught.value.code == exit_codes.OK
    # Written twice: in an image the project is no installed package that could be asked.
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"storecast {project['version']}\n"


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_rows_that_cannot_be_written_are_a_usage_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    rows = pd.DataFrame([dict.fromkeys(COLUMNS, "x")])
    with pytest.raises(OutputError, match=f"cannot write .*{name}: "):
        write(rows, tmp_path / name)


def test_settings_are_listed_and_a_wrong_one_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line.main(["settings"]) == exit_codes.OK
    assert "STORECAST_FLEET_URI" in capsys.readouterr().out
    monkeypatch.setenv("STORECAST_MAX_ITEMS", "many")
    assert command_line.main(["settings"]) == exit_codes.USAGE
    assert "STORECAST_MAX_ITEMS" in capsys.readouterr().err


def test_a_wrong_log_level_is_a_usage_error_of_every_verb(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORECAST_LOG_LEVEL", "loud")
    assert command_line.main(["graph", "render"]) == exit_codes.USAGE
    captured = capsys.readouterr()
    assert "STORECAST_LOG_LEVEL: wanted 'DEBUG', 'INFO', 'WARNING' or 'ERROR', got 'LOUD'" in captured.err
    assert "Traceback" not in captured.err


def test_ctrl_c_is_no_fault_of_ours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storecast.commands.settings.Settings.table", interrupted)
    assert command_line.main(["settings"]) == 130
    assert capsys.readouterr().err == "storecast settings: stopped by Ctrl-C\n"


def test_a_question_without_a_first_day_leaves_it_to_the_graph() -> None:
    assert body_of(Question(("4",), None, 7, 0.8)) == {"jsonData": [{"storeId": "4", "level": 0.8}]}


WEEK = ("2015-07-25", "2015-07-31")


@pytest.mark.parametrize(
    ("n_days", "clipped_from", "span"),
    [
        # The last known day is 31 July, the history ends on 19 June.
        (14, None, ("2015-07-25", "2015-08-07")),  # the graph's own today
        (3, "2026-11-27", ("2015-07-29", "2015-07-31")),
        (14, "2026-11-27", ("2015-07-18", "2015-07-31")),
        (42, "2026-11-27", ("2015-06-20", "2015-07-31")),
        (60, "2026-11-27", ("2015-06-20", "2015-08-18")),
        (14, "2013-01-01", ("2015-07-25", "2015-08-07")),  # moved on to the first day there is
    ],
)
def test_a_graph_without_a_first_day_is_asked_for_so_many_days_from_where_its_week_begins(
    n_days: int, clipped_from: str | None, span: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def post(_url: str, json: dict[str, list[dict[str, object]]], **_: object) -> requests.Response:
        asked.extend(json["jsonData"])
        request = {"storeId": "4", "beginDate": WEEK[0], "endDate": WEEK[1], "level": 0.8}
        request |= {"clippedFrom": clipped_from} if clipped_from else {}
        entry = {"request": request, "forecast": [], "model": {"source": "fleet", "trainedThrough": "2015-06-19"}}
        reply = requests.Response()
        reply.status_code, reply._content = 200, dumps({"jsonData": [entry]}).encode()
        return reply

    monkeypatch.setattr(requests, "post", post)
    ask_graph(Question(("4",), None, n_days, 0.8), "http://graph")

    assert asked[0] == {"storeId": "4", "level": 0.8}
    assert (asked[1]["beginDate"], asked[1]["endDate"]) == span


def test_an_answer_becomes_rows_and_errors() -> None:
    day = {"timestamp": "2015-06-21", "value": 0.0, "lower": 0.0, "upper": 0.0, "note": "closed"}
    good = {"request": {"storeId": "4"}, "forecast": [day], "model": {"source": "fleet"}}
    bad = {"request": {"storeId": "x"}, "error": {"code": "UNKNOWN_STORE", "message": "no such store"}}
    lost = {"request": None, "error": {"code": "NOT_ANSWERED", "message": "line 2"}}
    answer = answer_of({"jsonData": [good, bad, lost]})
    assert answer.rows.to_dict("records") == [{"store_id": "4", **day, "source": "fleet"}]
    assert answer.errors == ["store 'x': UNKNOWN_STORE: no such store", "an item: NOT_ANSWERED: line 2"]


@pytest.mark.parametrize("body", [{"jsonData": {"other": 1}}, [], "x", None, {"jsonData": [5]}, {"jsonData": [{}]}])
def test_an_answer_of_strangers_is_told_as_such(body: object) -> None:
    with pytest.raises(GraphAnswerError, match="is this a storecast graph"):
        answer_of(body)


@pytest.mark.parametrize(
    "entry", [5, {}, {"request": 7}, {"request": {"beginDate": "soon"}}, {"request": {"beginDate": "2015-06-20"}}]
)
def test_a_stranger_that_is_asked_for_its_week_is_told_as_such(entry: object, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = requests.Response()
    reply.status_code, reply._content = 200, dumps({"jsonData": [entry]}).encode()
    monkeypatch.setattr(requests, "post", lambda *_, **__: reply)
    with pytest.raises(GraphAnswerError, match="is this a storecast graph"):
        ask_graph(Question(("4",), None, 14, 0.8), "http://graph")


@pytest.mark.parametrize(("status", "code"), [(400, 2), (500, 3), (503, 3)])
def test_a_graph_that_fails_is_unreachable_and_one_that_refuses_is_a_usage_error(
    status: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = requests.Response()
    reply.status_code = status
    reply._content = b'{"status": {"info": "the reason"}}'
    monkeypatch.setattr(requests, "post", lambda *_, **__: reply)
    assert command_line.main(["forecast", "--store", "4", "--url", "http://graph"]) == code
    assert f"the graph at http://graph answered {status}: the reason" in capsys.readouterr().err


def test_a_table_shows_whole_sales_and_the_weekday() -> None:
    row = {"store_id": "4", "timestamp": "2015-06-22", "value": 5123.4, "lower": 1.0, "upper": 9.0}
    text = table(pd.DataFrame([{**row, "source": "fleet", "note": ""}]))
    assert re.search(r"4 +2015-06-22 +Mon +5,123 +1 +9 +fleet", text)
