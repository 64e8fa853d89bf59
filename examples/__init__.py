"""Networks in PyTorch that `python -m detector convert` turns into libraries; see docs/convert.md."""
