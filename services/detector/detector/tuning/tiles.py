"""Look for better tiles of a rule's: from its own choice to the best neighbour, until none is better."""

from collections.abc import Callable

from detector.compiling.tasks import Task, Tiles
from detector.compiling.tracing import TVM_ERRORS
from detector.records import Record
from detector.tuning.clock import Run, best_of, compared, runner
from detector.tuning.journal import Journal, key_of
from detector.tuning.targets import Tuned

FINALISTS = 2


def search_tiles(
    task: Task, tuned: Tuned, trials: int, journal: Journal, tick: Callable[[bool], None]
) -> Record | None:
    """Measure at most so many candidates beside the rule's own choice, which stays unless one is reliably faster.

    Args:
        task: what to look for.
        tuned: what it is for.
        trials: candidates at the most.
        journal: what was measured before counts.
        tick: called after each candidate, with whether it worked.
    """
    known = dict(journal.times(task.name))
    while len(known) <= trials and (candidate := _next(task, known)) is not None:
        spent_ms = _measured(task, candidate, tuned)
        known[key_of(candidate)] = spent_ms
        journal.add(task.name, candidate, spent_ms)
        tick(spent_ms is not None)
    return _final(task, tuned, known)


def _next(task: Task, known: dict[str, float | None]) -> Tiles | None:
    """Return what to measure next: the rule's own choice, then what differs in one thing from the best so far."""
    if key_of(task.own) not in known:
        return task.own
    best = next(iter(_ranked(task, known)), task.own)
    return next((each for each in task.neighbours(best) if key_of(each) not in known), None)


def _all(task: Task) -> dict[str, Tiles]:
    spaces: list[Tiles] = [{}]
    for name, choices in task.choices.items():
        spaces = [{**each, name: choice} for each in spaces for choice in choices]
    return {key_of(each): each for each in spaces}


def _ranked(task: Task, known: dict[str, float | None]) -> list[Tiles]:
    possible = _all(task)
    worked = sorted((spent_ms, key) for key, spent_ms in known.items() if spent_ms is not None and key in possible)
    return [possible[key] for _, key in worked]


def _measured(task: Task, tiles: Tiles, tuned: Tuned) -> float | None:
    """Return a candidate's time in ms, None where it does not work."""
    try:
        return best_of(_runner(task, tiles, tuned))
    except TVM_ERRORS:
        return None


def _runner(task: Task, tiles: Tiles, tuned: Tuned) -> Run:
    return runner(task.loops(tiles).mod["main"], tuned)


def _final(task: Task, tuned: Tuned, known: dict[str, float | None]) -> Record | None:
    """Time the best few in turn with the rule's own choice; return what is reliably faster."""
    finalists = [tiles for tiles in _ranked(task, known) if key_of(tiles) != key_of(task.own)][:FINALISTS]
    own_ms = known.get(key_of(task.own))
    won: Record | None = None
    for tiles in finalists:
        if own_ms is None or (known[key_of(tiles)] or own_ms) >= own_ms:
            continue
        result = compared(_runner(task, task.own, tuned), _runner(task, tiles, tuned))
        if result.faster and (won is None or result.new_ms / result.old_ms < won.record_ms / won.rule_ms):
            won = Record(
                task.name, tuned.machine.threads, round(result.old_ms, 5), round(result.new_ms, 5), dict(tiles)
            )
    return won
