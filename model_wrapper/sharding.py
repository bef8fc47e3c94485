"""Which child of the router owns a store: a fixed hash, the same in every process, version and year."""

from __future__ import annotations

import hashlib
from typing import Final

_DIGEST_BYTES: Final = 8
FIRST_CHILD: Final = 0


def shard_of(store_id: str, shards: int) -> int:
    """Return the forecaster, 0 <= index < shards, that holds a store.

    The first 8 bytes of blake2b over the UTF-8 id, big-endian, modulo `shards`. Never Python's own hash, which differs
    from process to process.
    """
    digest = hashlib.blake2b(store_id.encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest, "big") % shards


def child_of(store_id: str, *, known: bool, has_model: bool, shards: int) -> int:
    """Return the router's child that answers a store.

    Children are the forecasters 0 .. shards - 1, then the fallback. A store that no fleet knows belongs to child 0,
    which answers with the error.
    """
    if not known:
        return FIRST_CHILD
    return shard_of(store_id, shards) if has_model else shards
