"""Counters of all workers, on one metrics page."""
