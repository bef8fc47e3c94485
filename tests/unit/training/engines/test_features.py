"""The features that a calendar's columns give."""

import pytest

from fleet import Column
from training.engines.features import design_of
from training.errors import DataError

OPEN = Column("open", "flag")


def test_every_column_is_a_feature_and_promotions_are_one_a_weekday() -> None:
    names = design_of((OPEN, Column("promo", "flag"), Column("rain", "number"))).beta_names
    assert {"promo_mon", "promo_sun", "rain", "christmas_eve"} <= set(names)
    assert "open" not in names


@pytest.mark.parametrize(
    "columns",
    [
        (OPEN, Column("christmas_eve", "flag")),
        (OPEN, Column("holiday", "kind", ("0", "a")), Column("holiday_a", "flag")),
    ],
)
def test_a_column_with_the_name_of_another_feature_is_refused(columns: tuple[Column, ...]) -> None:
    with pytest.raises(DataError, match=r"got (christmas_eve|holiday_a) twice: give them other names"):
        design_of(columns)
