"""Count the bytes of MQTT packets, and keep messages below the largest that a broker takes."""

from dataclasses import replace

from iot_bridge.topics import Publication

LARGEST = 268_435_455
"""What MQTT itself allows."""
SMALLEST_LIMIT = 2048
"""No smaller one is guessed: events must get through."""
# A byte for the kind, up to four for the length, two each for the topic's length and the packet's id, and up to
# eight for properties.
OVERHEAD = 17


def packet_size(publication: Publication) -> int:
    """Return an upper bound of the bytes of the message's packet."""
    return OVERHEAD + len(publication.topic.encode()) + len(publication.payload)


def fitted(publication: Publication, limit: int) -> Publication | None:
    """Return the message, shrunk if need be so that its packet has at most `limit` bytes; None if it cannot be."""
    if packet_size(publication) <= limit:
        return publication
    if publication.shrink is None:
        return None
    room = limit - OVERHEAD - len(publication.topic.encode())
    payload = publication.shrink(room) if room > 0 else None
    if payload is None or len(payload) > room:
        return None
    return replace(publication, payload=payload)
