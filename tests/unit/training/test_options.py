"""Which stores `--register-stores` names, whatever stands in their ids."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.options import stores_named

PARIS, QUOTED = "Paris, Gare de Lyon", 'The "Old" Mill, Leeds'
KNOWN = ["4", "17", PARIS, QUOTED, "a b"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([], ()),
        (["4,17"], ("4", "17")),
        (["4, 17 ,"], ("4", "17")),
        (["4", "17", "4"], ("4", "17")),
        ([PARIS], (PARIS,)),
        ([f'"{PARIS}",4'], (PARIS, "4")),
        ([f'4, "{PARIS}"'], ("4", PARIS)),
        (["17", PARIS, "a b"], ("17", PARIS, "a b")),
        ([QUOTED], (QUOTED,)),
        (["nobody,4"], ("nobody", "4")),
        (["Paris, Gare du Nord"], ("Paris", "Gare du Nord")),
        ([""], ()),
    ],
)
def test_an_id_is_named_alone_or_in_a_row_of_csv(values: list[str], named: tuple[str, ...]) -> None:
    assert stores_named(values, KNOWN) == named


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), unique=True))
def test_every_id_can_be_named_alone_and_beside_others(ids: list[str]) -> None:
    row = io.StringIO()
    csv.writer(row, quoting=csv.QUOTE_ALL).writerow([*ids, "17"])

    assert stores_named(ids, ids) == tuple(ids)
    assert set(stores_named([row.getvalue().strip()], [*ids, "17"])) == {*ids, "17"}
