"""HTTP requests before Seldon's code sees them, and JSON."""
