"""Put a run into figures that a program can judge."""

from collections.abc import Iterable, Mapping
from typing import Any

from facewire.metrics import percentile
from runner.observing import Seen

SERVERS = ("bus", "store", "mqtt")


def summarise(
    seen: Seen, newest_seqs: Mapping[str, int], seconds: float, cpu_s: float, peak_mb: Mapping[str, float]
) -> dict[str, Any]:
    """Return the summary of a run.

    Args:
        seen: what was observed.
        newest_seqs: per camera, the last frame captured when observing ended.
        seconds: how long was observed.
        cpu_s: CPU seconds that all services together used meanwhile.
        peak_mb: peak resident memory of each service.
    """
    captured = sum(newest_seqs[camera] - seqs[0] + 1 for camera, seqs in seen.seqs.items() if camera in newest_seqs)
    tracked = sum(map(len, seen.seqs.values()))
    services = {name: round(megabytes, 1) for name, megabytes in sorted(peak_mb.items())}
    python_mb = sum(megabytes for name, megabytes in peak_mb.items() if name not in SERVERS)
    return {
        "frames": {
            "captured": captured,
            "detected": seen.detected,
            "tracked": tracked,
            # The frame in flight when observing ended is not lost.
            "lost": max(0, captured - tracked - len(seen.seqs)),
        },
        "fps": round(tracked / max(seconds, 1e-9), 2),
        "latency_ms": {
            "capture_to_tracks": _percentiles(seen.tracks_ms),
            "capture_to_mqtt": _percentiles(seen.mqtt_ms),
        },
        "mqtt_messages": seen.mqtt_messages,
        "faces_seen": len(seen.faces),
        "cpu_cores": round(cpu_s / max(seconds, 1e-9), 3),
        "peak_rss_mb": {**services, "total": round(python_mb, 1)},
    }


def _percentiles(values_ms: Iterable[float]) -> dict[str, float | None]:
    ordered = sorted(values_ms)
    if not ordered:
        return {"p50": None, "p95": None}
    return {"p50": round(percentile(ordered, 50), 2), "p95": round(percentile(ordered, 95), 2)}
