"""The shard table: a store must go to the same forecaster in every version, on every machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model_wrapper.sharding import child_of, shard_of

GOLDEN = {
    "1": [0, 0, 2, 2, 2, 6],
    "2": [0, 0, 2, 0, 1, 12],
    "3": [0, 1, 1, 1, 4, 1],
    "4": [0, 0, 1, 2, 6, 6],
    "42": [0, 0, 0, 2, 1, 10],
    "262": [0, 1, 0, 3, 2, 15],
    "1115": [0, 1, 0, 3, 2, 7],
    "0004": [0, 0, 1, 2, 4, 2],
    "Köln-Süd": [0, 1, 0, 1, 6, 13],
    "店舗7": [0, 0, 0, 0, 4, 12],
    "store/1": [0, 0, 0, 0, 3, 12],
}


def test_the_shard_table_never_changes() -> None:
    assert {store: [shard_of(store, n) for n in (1, 2, 3, 4, 7, 16)] for store in GOLDEN} == GOLDEN


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 1000))
def test_every_store_has_one_shard_in_range(store_id: str, shards: int) -> None:
    shard = shard_of(store_id, shards)

    assert 0 <= shard < shards
    assert shard == shard_of(store_id, shards)


def test_stores_are_spread_evenly() -> None:
    counts = [0] * 4
    for store in range(1, 1116):
        counts[shard_of(str(store), 4)] += 1

    assert min(counts) > 230


def test_an_unknown_store_belongs_to_the_first_child_and_one_without_model_to_the_last() -> None:
    assert child_of("nobody", known=False, has_model=False, shards=4) == 0
    assert child_of("4", known=True, has_model=False, shards=4) == 4
    assert child_of("4", known=True, has_model=True, shards=4) == shard_of("4", 4)
