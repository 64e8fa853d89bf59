"""Put a run into figures that a program can judge."""

from collections.abc import Iterable, Mapping
from typing import Any

from facewire.metrics import percentile
from runner.observing import Seen

SERVERS = ("bus", "store", "mqtt")


def summarise(
    seen: Seen,
    newest_seqs: Mapping[str, int],
    seconds: float,
    cpu_s: float,
    peak_mb: Mapping[str, float],
    first_seqs: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the summary of a run.

    Args:
        seen: what was observed.
        newest_seqs: per camera, the last frame captured when observing ended.
        seconds: how long was observed.
        cpu_s: CPU seconds that all services together used meanwhile.
        peak_mb: peak resident memory of each service.
        first_seqs: per camera, the last frame captured when observing began.
    """
    cameras = _cameras(seen, newest_seqs, first_seqs or {})
    captured = sum(camera["captured"] for camera in cameras)
    tracked = sum(map(len, seen.seqs.values()))
    services = {name: round(megabytes, 1) for name, megabytes in sorted(peak_mb.items())}
    python_mb = sum(megabytes for name, megabytes in peak_mb.items() if name not in SERVERS)
    return {
        "frames": {
            "captured": captured,
            "detected": seen.detected,
            "tracked": tracked,
            "lost": sum(camera["lost"] for camera in cameras),
        },
        "cameras": [
            {"name": camera["name"], "fps": round(camera["tracked"] / max(seconds, 1e-9), 2), "lost": camera["lost"]}
            for camera in cameras
        ],
        "seconds": round(seconds, 2),
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


def _cameras(seen: Seen, newest: Mapping[str, int], first: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the frames captured, tracked and lost of each camera; one without any tracks lost all its frames."""
    rows = []
    for name in sorted(newest.keys() & (seen.seqs.keys() | first.keys())):
        seqs = seen.seqs.get(name, [])
        captured = newest[name] - seqs[0] + 1 if seqs else newest[name] - first[name]
        # The frame in flight when observing ended is not lost.
        rows.append(
            {"name": name, "captured": captured, "tracked": len(seqs), "lost": max(0, captured - len(seqs) - 1)}
        )
    return rows


def _percentiles(values_ms: Iterable[float]) -> dict[str, float | None]:
    ordered = sorted(values_ms)
    if not ordered:
        return {"p50": None, "p95": None}
    return {"p50": round(percentile(ordered, 50), 2), "p95": round(percentile(ordered, 95), 2)}
