"""Locks: who may open which, on what evidence, and what was decided."""
