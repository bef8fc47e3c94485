"""Requests through the graph: predictions, feedback, readiness and metadata."""
