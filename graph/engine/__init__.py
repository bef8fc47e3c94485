"""A local stand-in for Seldon Core's executor 1.17.1 (REST, protocol seldon): the same bytes for the same graph."""

from graph.engine.config import EngineConfig
from graph.engine.engine import GraphEngine

__all__ = ["EngineConfig", "GraphEngine"]
