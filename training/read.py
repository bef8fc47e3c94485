"""Files -> a validated `History`. CSV (also .gz) and Parquet; any column names, by a mapping."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fleet import Column
from fleet.arrays import AnyArray, BoolArray, IntArray
from fleet.calendar import OPEN, UNKNOWN
from training import validate
from training.errors import DataError
from training.history import History, build_calendar, natural_order
from training.mapping import ROSSMANN, Mapped
from training.validate import Report, Table

NameArray = npt.NDArray[np.str_]

NO_GROUP = "all"
MAX_LABELS = 200  # a kind is a code of one byte


def read_history(
    data: Path, stores: Path | None, calendar: Path | None, *, mapped: Mapped = ROSSMANN, problems_in: Path
) -> History:
    """Read and validate a chain: its sales, its store table, its calendar of the days ahead.

    Raises: DataError: a file cannot be read, or rows cannot be trained on; one report names them all.
    """
    report = validate.Report()
    train = _table(report, data, validate.TRAIN, mapped)
    ahead = _table(report, calendar, validate.CALENDAR, mapped) if calendar else None
    groups = _store_table(report, stores, mapped) if stores else None
    report.raise_if_any(problems_in)
    known = _all_ids(report, train, ahead, groups)
    if ahead is not None:
        _check_ahead(report, train, ahead)
    sold = train.frame["y"] > 0 if mapped.open is None else (train.frame["y"] > 0) & (train.frame["open"] == 1)
    if not sold.any():
        report.table(validate.TRAIN, "y", "wanted at least one open day with sales", "none")
    report.raise_if_any(problems_in)
    return _panel(train.frame, ahead.frame if ahead else None, groups, known, mapped)


def _table(report: Report, path: Path, name: str, mapped: Mapped) -> Table:
    """One table in our column names and types; rows that cannot be placed are reported and dropped."""
    wanted = {"store_id": mapped.store_id, "ds": mapped.ds, **mapped.known_ahead()}
    wanted |= {"y": mapped.y} if name == validate.TRAIN else {}
    source = _arrow(path, [mapped.store_id, *(kind.column for kind in mapped.kinds.values())])
    missing = {ours: theirs for ours, theirs in wanted.items() if theirs not in source.column_names}
    for ours, theirs in missing.items():
        report.table(name, ours, f"wanted a column {theirs!r}", f"columns {', '.join(source.column_names)}")
    if missing:
        return Table(name, pd.DataFrame(), pd.DataFrame())
    raw = pd.DataFrame({ours: source[theirs].to_pandas() for ours, theirs in wanted.items()})
    frame = pd.DataFrame({"store_id": raw["store_id"].astype("str").str.strip()})
    frame["ds"] = pd.to_datetime(raw["ds"], errors="coerce", format=None if _is_date(raw["ds"]) else "ISO8601")
    for ours in wanted.keys() - {"store_id", "ds", *mapped.kinds}:
        frame[ours] = pd.to_numeric(raw[ours], errors="coerce").astype(np.float64)
    for ours, kind in mapped.kinds.items():
        # In the history an empty cell is an ordinary day; in the days ahead nobody has said yet.
        text = raw[ours].astype("str").str.strip()
        frame[ours] = text.fillna(kind.none) if name == validate.TRAIN else text
    table = Table(name, frame, raw)
    return table.keep(_check(report, table, mapped))


def _is_date(values: "pd.Series[str]") -> bool:
    """Arrow has already read it as dates."""
    return pd.api.types.is_datetime64_any_dtype(values) or (len(values) > 0 and hasattr(values.iloc[0], "isoformat"))


def _check(report: Report, table: Table, mapped: Mapped) -> BoolArray:
    for name in ("open", *mapped.flags):
        if name in table.frame:
            validate.check_flag(report, table, name)
    for name in mapped.numbers:
        validate.check_number(report, table, name)
    if table.name == validate.TRAIN:
        validate.check_sales(report, table)
    return validate.check_keys(report, table)


def _arrow(path: Path, texts: list[str]) -> pa.Table:
    """Any supported file as an Arrow table; ids and kinds stay text, so that 007 keeps its zeros."""
    try:
        if ".parquet" in path.suffixes:
            return pq.read_table(path)
        options = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        with pa.input_stream(path, compression="detect") as stream:
            return pa.csv.read_csv(stream, convert_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"cannot read {path}: {error}; wanted a CSV (also .gz) or Parquet file with a header"
        ) from error


def _store_table(report: Report, path: Path, mapped: Mapped) -> "pd.Series[str]":
    """Group of each store, by id."""
    source = _arrow(path, [mapped.stores_id, *mapped.group])
    missing = [name for name in (mapped.stores_id, *mapped.group) if name not in source.column_names]
    for name in missing:
        report.table(validate.STORES, name, "wanted this column", f"columns {', '.join(source.column_names)}")
    if missing:
        return pd.Series(dtype="str")
    raw = source.select([mapped.stores_id, *mapped.group]).to_pandas().astype("str").fillna("?")
    ids = raw[mapped.stores_id].str.strip()
    frame = pd.DataFrame({"store_id": ids})
    report.rows(Table(validate.STORES, frame, frame), ids.duplicated(), "store_id", "wanted one row a store")
    groups = raw[list(mapped.group)].agg("/".join, axis=1) if mapped.group else [NO_GROUP] * len(ids)
    return pd.Series(list(groups), index=ids.to_numpy(), dtype="str")


def _all_ids(report: Report, train: Table, ahead: Table | None, groups: "pd.Series[str] | None") -> NameArray:
    """Every store of the chain in natural order; with a store table, all must stand in it."""
    ids: set[str] = set()
    for table in (train, ahead):
        if table is not None:
            ids |= set(table.frame["store_id"].unique())
    if groups is not None:
        ids = set(groups.index)
        for table in (train, ahead):
            if table is not None:
                seen = table.frame["store_id"]
                report.rows(table, ~seen.isin(ids) & ~seen.duplicated(), "store_id", "wanted a row in the store table")
    if train.frame.empty:
        report.table(validate.TRAIN, "store_id", "wanted at least one row", "none")
    names = np.array(sorted(ids), dtype=np.str_)
    return names[natural_order(names)]


def _check_ahead(report: Report, train: Table, ahead: Table) -> None:
    keys = ["store_id", "ds"]
    past = ahead.frame[keys].merge(train.frame[keys], on=keys, how="left", indicator=True)
    report.rows(ahead, past["_merge"] == "both", "ds", "wanted a day after this store's history")


def _panel(
    train: pd.DataFrame,
    ahead: pd.DataFrame | None,
    known_groups: "pd.Series[str] | None",
    ids: NameArray,
    mapped: Mapped,
) -> History:
    first = _day(train["ds"].min())
    last = _day(train["ds"].max())
    through = max(last, _day(ahead["ds"].max())) if ahead is not None and len(ahead) else last
    shape = (len(ids), through - first + 1)
    if mapped.open is None:
        train = train.assign(open=(train["y"] > 0).astype(np.float64))
    frames = [train] if ahead is None else [train, ahead]
    places = [_places(frame, ids, first) for frame in frames]
    columns = _columns(frames, mapped)
    values = {column.name: _fill(column, frames, places, shape) for column in columns}
    sales = np.full((len(ids), last - first + 1), np.nan)
    sales[places[0]] = train["y"].to_numpy(dtype=np.float64)
    groups = np.full(len(ids), NO_GROUP, dtype="U32")
    if known_groups is not None:
        groups = known_groups.reindex(ids).to_numpy(dtype="U32")
    return History(tuple(str(i) for i in ids), groups, sales, build_calendar(columns, values, first, groups))


def _day(timestamp: pd.Timestamp) -> int:
    return int(timestamp.to_datetime64().astype("datetime64[D]").astype(np.int64))


def _places(frame: pd.DataFrame, ids: NameArray, first: int) -> tuple[IntArray, IntArray]:
    """Row and column of each table row in the panel."""
    rows = pd.Index(ids).get_indexer(pd.Index(frame["store_id"]))
    days = frame["ds"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.asarray(rows, dtype=np.int64), days - first


def _columns(frames: list[pd.DataFrame], mapped: Mapped) -> tuple[Column, ...]:
    columns = [Column(OPEN, "flag"), *(Column(name, "flag") for name in mapped.flags)]
    for name, kind in mapped.kinds.items():
        seen = set().union(*(set(frame[name].dropna().unique()) for frame in frames)) - {kind.none}
        if len(seen) > MAX_LABELS:
            raise DataError(f"column {name!r}: wanted at most {MAX_LABELS} kinds, got {len(seen)}: is it a number?")
        columns.append(Column(name, "kind", (kind.none, *sorted(seen))))
    return (*columns, *(Column(name, "number") for name in mapped.numbers))


def _fill(
    column: Column, frames: list[pd.DataFrame], places: list[tuple[IntArray, IntArray]], shape: tuple[int, int]
) -> AnyArray:
    """One column's panel, unknown where no table says."""
    if column.type == "number":
        panel: AnyArray = np.full(shape, np.nan, dtype=np.float32)
    else:
        panel = np.full(shape, UNKNOWN, dtype=np.uint8)
    codes: Mapping[str, int] = {label: code for code, label in enumerate(column.labels)}
    for frame, place in zip(frames, places, strict=True):
        if column.name not in frame:
            continue
        values = frame[column.name].map(codes) if column.type == "kind" else frame[column.name]
        numbers = values.to_numpy(dtype=np.float64)
        panel[place] = numbers if column.type == "number" else np.where(np.isnan(numbers), UNKNOWN, numbers)
    return panel
