"""What is found in a registered version, and among registered models."""

from pathlib import Path
from typing import Any, NamedTuple

from fleet.mlflow.versions import fleet_inside, models_of_stores
from fleet.names import STORES_A_PAGE, STORES_FILTER, store_model_name
from fleet.storage import MANIFEST


def test_the_fleet_of_a_version_is_the_one_nearest_to_its_root_wherever_that_is(tmp_path: Path) -> None:
    assert fleet_inside(tmp_path) is None
    deep, near = tmp_path / "a" / "deeper" / "fleet", tmp_path / "artifacts" / "fleet"
    for folder in (deep, near):
        folder.mkdir(parents=True)
        (folder / MANIFEST).touch()
    assert fleet_inside(tmp_path) == near


class Model(NamedTuple):
    """A registered model."""

    name: str


class Page(list[Model]):
    """Some of the models; `token`: of the next page."""

    token: str | None = None


class PagedClient:
    """Answers two models a page."""

    def __init__(self, *names: str) -> None:
        self.models = [Model(name) for name in names]

    def search_registered_models(self, filter_string: str, max_results: int, page_token: str | None) -> Page:
        assert (filter_string, max_results) == (STORES_FILTER, STORES_A_PAGE)
        first = int(page_token or 0)
        page = Page(self.models[first : first + 2])
        page.token = str(first + 2) if first + 2 < len(self.models) else None
        return page


def test_models_of_stores_are_found_on_every_page_and_no_others_are() -> None:
    names = [store_model_name(store_id) for store_id in ("1", "a b", "4")]
    client: Any = PagedClient(names[0], "prophet-retail-forecaster-store-a&b", *names[1:], "another model")
    assert [model.name for model in models_of_stores(client)] == names
