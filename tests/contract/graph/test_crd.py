"""Our validation is nowhere looser than the schema of the real CRD, by its types and by what it refuses."""

import gzip
import os
import types
import typing
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from support.graph.broken_documents import PLUGIN_VOLUMES, broken, rich_document

from graph.spec.base import KubernetesModel
from graph.spec.deployment import SeldonDeployment
from graph.validation.validate import problems

KINDS = {str: "string", int: "integer", bool: "boolean"}
NUMBER_OR_TEXT = {int, str}
# What the API server writes; and quantities that a rule of ours reads, to name the container in its message.
NOT_OURS = (".metadata", ".status")
READ_BY_RULES = ("resources.limits{}", "resources.requests{}", "engineResources.limits{}", "engineResources.requests{}")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    path = os.environ.get("SELDON_CRD", "")
    if not path:
        pytest.skip("SELDON_CRD does not name the file of Seldon's CRD (YAML, or YAML in gzip)")
    raw = Path(path).read_bytes()
    versions = yaml.load(gzip.decompress(raw) if path.endswith(".gz") else raw, Loader=yaml.CSafeLoader)["spec"][
        "versions"
    ]
    found: dict[str, Any] = next(each for each in versions if each["name"] == "v1")["schema"]["openAPIV3Schema"]
    return found


def looser(schema: dict[str, Any], kind: Any, path: str, depth: int = 0) -> Iterator[str]:  # noqa: ANN401 - a type
    """Where `kind` takes what the schema refuses."""
    if path.endswith(NOT_OURS) or depth > 20:
        return
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        given = {each for each in arguments if each is not type(None)}
        yield from looser_number(schema, path) if given == NUMBER_OR_TEXT else looser(schema, given.pop(), path, depth)
    elif isinstance(kind, type) and issubclass(kind, KubernetesModel):
        yield from looser_object(schema, kind, path, depth)
    elif origin is list:
        yield from looser(schema["items"], arguments[0], f"{path}[]", depth + 1)
    elif origin is dict and "properties" not in schema:
        yield from looser(schema["additionalProperties"], arguments[1], f"{path}{{}}", depth + 1)
    elif origin is not typing.Annotated and schema.get("type") != KINDS.get(kind):
        yield f"{path}: {schema.get('type')}, ours {kind}"


def looser_number(schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("x-kubernetes-int-or-string"):
        yield f"{path}: {schema.get('type')}, ours a number or a text"
    if "pattern" in schema and not path.endswith(READ_BY_RULES):
        yield f"{path}: a quantity, ours any text"


def looser_object(schema: dict[str, Any], kind: type[KubernetesModel], path: str, depth: int) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    yield from (f"{path}.{name}: unknown to the CRD" for name in fields.keys() - schema["properties"].keys())
    for name in fields.keys() & set(schema.get("required", ())):
        if not fields[name].is_required():
            yield f"{path}.{name}: required by the CRD"
    for name in fields.keys() & schema["properties"].keys():
        annotation = fields[name].rebuild_annotation()
        yield from looser(schema["properties"][name], annotation, f"{path}.{name}", depth + 1)


def test_no_field_is_looser_than_in_the_crd(schema: dict[str, Any]) -> None:
    # The CRD stops at ten levels of children, which a rule of ours does, too.
    found = [each for each in looser(schema, SeldonDeployment, "") if ".children[].children[]" not in each]
    assert found == []


def left_out(schema: dict[str, Any], kind: Any, path: str, depth: int = 0) -> Iterator[str]:  # noqa: ANN401 - a type
    """The fields of the CRD that our types do not have."""
    if path.endswith(NOT_OURS) or depth > 20 or ".children.children" in path:
        return
    for each in typing.get_args(kind):
        yield from left_out(schema.get("items", schema), each, path, depth)
    if isinstance(kind, type) and issubclass(kind, KubernetesModel) and "properties" in schema:
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        yield from (f"{path}.{name}" for name in schema["properties"].keys() - fields.keys())
        for name in fields.keys() & schema["properties"].keys():
            yield from left_out(
                schema["properties"][name], fields[name].rebuild_annotation(), f"{path}.{name}", depth + 1
            )


def test_our_types_have_every_field_of_the_crd(schema: dict[str, Any]) -> None:
    assert list(left_out(schema, SeldonDeployment, "")) == []


@given(document=broken())
def test_what_the_crd_refuses_we_refuse(strict: jsonschema.Draft202012Validator, document: dict[str, Any]) -> None:
    refused = next(strict.iter_errors(document), None)
    assert refused is None or problems(document) != []


def test_the_crd_takes_the_document_that_the_others_are_made_of(strict: jsonschema.Draft202012Validator) -> None:
    assert list(strict.iter_errors(rich_document())) == []
    assert problems(rich_document()) == []


@pytest.mark.parametrize("kind", PLUGIN_VOLUMES)
def test_the_crd_takes_a_volume_of_each_plugin(strict: jsonschema.Draft202012Validator, kind: str) -> None:
    document = rich_document()
    pod = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]
    pod["volumes"] = [{"name": "v", kind: PLUGIN_VOLUMES[kind]}]
    assert list(strict.iter_errors(document)) == []


@pytest.fixture(scope="module")
def strict(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """Checks as strict field validation does. The metadata is the API server's own matter."""
    closed = deepcopy(schema)
    close(closed)
    closed["properties"]["metadata"] = {"type": "object"}
    return jsonschema.Draft202012Validator(closed)


def close(schema: object) -> None:
    """Leave no room for unknown fields."""
    below = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for each in list(below):
        close(each)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
