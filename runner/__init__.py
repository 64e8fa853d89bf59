"""The stack as processes on one host, for a machine without Docker: what `scripts/run` starts."""
