"""Tune a network: list its tasks, look for better loops for each, keep what is better, show what it brings."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import onnx
from tqdm import tqdm
from tvm.relax import Function
from tvm.tirx import PrimFunc

from detector.compiling.compilation import grouped
from detector.compiling.rules import RULES, TILED
from detector.compiling.tasks import Task
from detector.compiling.tracing import is_heavy, searched_name
from detector.records import Record, merged, read, write
from detector.tuning.journal import Journal
from detector.tuning.search import search_loops
from detector.tuning.targets import Tuned
from detector.tuning.tiles import search_tiles

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """A task of a network.

    Args:
        name: equal names are equal work.
        func: the function, without loops of ours.
        task: what a rule leaves open, None where no rule serves it.
        times: how often it is in the network.
    """

    name: str
    func: PrimFunc
    task: Task | None
    times: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where tuning keeps its files.

    Args:
        records: the best of each task.
        journal: all measurements of rules' tiles.
        searched: folder of MetaSchedule's.
    """

    records: Path
    journal: Path
    searched: Path


def works_of(model: onnx.ModelProto, tuned: Tuned) -> list[Work]:
    """Return the tasks of a network, those that are heavy or that a rule leaves something open for.

    Args:
        model: ONNX with all shapes known; it is changed.
        tuned: what they are for.
    """
    with tuned.target:
        module = grouped(model, tuned.machine)
    calls = _calls(module["main"])
    found: dict[str, Work] = {}
    for variable, func in module.functions_items():
        if not isinstance(func, PrimFunc):
            continue
        task = next((task for rule in TILED if (task := rule(tuned.machine, {}).task(func)) is not None), None)
        if task is None and not (is_heavy(func) and _unserved(func, tuned)):
            continue
        name = searched_name(func) if task is None else task.name
        times = calls[variable.name_hint] + (found[name].times if name in found else 0)
        found[name] = Work(name, func, task, times)
    return sorted(found.values(), key=lambda work: work.name)


def tune(works: Iterable[Work], tuned: Tuned, trials: int, places: Places, say: Say, stop: Event) -> None:
    """Look for better loops for each task; what is found is kept as it comes.

    Args:
        works: the tasks.
        tuned: what they are for.
        trials: candidates for each at the most.
        places: where files are kept.
        say: told what was there before, and how many candidates failed.
        stop: when it is set, this ends after the candidate at hand.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    journal, works = Journal(places.journal), list(works)
    ready = [work for work in works if journal.is_done(work.name, trials)]
    before = sum(len(journal.times(work.name)) for work in works)
    if before or ready:
        say(f"going on: {len(ready)} of {len(works)} tasks are done, {before} candidates of rules were measured before")
    steps = len(ready) * (trials + 1)
    bar = tqdm(
        total=len(works) * (trials + 1), initial=steps, unit="", disable=None, file=sys.stderr, dynamic_ncols=True
    )
    failed = 0

    def tick(worked: bool) -> None:  # noqa: FBT001  what a callback is told
        nonlocal failed
        failed += not worked
        bar.set_postfix_str(f"{failed} failed" if failed else "")
        bar.update(min(1, steps + trials + 1 - bar.n))
        if stop.is_set():
            raise KeyboardInterrupt

    with bar:
        for work in works:
            if work in ready:
                continue
            bar.set_description(work.name[:40])
            record = _looked(work, tuned, trials, journal, places, tick)
            _keep(record, tuned, places)
            journal.conclude(work.name, trials)
            steps += trials + 1
            bar.update(steps - bar.n)
    if failed:
        say(f"{failed} candidates did not work and were passed over")


def _looked(
    work: Work, tuned: Tuned, trials: int, journal: Journal, places: Places, tick: Callable[[bool], None]
) -> Record | None:
    if work.task is None:
        return search_loops(work.func, tuned, trials, places.searched, tick)
    return search_tiles(work.task, tuned, trials, journal, tick)


def _keep(record: Record | None, tuned: Tuned, places: Places) -> None:
    if record is None and places.records.exists():
        return
    old = read(places.records, tuned.kind) if places.records.exists() else ()
    write(places.records, tuned.kind, merged(old, () if record is None else (record,)))


def _unserved(func: PrimFunc, tuned: Tuned) -> bool:
    return all(rule(tuned.machine, {}).apply(func, tuned.target, tunable=False) is None for rule in RULES)


def _calls(main: Function) -> Counter[str]:
    """Count how often each function is called."""
    bindings = [binding for block in main.body.blocks for binding in block.bindings]
    values = [binding.value for binding in bindings if hasattr(binding, "value")]
    return Counter(
        str(value.args[0].name_hint)
        for value in values
        if len(getattr(value, "args", ())) and hasattr(value.args[0], "name_hint")
    )
