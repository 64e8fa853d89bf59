"""The dashboard: live view with boxes and IDs, health and history in the browser."""
