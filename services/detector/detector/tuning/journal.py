"""Keep what was measured, a line each as it comes, so that whoever is interrupted goes on where they were."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector.compiling.tasks import Tiles


class Journal:
    """Measurements of one kind of vector unit and number of threads on one host.

    Args:
        path: the file; it is made on the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times: dict[str, dict[str, float | None]] = {}
        self._done: dict[str, int] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            self._take(line)

    def times(self, task: str) -> Mapping[str, float | None]:
        """Return what was measured for a task, in ms; None stands for what failed."""
        return self._times.get(task, {})

    def add(self, task: str, tiles: Tiles, spent_ms: float | None) -> None:
        """Keep one measurement."""
        self._write({"task": task, "tiles": key_of(tiles), "ms": spent_ms})

    def is_done(self, task: str, trials: int) -> bool:
        """Say whether a search of at least so many trials ended."""
        return self._done.get(task, -1) >= trials

    def conclude(self, task: str, trials: int) -> None:
        """Keep that a search ended."""
        self._write({"task": task, "trials": trials})

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
        self._take(text)

    def _take(self, text: str) -> None:
        try:
            line = json.loads(text)
            if "trials" in line:
                self._done[line["task"]] = int(line["trials"])
            else:
                self._times.setdefault(line["task"], {})[line["tiles"]] = line["ms"]
        except (ValueError, KeyError, TypeError):
            # The end of a line is missing where the machine lost power.
            return


def key_of(tiles: Tiles) -> str:
    """Return tiles as text that equal tiles share."""
    return json.dumps({name: list(tiles[name]) for name in sorted(tiles)})
