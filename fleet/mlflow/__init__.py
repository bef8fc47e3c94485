"""The fleet in MLflow: as a pyfunc, and a registry in a local file."""
