"""What the watching process of a local run is told by its environment; `runner.plan` sets it."""

from pathlib import Path

from pydantic import Field

from facewire.settings import Settings


class WatchSettings(Settings):
    """Settings of `runner.watch`."""

    mqtt_port: int = Field(1883, examples=[1883])
    web_port: int = Field(8080, examples=[8080])
    run_duration_s: float | None = Field(None, gt=0, examples=[60])
    run_summary: Path | None = Field(None, examples=["summary.json"])
    run_open_browser: bool = Field(default=False, examples=[1])
