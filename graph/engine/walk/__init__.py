"""The ways through a graph: predictions, feedback, status and metadata."""
