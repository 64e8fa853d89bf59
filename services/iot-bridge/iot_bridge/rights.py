"""Know the topics on which the broker refuses messages, and show them."""

from threading import Lock
from time import monotonic

from facewire.heartbeat import Heartbeat
from facewire.log import Log, Seldom
from facewire.metrics import Metrics
from iot_bridge.receipts import NOT_ECHOED, Receipt

WAIT = "mqtt rights"
MOST_SHOWN = 3
MOST_KEPT = 1000
SHOWN_S = 600.0
"""What is refused and not tried again, as a rule's command, is shown for so long."""
REASONS = {
    0x80: "unspecified error",
    0x83: "implementation specific error",
    0x87: "not authorized",
    0x90: "topic name invalid",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
    NOT_ECHOED: "confirmed, and not delivered to its readers",
}


class Rights:
    """The topics that are refused.

    Args:
        heartbeat: shows them.
        metrics: counts refused messages.
        log: told once a minute of each.
    """

    def __init__(self, heartbeat: Heartbeat, metrics: Metrics, log: Log) -> None:
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._log = log
        self._seldom = Seldom()
        self._lock = Lock()
        self._refused: dict[str, tuple[str, float]] = {}
        self._shown = False

    def __contains__(self, topic: str) -> bool:
        return topic in self._refused

    def take(self, receipt: Receipt) -> None:
        """Take in the broker's answer to a message."""
        topic, code = receipt.publication.topic, receipt.code or 0
        if not receipt.refused:
            if topic in self._refused:
                with self._lock:
                    self._refused.pop(topic, None)
                self._log.info("the broker takes messages again", topic=topic)
                self._show()
            return
        reason = REASONS.get(code, f"reason code {code}")
        self._metrics.error("mqtt_refused")
        with self._lock:
            if len(self._refused) < MOST_KEPT:
                self._refused[topic] = reason, monotonic()
        self._show()
        if self._seldom.due(topic, monotonic()):
            self._log.warning("the broker refuses messages; allow them in its ACL", topic=topic, reason=reason)

    def expire(self, now_s: float) -> None:
        """Forget refusals that are old; called often."""
        if not self._refused:
            return
        with self._lock:
            self._refused = {topic: each for topic, each in self._refused.items() if now_s - each[1] <= SHOWN_S}
        self._show()

    def _show(self) -> None:
        with self._lock:
            refused = dict(self._refused)
        if not refused:
            if self._shown:
                self._heartbeat.ready(WAIT)
            self._shown = False
            return
        self._shown = True
        # Events first: they wait for it.
        topics = sorted(refused, key=lambda topic: (not topic.endswith("/event"), topic))
        shown = ", ".join(f"{topic} ({refused[topic][0]})" for topic in topics[:MOST_SHOWN])
        more = f" and {len(topics) - MOST_SHOWN} more" if len(topics) > MOST_SHOWN else ""
        self._heartbeat.waiting(WAIT, f"the broker's permission to publish on {shown}{more}; allow it in its ACL")
