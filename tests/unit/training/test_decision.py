"""What a new fleet may become, in whole trainings of a tiny chain into a registry in memory."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fleets
from support.training.tiny_trainings import BLUNT, OtherEngine, TinyTrainings, tiny_trainings

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, GATE_TAG, PREVIOUS, store_model_name
from training.champion import store_gate
from training.decision import hold_back
from training.errors import WorkerLostError
from training.registry.aliases import Move
from training.registry.memory import MemoryRegistry, Version
from training.registry.promotion import promote
from training.registry.registration import Champion, load_fleet, register
from training.workers.runners import InProcess


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def tiny(tmp_path: Path, registry: MemoryRegistry) -> TinyTrainings:
    return dataclasses.replace(tiny_trainings(tmp_path), registry=registry)


def test_the_first_fleet_becomes_champion_and_so_does_the_next_of_the_same_recipe(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    first = tiny.registered()
    assert first["gate"] == {
        "alias": CHAMPION,
        "reason": "there was no champion before it",
        "judged_by": "nothing",
        "wape": None,
        "champion_wape": None,
    }
    second = tiny.registered()
    assert "the champion, version 1, is of the same recipe" in second["gate"]["reason"]
    assert second["gate"]["judged_by"] == "champion"
    assert second["gate"]["wape"] == second["gate"]["champion_wape"]
    assert registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    assert [registry.tags(one["version"])[GATE_TAG] for one in (first, second)] == [
        first["gate"]["reason"],
        second["gate"]["reason"],
    ]


def test_a_worse_recipe_is_only_a_challenger_until_somebody_promotes_it_and_a_better_one_takes_over(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    tiny.registered()
    worse = tiny.registered(variants=(BLUNT,), gate_margin=0.01, register_stores=("2",))
    assert worse["alias"] == CHALLENGER
    assert worse["gate"]["wape"] > 1.01 * worse["gate"]["champion_wape"]
    assert registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}
    assert dict(registry.store_models()) == {store_model_name("2"): {CHALLENGER: "1"}}

    promote(registry)
    better = tiny.registered()
    assert better["alias"] == CHAMPION
    assert better["gate"]["judged_by"] == "champion"
    assert better["gate"]["wape"] < better["gate"]["champion_wape"] == worse["gate"]["wape"]
    assert registry.aliases() == {CHAMPION: "3", PREVIOUS: "2"}


def test_where_the_gate_is_off_a_worse_recipe_becomes_champion(tiny: TinyTrainings) -> None:
    tiny.registered()
    gate = tiny.registered(variants=(BLUNT,), gate_margin=None)["gate"]
    assert (gate["alias"], gate["reason"]) == (CHAMPION, "the gate was switched off")


def test_a_fleet_that_nobody_judged_does_not_take_the_champions_place(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    assert tiny.registered(test_days=0)["alias"] == CHAMPION
    gate = tiny.registered(test_days=0)["gate"]
    assert (gate["alias"], gate["judged_by"]) == (CHALLENGER, "nothing")
    assert "there was no backtest to judge it by" in gate["reason"]
    assert registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}


def test_a_champion_that_cannot_be_opened_leaves_the_judgement_to_the_baseline(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    registry.move(Move(CHAMPION, None, registry.add(FLEET_MODEL, Version({}))))
    result = tiny.train()
    gate = result["registered"]["gate"]
    assert (gate["alias"], gate["judged_by"]) == (CHAMPION, "baseline")
    assert gate["reason"].startswith("the champion, version 1, cannot be opened by this release; WAPE ")
    assert result["kept"] == 0
    assert registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}


def with_a_flag_more(tiny: TinyTrainings) -> None:
    """A champion that knows a column which the new mapping leaves out."""
    tiny.registered()


def of_another_release(tiny: TinyTrainings) -> None:
    """A champion whose settings do not say how its variants were made."""
    register(tiny.registry, fleets.contents(4), parameters={}, metrics={})


@pytest.mark.parametrize(
    ("champion", "why"),
    [(with_a_flag_more, "regressor 'promo_mon': the calendar has no 'promo'"), (of_another_release, "'variants'")],
)
def test_a_champion_that_cannot_be_judged_leaves_the_judgement_to_the_baseline(
    tiny: TinyTrainings, champion: Callable[[TinyTrainings], None], why: str
) -> None:
    champion(tiny)
    fewer = dataclasses.replace(tiny.options.mapped, flags={"school_holiday": "SchoolHoliday"})
    gate = tiny.registered(mapped=fewer)["gate"]
    assert gate["judged_by"] == "baseline"
    assert gate["reason"].startswith(f"version 1 cannot be judged on this history ({why}")


def test_a_recipe_of_another_engine_is_judged_on_the_same_days(tiny: TinyTrainings) -> None:
    tiny.registered()
    gate = tiny.train(OtherEngine(), dry_run=True)["would_register"]["gate"]
    assert gate["judged_by"] == "champion"
    assert "version 1, on the same folds" in gate["reason"]


def test_a_champion_of_another_engine_is_judged_by_the_batched_one(tiny: TinyTrainings) -> None:
    tiny.registered(engine=OtherEngine())
    gate = tiny.train(dry_run=True, refit="all")["would_register"]["gate"]
    assert gate["judged_by"] == "champion"


@dataclass(frozen=True)
class LosesTheRival(InProcess):
    """Loses its workers where the champion's recipe is judged."""

    def run(self, task: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[Any]:
        if jobs and not getattr(jobs[0], "fit", True):
            raise WorkerLostError("workers died")
        return super().run(task, jobs)


def test_workers_that_die_while_the_champion_is_judged_end_the_training(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    tiny.registered()
    with pytest.raises(WorkerLostError, match="workers died"):
        tiny.train(variants=(BLUNT,), runner=LosesTheRival())
    assert registry.versions() == [1]


def test_a_store_that_the_new_recipe_makes_clearly_worse_keeps_its_champion_row(
    tiny: TinyTrainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.registered()
    before, _ = load_fleet(tiny.registry)
    # Which stores these are is judged elsewhere; here, every second one.
    monkeypatch.setattr(store_gate, "clearly_worse", lambda wape, _: np.arange(wape.shape[1]) % 2 == 0)
    result = tiny.train(variants=(BLUNT,), gate_margin=1.0)
    assert result["registered"]["alias"] == CHAMPION
    assert [(held["store"], held["kept"]) for held in result["held_back"]] == [
        (store_id, bool(before.has_model[before.store_ids.index(store_id)])) for store_id in before.store_ids[::2]
    ]
    assert all("version 1 is clearly better for it" in held["reason"] for held in result["held_back"])
    kept = [held["store"] for held in result["held_back"] if held["kept"]]
    assert kept
    after, _ = load_fleet(tiny.registry)
    for row, store_id in enumerate(after.store_ids):
        same = after.parameters.beta[row].tobytes() == before.parameters.beta[row].tobytes()
        assert same == (store_id in kept)
        assert (after.facts["variant"][row] == b"champion:1") == (store_id in kept)


def test_a_champion_without_a_fleet_has_no_row_to_keep() -> None:
    contents: Any = fleets.contents(2)
    for champion in (None, Champion("1", None)):
        run: Any = _RunOf(champion)
        assert hold_back(run, contents, None, None) == (contents, ())  # type: ignore[arg-type]


@dataclass(frozen=True)
class _RunOf:
    champion: Champion | None
