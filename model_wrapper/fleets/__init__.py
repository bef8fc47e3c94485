"""Which fleet is served: where it is, whether it may be served, and its replacement while requests run."""
