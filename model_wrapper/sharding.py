"""Which child of the router owns a store: fixed hashes, the same in every process, version and year."""

import hashlib
from dataclasses import dataclass

_DIGEST_BYTES = 8
FIRST_CHILD = 0
BUCKETS = 10_000
"""Places that an experiment spreads the stores over: a share is counted in hundredths of a percent."""


def shard_of(store_id: str, shards: int) -> int:
    """The forecaster, 0 <= index < shards, that holds a store.

    The first 8 bytes of blake2b over the UTF-8 id, big-endian, modulo `shards`. Never Python's own hash, which differs
    from process to process.
    """
    return _hash(store_id) % shards if shards > 1 else 0


def bucket_of(store_id: str, experiment: str) -> int:
    """A store's place in an experiment, 0 <= place < `BUCKETS`.

    The same hash over the experiment's name, a NUL and the id: another experiment draws other stores, and no draw
    depends on the number of shards.
    """
    return _hash(f"{experiment}\0{store_id}") % BUCKETS


@dataclass(frozen=True, slots=True)
class Layout:
    """The children of a router, in its order: the forecasters, the fallback, and the challenger where there is one.

    `challenger_share_percent`: 0..100, the share of the stores that the challenger answers; growing it only adds some.
    """

    shards: int = 1
    challenger_share_percent: float = 0.0
    experiment: str = "challenger"

    @property
    def fallback(self) -> int:
        """Index of the fallback."""
        return self.shards

    @property
    def challenger(self) -> int:
        """Index of the challenger; the last, so that the others keep theirs when an experiment begins or ends."""
        return self.shards + 1

    def challenges(self, store_id: str) -> bool:
        """Whether a store is among those that the challenger answers."""
        share = self.challenger_share_percent
        return share > 0 and bucket_of(store_id, self.experiment) < share * BUCKETS / 100

    def child_of(self, store_id: str, *, known: bool, has_model: bool, hinted: bool = False) -> int:
        """The child that answers a store.

        A store that no fleet knows belongs to child 0, which answers with the error; with a hint of what it sells, to
        the fallback.
        """
        if has_model:
            return self.challenger if self.challenges(store_id) else shard_of(store_id, self.shards)
        return self.fallback if known or hinted else FIRST_CHILD


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest(), "big")
