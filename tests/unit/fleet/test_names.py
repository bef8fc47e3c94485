"""Names in MLflow and their inverses."""

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
