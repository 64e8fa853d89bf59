"""What was decided about a lock, and why: one entry of the audit log each."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from facewire.sanity import CAMERA_NAME, require

Verdict = Literal["granted", "pending", "refused", "sent", "unconfirmed", "locked_out"]
"""`granted` is written before the command is sent, `sent` once the broker has confirmed it, `unconfirmed` if it did not
in time (nobody knows whether the lock heard it; it is not sent again). `pending` waits for the second factor, and
`locked_out` says that from now on nothing opens the lock for a while."""

Reason = Literal[
    # What looks and frames are worth.
    "from_the_future",
    "stale",
    "replayed",
    "too_few_looks",
    "unknown_face",
    "not_allowed",
    "someone_else",
    "unsure",
    "unlike",
    "too_close",
    "not_live",
    "too_small",
    "last_look",
    "camera_silent",
    "gone",
    # What the owner asks for besides.
    "no_rule",
    "switched_off",
    "locked_out",
    "cooldown",
    "already_decided",
    "second_factor",
    "no_pin",
    "wrong_pin",
    "nothing_pending",
    "factor_late",
    "too_many_failures",
    "late_event",
    # What failed.
    "store_away",
    "broker_away",
    "not_confirmed",
    "not_permitted",
    # What did not.
    "all_fulfilled",
    "confirmed",
    "nobody_listens",
]
"""Why; `docs/unlocking.md` says what each means."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a lock. Who, where and when it was seen is None where the decision is not about a face.

    `id` is the same in all that is said of one command; refusals that follow from nothing have one of their own.
    """

    TYPE: ClassVar[str] = "decision"

    id: str
    lock: str
    command: Literal["UNLOCK", "LOCK"]
    verdict: Verdict
    reason: Reason
    at_ns: int
    person: str | None
    camera: str | None
    track_id: int | None
    captured_ns: int | None

    def __post_init__(self) -> None:
        require(0 < len(self.id) <= 128, "id is not 1..128 characters")
        require(CAMERA_NAME.fullmatch(self.lock) is not None, "lock is not a short lower-case name")
        require(0 < self.at_ns < 2**63, "at_ns is not a time")
        require(self.person is None or 0 < len(self.person) <= 128, "person is not 1..128 characters")
        require(self.camera is None or CAMERA_NAME.fullmatch(self.camera) is not None, "camera is not a short name")
        require(self.track_id is None or 0 < self.track_id < 2**63, "track_id is not positive")
        require(self.captured_ns is None or 0 < self.captured_ns < 2**63, "captured_ns is not a time")
