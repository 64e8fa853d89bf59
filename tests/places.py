"""Where set-up put what tests need; `scripts/setup test` makes all of it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".facewire"
MODELS = KEPT / "models"
DEMO = KEPT / "demo"
CACHE = KEPT / "cache"
