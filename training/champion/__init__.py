"""The new fleet against the champion: the gates, and parameters that are reused."""
