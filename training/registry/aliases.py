"""Which alias goes to which version; at no moment between two moves of the fleet is there no champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS


@dataclass(frozen=True)
class Move:
    """One alias of a registered model, where it was and where it goes; None: nowhere."""

    alias: str
    old: str | None
    new: str | None
    model: str = FLEET_MODEL


def to_champion(aliases: Mapping[str, str], version: str) -> list[Move]:
    """A version becomes champion, the old champion `previous`, and the challenge is over.

    Cut short anywhere, the same again completes it.
    """
    champion = aliases.get(CHAMPION)
    moves = [Move(CHAMPION, champion, version), Move(CHALLENGER, aliases.get(CHALLENGER), None)]
    if champion not in (None, version):
        # First, or the way back would be lost when the second move never comes.
        moves.insert(0, Move(PREVIOUS, aliases.get(PREVIOUS), champion))
    return _changing(moves)


def to_challenger(aliases: Mapping[str, str], version: str) -> list[Move]:
    """A version becomes challenger, in place of an older one."""
    return _changing([Move(CHALLENGER, aliases.get(CHALLENGER), version)])


def back(aliases: Mapping[str, str]) -> list[Move]:
    """`previous` and champion change places, the champion first: what is served matters more than the way back."""
    champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
    return _changing([Move(CHAMPION, champion, previous), Move(PREVIOUS, previous, champion)])


def _changing(moves: Sequence[Move]) -> list[Move]:
    return [move for move in moves if move.old != move.new]


def after(aliases: Mapping[str, str], moves: Sequence[Move]) -> dict[str, str]:
    """The aliases of the fleet when its moves are done."""
    moved = dict(aliases)
    for move in moves:
        moved.pop(move.alias, None)
        if move.new is not None:
            moved[move.alias] = move.new
    return moved
