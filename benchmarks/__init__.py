"""Measurements behind every figure that facewire claims: `scripts/bench NAME`."""
