"""Metrics, request log events and traces of the engine."""
