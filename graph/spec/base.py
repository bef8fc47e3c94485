"""The base of every model of a Kubernetes object: strict, frozen, named on the wire as Kubernetes names it."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from graph.spec.quantity import parse_quantity

JsonObject = dict[str, JsonValue]
IntOrString = int | str


def _quantity(value: int | str) -> int | str:
    try:
        parse_quantity(value)
    except ValueError:
        raise PydanticCustomError("quantity", "a quantity such as 250m, 1 or 512Mi") from None
    return value


Quantity = Annotated[IntOrString, AfterValidator(_quantity)]


class KubernetesModel(BaseModel):
    """A part of a Kubernetes object. Unknown fields, wrong types and missing required fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @classmethod
    def from_wire(cls, document: Mapping[str, Any]) -> Self:
        """The typed form of a parsed YAML or JSON document.

        Only the names on the wire count: `modelUri`, not `model_uri`.

        Raises: pydantic.ValidationError: every unknown, missing or wrongly typed field, with its path.
        """
        return cls.model_validate(document, by_alias=True, by_name=False)

    def to_wire(self) -> dict[str, Any]:
        """The JSON form: exactly the fields that were given, in the order of the model."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


class ObjectMeta(KubernetesModel):
    """Name, place and labels of an object. What the API server adds is read, so that a dumped object loads."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)
    owner_references: list[JsonObject] = Field(default_factory=list)
    managed_fields: list[JsonObject] = Field(default_factory=list)
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    generation: int | None = None
    resource_version: str | None = None
    self_link: str | None = None
    uid: str | None = None
