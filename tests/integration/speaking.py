"""Engines and programs as tests of speech find them, something to say, and what hears of a failure that must not be."""

from collections.abc import Callable
from threading import Event
from typing import Any

from iot_bridge.settings import BridgeSettings, for_programs
from iot_bridge.speech.engines import ESPEAK, Engines, find_engines
from iot_bridge.speech.programs import Programs
from iot_bridge.speech.wording import Language, Utterance

from tests.servers import program
from tests.unit.messages import EVENT


def settings(**told: Any) -> BridgeSettings:
    return BridgeSettings(**told)


def found(**told: Any) -> Engines:
    program(ESPEAK)
    return find_engines(settings(**told))


def programs(stop: Event | None = None, beat: Callable[[], None] = lambda: None, **environment: str) -> Programs:
    return Programs(for_programs() | environment, beat, stop or Event())


def said(text: str = "Hello, Anna.", language: Language = "en") -> Utterance:
    return Utterance(text, language, "Anna", EVENT)


def never(engine: str, why: str) -> None:
    raise AssertionError(f"{engine}: {why}")
