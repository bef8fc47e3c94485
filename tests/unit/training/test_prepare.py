"""From sources to a chain that can be trained on: what is taken, what is left out, and what is said of it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from training.history import History
from training.mapping import read_mapping
from training.options import Quiet, Stages, TrainingOptions
from training.prepare import Prepared, partition, prepare

COLUMNS = '[columns]\nstore_id = "shop"\nds = "day"\ny = "sales"\nopen = "is_open"\n'


def prepared(folder: Path, mapping: str, train: Path, ahead: Path | None = None, **options: Any) -> Prepared:  # noqa: ANN401
    (folder / "m.toml").write_text(mapping)
    mapped = read_mapping(folder / "m.toml")
    told = TrainingOptions(train, None, ahead, folder, "", mapped=mapped, **{"test_days": 0, **options})
    return prepare(told, partition(told, folder / "parts"), Stages(Quiet()))


def history_of(chain: Prepared) -> History:
    """The panel of a chain that is one partition."""
    (part,) = chain.parts
    return part.history(chain.chain)


def saved(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("none", ["", "none", "0.0"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_cell_that_a_mapping_calls_none_is_an_ordinary_day_and_nothing_is_assumed(
    tmp_path: Path, none: str, suffix: str
) -> None:
    ordinary, feast = {"": (None, "feast"), "none": ("none", "feast"), "0.0": (0.0, 1.0)}[none]
    days = pd.date_range("2015-01-05", periods=60)
    cells = [feast if day == pd.Timestamp("2015-02-02") else ordinary for day in days]
    table = pd.DataFrame({"shop": "A", "day": days, "sales": 5.0, "is_open": 1, "holiday": cells})
    past = table["day"] <= pd.Timestamp("2015-02-20")
    chain = prepared(
        tmp_path,
        f'{COLUMNS}[kinds]\nholiday = {{ column = "holiday", none = "{none}" }}\n',
        saved(table[past], tmp_path / f"train.{suffix}"),
        saved(table[~past], tmp_path / f"ahead.{suffix}"),
    )
    values = history_of(chain).calendar.values["holiday"][0].tolist()
    assert values == [int(cell == feast) for cell in cells]
    assert "value-assumed" not in chain.notices.counts
