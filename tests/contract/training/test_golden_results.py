"""What `storecast train` prints: real trainings, whose results are committed."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from support.training import chains

from fleet.names import CHAMPION, store_model_name
from storecast import __main__ as command_line
from storecast import exit_codes
from storecast.commands import train as verb
from training.champion import store_gate
from training.engines import stan
from training.engines.engine import Priors
from training.pooling.variants import Variant

GOLDEN = Path(__file__).parent / "golden"
BLUNT = Variant("blunt", Priors(seasonality=0.003, regressor=0.003))
DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?")

Train = Callable[..., str]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A chain of ten stores that are odd in many ways: all can be trained on."""
    folder = tmp_path_factory.mktemp("chain")
    paths = chains.files(folder, n_stores=10, n_days=452)
    sales, stores, ahead = (pd.read_csv(paths[name], dtype=str) for name in ("train", "store", "calendar"))
    gap = (sales["Store"] == "2") & sales["Date"].between("2013-06-01", "2013-07-15")
    ended = (sales["Store"] == "3") & (sales["Date"] > "2014-01-31")
    sales = sales[~(gap | ended)].reset_index(drop=True)
    sales.loc[sales.index[(sales["Store"] == "5") & (sales["Sales"] != "0")][40], "Sales"] = "many"
    # Of a store that sells the same every day, rounding alone decides whether a day lies within the interval.
    constant = (sales["Store"] == "9") & (sales["Sales"] != "0")
    sales.loc[constant, "Sales"] = "4" + sales.loc[constant, "Date"].str.slice(8) + "0"
    newcomer = stores[:1].assign(Store="new", StoreType="z", Assortment="z")
    for name, table in (
        ("train", sales),
        ("store", pd.concat([stores, newcomer])),
        ("calendar", ahead[ahead["Store"].isin(["1", "2", "3", "4"])]),
    ):
        table.to_csv(paths[name], index=False)
    return paths


@pytest.fixture
def faulty(tables: dict[str, Path], tmp_path: Path) -> Path:
    """The same sales, of which those of two stores are no numbers."""
    sales = pd.read_csv(tables["train"], dtype=str)
    sales.loc[sales["Store"].isin(["1", "2"]) & (sales["Open"] == "1"), "Sales"] = "none sold"
    path = tmp_path / "faulty.csv"
    sales.to_csv(path, index=False)
    return path


@pytest.fixture
def train(
    tables: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Train]:
    """One run of the command line in one home; what it prints, without what differs from run to run."""
    before = mlflow.get_tracking_uri()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*words: str, code: int = exit_codes.OK, **others: Path) -> str:
        named = [("--data", "train"), ("--stores", "store"), ("--calendar", "calendar")]
        paths = [str(word) for option, name in named for word in (option, {**tables, **others}[name])]
        rest = ["--home", str(tmp_path / "home"), "--runner", "inprocess", "--test-days", "28", "--folds", "2"]
        assert command_line.main(["train", *paths, *rest, *words]) == code
        return masked(capsys.readouterr().out, tmp_path)

    yield run
    mlflow.set_tracking_uri(before)


def masked(printed: str, folder: Path) -> str:
    result = json.loads(printed.replace(str(folder), "FOLDER"))
    for name in ("seconds", "seconds_of_workers"):
        if name in result:
            result[name] = dict.fromkeys(result[name], 0)
    if result.get("registered"):
        result["registered"]["run_id"] = "RUN"
    return json.dumps(result, indent=1) + "\n"


def check(name: str, printed: str) -> None:
    """The committed result; one that is missing is written, to be looked at and committed.

    Another processor may round the last digits of a score otherwise: decimals may differ by a thousandth.
    """
    file = GOLDEN / f"{name}.json"
    if not file.exists():
        file.write_text(printed)
        pytest.fail(f"{file} was missing, and is written: look at it, and commit it")
    golden = file.read_text()
    assert DECIMAL.sub("DECIMAL", printed) == DECIMAL.sub("DECIMAL", golden)
    numbers, wanted = ([float(each) for each in DECIMAL.findall(text)] for text in (printed, golden))
    assert numbers == pytest.approx(wanted, rel=1e-3, abs=2e-5)


def test_trainings_that_follow_one_another_print_what_was_registered_kept_and_moved(
    train: Train, tmp_path: Path
) -> None:
    check("dry_run_without_champion", train("--dry-run"))
    check("first", train("--register-stores", "4"))
    check("second_keeps_all", train("--register-stores", "4,1"))
    client = MlflowClient(f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}")
    client.set_registered_model_alias(store_model_name("4"), CHAMPION, "1")
    check("own_model_left_alone", train())


def test_trainings_against_a_champion_of_another_recipe_print_the_gate_and_the_stores_held_back(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    train()
    check("without_backtest", train("--test-days", "0"))
    check("refitted", train("--refit", "all", "--gate-margin", "none"))
    monkeypatch.setattr(verb, "VARIANTS", (BLUNT,))
    # Which stores these are is judged elsewhere; here, every second one.
    monkeypatch.setattr(store_gate, "clearly_worse", lambda wape, _: np.arange(wape.shape[1]) % 2 == 0)
    check("challenger", train("--register-stores", "4"))
    check("dry_run_challenger", train("--dry-run"))


def test_a_training_in_which_stores_fail_prints_them_whether_or_not_they_are_too_many(
    train: Train, faulty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = ("--dry-run", "--max-failed-share", "0.5")
    check("some_failed", train(*half, code=exit_codes.SOME_FAILED, train=faulty))

    def scripted(*_: object) -> None:
        raise RuntimeError("scripted fault")

    monkeypatch.setattr(stan, "_fit_store", scripted)
    words = ("--engine", "stan", "--workers", "1")
    check("too_many_failed", train(*words, code=exit_codes.TOO_MANY_FAILED))
    check("too_many_failed_without_backtest", train(*words, "--test-days", "0", code=exit_codes.TOO_MANY_FAILED))


def test_input_that_cannot_be_trained_on_prints_its_problems(train: Train, faulty: Path) -> None:
    check("problems", train(code=exit_codes.USAGE, train=faulty))
    check("error", train("--register-stores", "new", code=exit_codes.USAGE))
