"""What the engine works on: nodes, payloads, headers and errors."""
