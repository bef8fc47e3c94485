"""The inference graph: described, validated, rendered, and run on this machine."""
