"""Follow messages until the broker has confirmed or refused them, or has delivered them back."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition
from time import monotonic

from iot_bridge.topics import Publication

ANSWERS_KEPT = 256
FIRST_FAILURE = 0x80
NOT_ECHOED = 0x100
"""Not a code of MQTT: a broker of MQTT 3.1.1 confirmed a message and did not deliver it to its subscribers."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the broker's answers are waited for, in seconds.

    Args:
        answers_s: to CONNECT and SUBSCRIBE.
        confirms_s: to messages of QoS 1, and by so much longer with each connection that waited in vain.
        longest_confirms_s: the most that becomes of it.
        echoes_s: until a confirmed message comes back.
    """

    answers_s: float = 5.0
    confirms_s: float = 8.0
    longest_confirms_s: float = 24.0
    echoes_s: float = 3.0

    def after(self, confirms_s: float, *, in_vain: bool) -> float:
        """Return how long the next connection waits for confirmations."""
        return min(confirms_s + self.confirms_s, self.longest_confirms_s) if in_vain else self.confirms_s


@dataclass(eq=False, slots=True)
class Receipt:
    """A message whose confirmation is awaited.

    Args:
        publication: the message.
        at_s: when it was sent.
        echoes: it must come back, too.
        acked: the broker confirmed it, or it is of QoS 0.
        code: the broker's reason code; None until it is known.
    """

    publication: Publication
    at_s: float
    echoes: bool = False
    acked: bool = False
    code: int | None = None

    @property
    def refused(self) -> bool:
        """Whether the broker refused the message."""
        return self.code is not None and self.code >= FIRST_FAILURE


class Receipts:
    """The messages of one connection that are not answered yet.

    Args:
        answered: called with each message once its code is known, from paho's thread or the sender's; it must not
            publish.
        confirms_s: how long confirmations are waited for.
        echoes_s: how long messages that come back are waited for.
    """

    def __init__(self, answered: Callable[[Receipt], None], confirms_s: float, echoes_s: float) -> None:
        self._answered = answered
        self.changed = Condition()
        self.any_confirmed = False
        self._confirms_s, self._echoes_s = confirms_s, echoes_s
        self._waiting: dict[int, Receipt] = {}
        self._echoes: dict[str, Receipt] = {}
        self._early: OrderedDict[int, int] = OrderedDict()
        self._answer_s = monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    def expect_echo(self, receipt: Receipt) -> None:
        """Await that a message comes back, before it is sent; an older one of its topic need not any more."""
        with self.changed:
            older = self._echoes.get(receipt.publication.topic)
            self._echoes[receipt.publication.topic] = receipt
            if older is not None:
                older.echoes = False
        if older is not None and older.acked and older.code is None:
            self._settle(older, 0)

    def sent(self, receipt: Receipt, mid: int) -> None:
        """Await the confirmation of a message that was sent with QoS 1."""
        with self.changed:
            early = self._early.pop(mid, None)
            if early is None:
                self._waiting[mid] = receipt
        if early is not None:
            self._confirm(receipt, early)

    def confirmed(self, mid: int, code: int) -> None:
        """Take in a confirmation."""
        with self.changed:
            receipt = self._waiting.pop(mid, None)
            if receipt is None:
                # It was faster than the sender; or it is of QoS 0, and nobody will ask.
                self._early[mid] = code
                if len(self._early) > ANSWERS_KEPT:
                    self._early.popitem(last=False)
        if receipt is not None:
            self._confirm(receipt, code)

    def echoed(self, topic: str, payload: bytes) -> None:
        """Take in a message that came back."""
        with self.changed:
            receipt = self._echoes.get(topic)
            if receipt is None or receipt.publication.payload != payload:
                return
            del self._echoes[topic]
            receipt.echoes = False
            if not receipt.acked:
                return
        self._settle(receipt, 0)

    def all_answered(self, receipts: Sequence[Receipt]) -> bool:
        """Say whether the code of each is known."""
        return all(receipt.code is not None for receipt in receipts)

    def give_up_echoes(self, now_s: float) -> None:
        """Count as refused what was confirmed and did not come back in time."""
        with self.changed:
            mute = [each for each in self._echoes.values() if each.acked and now_s - each.at_s > self._echoes_s]
            for receipt in mute:
                del self._echoes[receipt.publication.topic]
        for receipt in mute:
            self._settle(receipt, NOT_ECHOED)

    def is_overdue(self, now_s: float) -> bool:
        """Say whether the broker has confirmed nothing for too long, and something waits for it."""
        with self.changed:
            oldest_s = min((receipt.at_s for receipt in self._waiting.values()), default=now_s)
            return now_s - max(oldest_s, self._answer_s) > self._confirms_s

    def unanswered(self) -> list[Receipt]:
        """Return the messages that the broker has neither confirmed nor delivered back."""
        with self.changed:
            return list({id(each): each for each in (*self._waiting.values(), *self._echoes.values())}.values())

    def _confirm(self, receipt: Receipt, code: int) -> None:
        with self.changed:
            receipt.acked = True
            self.any_confirmed = True
            self._answer_s = monotonic()
            if receipt.echoes and code < FIRST_FAILURE:
                self.changed.notify_all()
                return
        self._settle(receipt, code)

    def _settle(self, receipt: Receipt, code: int) -> None:
        with self.changed:
            receipt.code = code
            self.changed.notify_all()
        self._answered(receipt)
