"""Names in MLflow and their inverses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import NameSyntaxError, names


@given(st.text(min_size=1, max_size=40))
def test_a_store_is_found_again_from_its_models_name(store_id: str) -> None:
    try:
        name = names.store_model_name(store_id)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert names.store_id_of(name) == store_id
    assert "/" not in name
    assert ":" not in name


def test_the_books_name_is_kept_for_plain_ids() -> None:
    assert names.store_model_name("4") == "prophet-retail-forecaster-store-4"


@pytest.mark.parametrize("name", ["", "4", "storecast-fleet", "prophet-retail-forecaster-store-a/b"])
def test_another_models_name_is_refused(name: str) -> None:
    with pytest.raises(NameSyntaxError, match="prophet-retail-forecaster-store-4"):
        names.store_id_of(name)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        (names.alias_uri(names.FLEET_MODEL, names.CHAMPION), ("storecast-fleet", "champion", None)),
        (names.version_uri(names.FLEET_MODEL, 3), ("storecast-fleet", None, "3")),
    ],
)
def test_a_uri_is_read_back(uri: str, parts: tuple[str, str | None, str | None]) -> None:
    assert names.parse_model_uri(uri) == parts


@pytest.mark.parametrize(
    "uri", ["storecast-fleet@champion", "models:/", "models:/a", "models:/a/b", "models:/a@", "models:/a/1@x"]
)
def test_a_uri_of_another_form_is_refused(uri: str) -> None:
    with pytest.raises(NameSyntaxError, match="models:/NAME@ALIAS"):
        names.parse_model_uri(uri)


ROOMS = ("fleet", "training", "model_wrapper", "graph", "monitoring", "storecast")
HOUSE = Path(names.__file__).parents[1]
MODULES = sorted(path for room in ROOMS for path in (HOUSE / room).rglob("*.py"))
WRITTEN = {
    value
    for name, value in vars(names).items()
    if isinstance(value, str) and not name.startswith("__") and re.search(r"\W", value)
}
"""What this project writes into MLflow, but for plain words such as an alias."""


def literals(module: Path) -> Iterator[str]:
    """Every text in a module, those of f-strings in pieces."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_name_tag_or_filter_of_mlflow_stands_twice() -> None:
    assert {names.FLEET_MODEL, names.GATE_TAG, names.OWN_MODELS_TAG, names.TRANSFORM_TAG, names.EXPERIMENT} <= WRITTEN
    again = {
        (str(module.relative_to(HOUSE)), text)
        for module in MODULES
        if module != Path(names.__file__)
        for text in literals(module)
        if text in WRITTEN or text.startswith(("name LIKE", "name="))
    }
    # A fleet directory has a format, which happens to be called as the registered model is.
    assert again == {("fleet/storage.py", names.FLEET_MODEL)}


def test_no_page_size_of_mlflow_stands_where_it_is_used() -> None:
    calls = [
        node for module in MODULES for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)
    ]
    sizes = [key.value for call in calls for key in call.keywords if key.arg == "max_results"]
    assert sizes
    assert not [size for size in sizes if isinstance(size, ast.Constant)]
