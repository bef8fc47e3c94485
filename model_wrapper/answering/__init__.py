"""One request: plan its lines, forecast them, encode them, and make the message; merge the answers of children."""
