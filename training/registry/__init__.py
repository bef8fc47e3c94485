"""Fleets in MLflow: registered versions, their aliases, promotion and rollback."""
