"""Every name, tag, filter and page size of ours in MLflow: what a training writes, serving reads by the same words."""

from urllib.parse import quote, unquote

from fleet.errors import NameSyntaxError

FLEET_MODEL = "storecast-fleet"
"""Registered model that holds one version a training run."""

FLEET_ARTIFACT = "fleet"
"""Artifact name of the fleet directory, which MLflow puts into the folder `artifacts` of a registered version."""

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

EXPERIMENT = "storecast-training"

GATE_TAG = "storecast.gate"
"""Tag of a fleet version: why it is champion, challenger or neither."""

OWN_MODELS_TAG = "storecast.own_models"
"""Tag of a fleet version: JSON, store id -> version of the store's own model; absent where it brought none."""

TRANSFORM_TAG = "storecast.transform"
"""Tag of a version of a store's own model: the scale that it was fitted on; absent: `identity`."""

FLEET_FILTER = f"name='{FLEET_MODEL}'"
"""Finds the fleet's registered model, and its versions."""

_STORE_PREFIX = "prophet-retail-forecaster-store-"

STORES_FILTER = f"name LIKE '{_STORE_PREFIX}%'"
"""Finds the registered models of stores; `store_id_of` tells which of them really are."""

STORES_A_PAGE = 1000

MODEL_SCHEME = "models:/"


def store_model_name(store_id: str) -> str:
    """Registered name of one store's own Prophet model; characters that MLflow refuses are percent-encoded."""
    return _STORE_PREFIX + quote(store_id, safe=" ")


def store_id_of(model_name: str) -> str:
    """Store id of a registered name: the inverse of `store_model_name`.

    Raises: NameSyntaxError: the name has another prefix, or is not what `store_model_name` writes.
    """
    store_id = unquote(model_name.removeprefix(_STORE_PREFIX))
    if not model_name.startswith(_STORE_PREFIX) or store_model_name(store_id) != model_name:
        raise NameSyntaxError(f"wanted a name like {_STORE_PREFIX}4, got {model_name!r}")
    return store_id


def alias_uri(model: str, alias: str) -> str:
    """URI of the version that an alias points to: `models:/storecast-fleet@champion`."""
    return f"{MODEL_SCHEME}{model}@{alias}"


def version_uri(model: str, version: str | int) -> str:
    """URI of one version: `models:/storecast-fleet/3`."""
    return f"{MODEL_SCHEME}{model}/{version}"


def parse_model_uri(uri: str) -> tuple[str, str | None, str | None]:
    """Model name, alias and version of a `models:/` URI; exactly one of alias and version is not None.

    Raises: NameSyntaxError: not of the form `models:/name@alias` or `models:/name/version`.
    """
    name, at, alias = uri.removeprefix(MODEL_SCHEME).partition("@")
    if not at:
        name, _, version = uri.removeprefix(MODEL_SCHEME).partition("/")
    else:
        version = ""
    good = uri.startswith(MODEL_SCHEME) and name and "/" not in name and (alias or (version and version.isdecimal()))
    if not good or "/" in alias:
        raise NameSyntaxError(f"wanted models:/NAME@ALIAS or models:/NAME/VERSION, got {uri!r}")
    return name, alias or None, version or None
