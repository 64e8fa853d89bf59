"""The library that every facewire service shares: messages, streams, settings, health, metrics, log."""
