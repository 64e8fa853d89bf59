"""What the watching process of a local run is told by its environment; `runner.plan` sets it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from marshmallow.fields import Boolean, Float
from marshmallow.validate import Range

from facewire.settings import PATH, PORT, Settings, Told


@dataclass(frozen=True, kw_only=True)
class WatchSettings(Settings):
    """Settings of `runner.watch`."""

    mqtt_port: Annotated[int, Told(PORT, 1883)] = 1883
    web_port: Annotated[int, Told(PORT, 8080)] = 8080
    run_duration_s: Annotated[float | None, Told(Float(validate=Range(0, min_inclusive=False)), 60)] = None
    run_summary: Annotated[Path | None, Told(PATH, "summary.json")] = None
    run_open_browser: Annotated[bool, Told(Boolean(), 1)] = False
