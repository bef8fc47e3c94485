"""Messages that a careless or hostile client may send: any JSON, and near misses of what we read."""

from hypothesis import strategies as st

DAYS = st.dates().map(str) | st.sampled_from(["2015-06-20", "2015-06-26", "1700-01-01", "2200-12-31"])
OVERRIDES = st.dictionaries(
    st.sampled_from(["promo", "open", "x"]), st.dictionaries(DAYS, st.integers(0, 2) | st.text())
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ITEM = st.fixed_dictionaries(
    {"storeId": st.sampled_from(["1", "3", "*", "x", 4]) | st.text(min_size=1)},
    optional={"beginDate": DAYS, "endDate": DAYS, "level": st.floats(0.5, 0.99), "overrides": OVERRIDES},
)
NEAR_MISS = ITEM | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("storeId", "store_id", "beginDate", "begin_date", "endDate", "level", "overrides", "other"), JSON
    ),
)
NEAR_TABLE = st.fixed_dictionaries(
    {},
    optional={
        "names": JSON | st.lists(st.sampled_from(["store_id", "begin_date", "level", "x"])),
        "ndarray": JSON | st.lists(st.lists(JSON, max_size=3), max_size=3),
    },
)
NEAR_META = st.fixed_dictionaries(
    {},
    optional={
        "puid": st.text(),
        "tags": st.dictionaries(st.sampled_from(["errors", "storecast", "fleet_version"]) | st.text(), JSON),
        "requestPath": st.dictionaries(st.text(), JSON),
        "routing": JSON,
        "metrics": JSON,
    },
)

PAYLOADS = {"jsonData": JSON | NEAR_MISS | st.lists(NEAR_MISS), "data": NEAR_TABLE, "meta": JSON | NEAR_META}
MESSAGES = JSON | st.fixed_dictionaries({}, optional=PAYLOADS)
