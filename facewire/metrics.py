"""Count and time what a service does, as Prometheus metrics and as figures for its heartbeat."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
WINDOW = 300
NS_PER_S = 1_000_000_000


class Metrics:
    """The metrics of one service, in a registry of their own.

    Args:
        service: the service's name; prefixes every metric.
    """

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        name = f"facewire_{service.replace('-', '_')}"
        self._stage = Histogram(
            f"{name}_stage_seconds", "Time a stage took", ["stage"], registry=self.registry, buckets=BUCKETS_S
        )
        self._latency = Histogram(
            f"{name}_latency_seconds",
            "From capture to this service's output",
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self._handled = Counter(f"{name}_handled", "Messages handled", ["camera"], registry=self.registry)
        self._dropped = Counter(f"{name}_dropped", "Messages or work dropped", ["reason"], registry=self.registry)
        self._rejected = Counter(f"{name}_rejected", "Messages refused", ["reason"], registry=self.registry)
        self._errors = Counter(f"{name}_errors", "Errors survived", ["kind"], registry=self.registry)
        self._counted = Counter(f"{name}_counted", "Other things counted", ["what"], registry=self.registry)
        self._gauge = Gauge(f"{name}_value", "Figures of this service", ["name"], registry=self.registry)
        self._done: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._shown: dict[str, float] = {"dropped": 0}

    def serve(self, port: int) -> None:
        """Answer `/metrics` on a port, from a thread of its own."""
        start_http_server(port, registry=self.registry)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as one stage."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self._stage.labels(name).observe(time.perf_counter() - started_s)

    def handled(self, camera: str, captured_ns: int) -> None:
        """Count one message as handled now, and how long after its capture that is."""
        latency_s = max(0.0, (time.time_ns() - captured_ns) / NS_PER_S)
        self._handled.labels(camera).inc()
        self._latency.observe(latency_s)
        self._done.append((time.monotonic(), latency_s))

    def dropped(self, reason: str, count: int = 1) -> None:
        """Count work that was dropped on purpose."""
        self._dropped.labels(reason).inc(count)
        self._shown["dropped"] += count

    def rejected(self, reason: str) -> None:
        """Count a message that was refused."""
        self._rejected.labels(reason).inc()

    def error(self, kind: str) -> None:
        """Count an error that the service survived."""
        self._errors.labels(kind).inc()

    def count(self, what: str, count: int = 1) -> None:
        """Count something that is worth counting."""
        self._counted.labels(what).inc(count)

    def set(self, name: str, value: float) -> None:
        """Show a figure as it is now, in the heartbeat too."""
        self._gauge.labels(name).set(value)
        self._shown[name] = round(value, 3)

    def figures(self) -> dict[str, float]:
        """Return fps and latency percentiles of the last ten seconds, and what is shown, for the heartbeat."""
        now_s = time.monotonic()
        recent = [(at_s, latency_s) for at_s, latency_s in tuple(self._done) if now_s - at_s <= 10]
        if len(recent) < 2:
            return {"fps": 0.0, **self._shown}
        span_s = max(now_s - recent[0][0], 1e-3)
        ordered = sorted(latency_s for _, latency_s in recent)
        return {
            "fps": round(len(recent) / span_s, 2),
            "latency_p50_ms": round(percentile(ordered, 50) * 1000, 2),
            "latency_p95_ms": round(percentile(ordered, 95) * 1000, 2),
            **self._shown,
        }


def percentile(ordered: list[float], percent: float) -> float:
    """Return the nearest-rank percentile of values that are already in order and not empty."""
    rank = min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered)) - 1))
    return ordered[rank]
