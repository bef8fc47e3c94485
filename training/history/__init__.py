"""Checked rows as a panel, stores by days, and what is read off it: opening days, zero sales, the naive baseline."""
