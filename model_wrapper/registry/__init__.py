"""The MLflow registry: what it says now, and what is downloaded from it into the cache."""
