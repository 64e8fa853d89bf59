"""Know how far a stream has been read, and which of its entries is due next."""

from dataclasses import dataclass
from typing import Any

import redis

EntryId = tuple[int, int]

START: EntryId = (0, 0)


@dataclass(slots=True)
class Cursor:
    """How far one stream has been read."""

    every: int
    last: EntryId = START
    not_due: int = 0

    def after(self) -> str:
        """Return the id behind which the next wanted entry lies."""
        passed = max(self.every - 1, self.not_due)
        if passed and self.last != START:
            return f"{self.last[0] + passed}-0"
        return f"{self.last[0]}-{self.last[1]}"

    def pace(self, every: int, since: int) -> None:
        """Take a frame every so many from `since` on; those before it were due as it was said before."""
        if self.last != START:
            self.not_due = max(0, min(self.last[0] + self.every, since) - self.last[0] - 1)
        self.every = every


def parse_id(entry_id: bytes) -> EntryId:
    """Return the two numbers of an entry's id."""
    first, _, second = entry_id.partition(b"-")
    return int(first), int(second)


def newest_id(client: redis.Redis, key: str) -> EntryId:
    """Return the last id that a stream gave; `START` where there is no stream."""
    # The last id that was given, not the last entry: a stream that was trimmed to nothing still counts on.
    try:
        about: Any = client.xinfo_stream(key)
    except redis.ResponseError as error:
        if "no such key" not in str(error):
            raise
        return START
    return parse_id(about["last-generated-id"])
