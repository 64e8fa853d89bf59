"""Capture: turns any camera, file or the demo clip into fresh, time-stamped frames."""
