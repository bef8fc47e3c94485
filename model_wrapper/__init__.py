"""What runs in the graph's containers: the request and response contract, and the Seldon classes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_wrapper.components.forecasters import ChallengerForecaster, FallbackForecaster, StoreForecaster
    from model_wrapper.components.router import StoreRouter

__all__ = ["ChallengerForecaster", "FallbackForecaster", "StoreForecaster", "StoreRouter"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of the classes below
    # Loaded when first asked for: reading the contract must not cost the serving classes.
    if name in {"ChallengerForecaster", "FallbackForecaster", "StoreForecaster"}:
        from model_wrapper.components import forecasters  # noqa: PLC0415

        return getattr(forecasters, name)
    if name == "StoreRouter":
        from model_wrapper.components.router import StoreRouter  # noqa: PLC0415

        return StoreRouter
    raise AttributeError(f"model_wrapper has no {name}: wanted one of {', '.join(__all__)}")
