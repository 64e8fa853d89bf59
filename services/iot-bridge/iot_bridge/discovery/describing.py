"""Choose between one message for the device and one for each entity, and change over without losing entities."""

from collections.abc import Callable, Mapping

from iot_bridge.discovery.device import Known, components, device_publication, farewell_publication, gone
from iot_bridge.discovery.entities import MIGRATE, entity_publications
from iot_bridge.discovery.node import Components, Node
from iot_bridge.packets import packet_size
from iot_bridge.topics import Publication

# What the broker has kept of earlier runs is heard by then.
HEARD_AFTER_S = 1.0
# Home Assistant lets go of entities by then.
MIGRATED_AFTER_S = 2.0
# Who is not known by then is no more.
SETTLED_AFTER_S = 10.0
FITS_WELL = 0.75
BURST = 5
"""Descriptions at once; more follow together, a second later."""


class Describer:
    """Describes the device to Home Assistant.

    While the device's message fits into the broker's packets there is only that one. Else each entity has a message
    of its own. Home Assistant is told to change over (`migrate_discovery`), so that entities keep their settings.

    Args:
        limit: returns the most bytes that a packet may have.
        clock: seconds that only go forward.
    """

    def __init__(self, limit: Callable[[], int], clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._said: dict[str, bytes] = {}
        self._device_kept = False
        self._leftovers: set[str] = set()
        self._due_s = self._sweep_s = float("inf")
        self._migrating = False
        self._tokens, self._token_s = float(BURST), clock()

    def everything(self, node: Node, known: Known) -> list[Publication]:
        """Describe the device to somebody who may know nothing."""
        whole = device_publication(node, known)
        if self._said:
            if self._fits_well(whole):
                self._due_s = min(self._due_s, self._clock() + HEARD_AFTER_S)
            return list(self._entities(node, known).values())
        if packet_size(whole) <= self._limit():
            self._device_kept = True
            return [whole]
        self._due_s = min(self._due_s, self._clock() + HEARD_AFTER_S)
        return []

    def replaced(self, node: Node, known: Known, leaving: Components) -> list[Publication]:
        """Describe what has changed; what leaves is named by its platform alone first."""
        if self._said:
            before = dict(self._said)
            now = self._entities(node, known)
            erased = [Publication(topic, b"", retain=True) for topic in sorted(before.keys() - now.keys())]
            return [*erased, *(said for topic, said in now.items() if before.get(topic) != said.payload)]
        whole, farewell = device_publication(node, known), device_publication(node, known, leaving)
        if packet_size(farewell) <= self._limit():
            self._device_kept = True
            return [farewell, whole] if leaving else [whole]
        self._due_s = min(self._due_s, self._clock() + HEARD_AFTER_S)
        return []

    def remember_device(self) -> None:
        """Take in that the broker has kept a message of the whole device."""
        self._device_kept = True

    def remember_entity(self, topic: str) -> None:
        """Take in that the broker has kept a message of one entity."""
        if topic not in self._said:
            self._leftovers.add(topic)
            self._due_s = min(self._due_s, self._clock() + HEARD_AFTER_S)
            self._sweep_s = self._clock() + SETTLED_AFTER_S

    def tick(self, node: Node, known: Known, former: Mapping[str, str]) -> list[Publication]:
        """Go on with what waits for its time.

        Args:
            node: who speaks.
            known: what there is.
            former: platforms of what an earlier run described in the message of the device, by key.
        """
        if self._clock() >= self._due_s:
            self._due_s = float("inf")
            whole = device_publication(node, known)
            if self._fits_well(whole) if self._said else packet_size(whole) <= self._limit():
                return self._to_device(whole)
            return self._to_entities(node, known, former)
        if self._said and self._clock() >= self._sweep_s:
            self._sweep_s = float("inf")
            erased = sorted(self._leftovers - self._said.keys())
            self._leftovers.clear()
            return [Publication(topic, b"", retain=True) for topic in erased]
        return []

    def may_describe(self) -> bool:
        """Say whether a change may be described at once; in a burst it is better told together with others."""
        now_s = self._clock()
        self._tokens = min(float(BURST), self._tokens + max(0.0, now_s - self._token_s))
        self._token_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _to_device(self, whole: Publication) -> list[Publication]:
        leftovers = sorted(self._leftovers | self._said.keys())
        if leftovers and not self._migrating:
            self._migrating, self._due_s = True, self._clock() + MIGRATED_AFTER_S
            return [Publication(topic, MIGRATE) for topic in leftovers]
        self._migrating, self._device_kept = False, True
        self._leftovers.clear()
        self._said.clear()
        return [whole, *(Publication(topic, b"", retain=True) for topic in leftovers)]

    def _to_entities(self, node: Node, known: Known, former: Mapping[str, str]) -> list[Publication]:
        if self._device_kept and not self._migrating:
            self._migrating, self._due_s = True, self._clock() + MIGRATED_AFTER_S
            # What is no more must be removed, and not kept for a message that never comes.
            leaving = gone(former, components(node, known))
            farewell = [farewell_publication(node, leaving)] if leaving else []
            return [*farewell, Publication(node.config_topic, MIGRATE)]
        described = list(self._entities(node, known).values())
        if self._device_kept:
            described.append(Publication(node.config_topic, b"", retain=True))
        self._migrating = self._device_kept = False
        return described

    def _entities(self, node: Node, known: Known) -> dict[str, Publication]:
        now = entity_publications(node, known)
        self._said = {topic: said.payload for topic, said in now.items()}
        return now

    def _fits_well(self, publication: Publication) -> bool:
        # Else a person more or less would make it change over to and fro.
        return packet_size(publication) <= FITS_WELL * self._limit()
