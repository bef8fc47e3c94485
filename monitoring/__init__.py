"""What watches a running graph: the log of its forecasts."""
