"""Who owns a store: the same child in every version, on every machine, in every year."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_wrapper.sharding import BUCKETS, Layout, bucket_of, shard_of

GOLDEN = json.loads((Path(__file__).parents[1] / "vectors" / "store_hashes.json").read_text(encoding="utf-8"))
STORES = [str(store) for store in range(1, 1116)]

ids = st.text(st.characters(codec="utf-8"), min_size=1)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
shares = st.integers(0, 100) | st.floats(0, 100)


def test_the_table_of_shards_never_changes() -> None:
    table = GOLDEN["shard of each store, by number of shards"]
    counts = [int(count) for count in GOLDEN["shards"]]

    assert {store: [shard_of(store, count) for count in counts] for store in table} == table


def test_the_table_of_experiments_never_changes() -> None:
    table = GOLDEN["bucket of each store, by experiment"]
    experiments = GOLDEN["experiments"]

    assert {store: [bucket_of(store, experiment) for experiment in experiments] for store in table} == table


@given(ids, st.integers(1, 1000))
def test_every_store_has_one_shard_in_range(store_id: str, shards: int) -> None:
    shard = shard_of(store_id, shards)

    assert 0 <= shard < shards
    assert shard == shard_of(store_id, shards)


def test_stores_are_spread_evenly() -> None:
    counts = [0] * 4
    for store in STORES:
        counts[shard_of(store, 4)] += 1

    assert min(counts) > 230


@pytest.mark.parametrize(
    ("facts", "child"),
    [
        ({"known": False, "has_model": False}, 0),
        ({"known": False, "has_model": False, "hinted": True}, 4),
        ({"known": True, "has_model": False}, 4),
        ({"known": True, "has_model": True}, shard_of("4", 4)),
        ({"known": True, "has_model": True, "hinted": True}, shard_of("4", 4)),
    ],
)
def test_a_store_belongs_to_its_shard_to_the_fallback_or_to_the_first_child(facts: dict[str, bool], child: int) -> None:
    assert Layout(4).child_of("4", **facts) == child


@given(names, st.integers(0, 100))
def test_a_challengers_share_is_within_binomial_bounds(experiment: str, share: int) -> None:
    layout = Layout(1, share, experiment)
    got, wanted = sum(layout.challenges(store) for store in STORES), len(STORES) * share / 100
    # Six standard deviations, so that no honest draw of Hypothesis is ever outside.
    assert abs(got - wanted) <= 6 * (len(STORES) * share / 100 * (1 - share / 100)) ** 0.5


@given(ids, names, shares, shares)
def test_growing_a_share_only_adds_stores(store_id: str, experiment: str, one: float, other: float) -> None:
    small, large = sorted((one, other))

    assert Layout(1, small, experiment).challenges(store_id) <= Layout(1, large, experiment).challenges(store_id)


@given(ids, names, shares, st.integers(1, 50), st.integers(1, 50))
def test_who_is_challenged_does_not_depend_on_shards_and_stays_so(
    store_id: str, experiment: str, share: float, one: int, other: int
) -> None:
    layouts = [Layout(shards, share, experiment) for shards in (one, other, one)]
    challenged = [layout.child_of(store_id, known=True, has_model=True) == layout.challenger for layout in layouts]

    assert challenged == [bucket_of(store_id, experiment) < share * BUCKETS / 100] * 3


@given(ids, names)
def test_no_share_is_nobody_and_all_is_everybody(store_id: str, experiment: str) -> None:
    assert not Layout(3, 0, experiment).challenges(store_id)
    assert Layout(3, 100, experiment).challenges(store_id)


def test_another_experiment_draws_other_stores() -> None:
    one, other = ({store for store in STORES if Layout(1, 50, name).challenges(store)} for name in ("a", "b"))

    assert 450 < len(one ^ other) < 665


def test_a_store_without_a_model_is_in_no_experiment() -> None:
    assert Layout(2, 100).child_of("4", known=True, has_model=False) == 2
    assert Layout(2, 100).child_of("4", known=True, has_model=True) == 3
