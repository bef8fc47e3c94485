"""A forecast as text: what a reader of the table takes it for."""

import pandas as pd

from storecast.commands.forecast import table


def row(store_id: str, value: float, upper: float, note: str = "") -> dict[str, object]:
    day = {"store_id": store_id, "timestamp": "2015-06-20"}
    return {**day, "value": value, "lower": 0.0, "upper": upper, "source": "fleet", "note": note}


def test_a_store_that_sells_a_few_a_day_does_not_look_closed() -> None:
    shown = table(pd.DataFrame([row("slow", 0.41, 1.2), row("brisk", 12_345.6, 14_000.0)])).splitlines()
    assert "Sat" in shown[1]
    assert shown[1].split()[3:6] == ["0.4", "0.0", "1.2"]
    assert shown[2].split()[3:6] == ["12,346", "0", "14,000"]
