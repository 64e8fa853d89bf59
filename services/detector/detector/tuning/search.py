"""Look for loops of what no rule serves: TVM's MetaSchedule, driven so that it builds and measures in this process.

Its own driver starts processes that import TVM each round, half a minute a time; and its population of 512 takes two
cores longer than what it finds is worth.
"""

from collections.abc import Callable
from pathlib import Path

from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir import meta_schedule as ms
from tvm.tirx import PrimFunc

from detector.compiling.tracing import TVM_ERRORS, as_json, searched_name, traced
from detector.records import Record
from detector.tuning.clock import best_of, compared, runner
from detector.tuning.targets import Tuned

POPULATION = 128
GENERATIONS = 2
A_ROUND = 8
SEED = 1


def search_loops(
    func: PrimFunc, tuned: Tuned, trials: int, folder: Path, tick: Callable[[bool], None]
) -> Record | None:
    """Measure so many candidates, those of earlier calls counted; return the best if it beats TVM's default loops.

    Args:
        func: what to look for.
        tuned: what it is for.
        trials: candidates.
        folder: where what was measured is kept.
        tick: called after each candidate, with whether it worked.
    """
    module = IRModule({"main": func.with_attr("global_symbol", "main")})
    folder.mkdir(parents=True, exist_ok=True)
    database = ms.database.JSONDatabase(work_dir=str(folder))
    workload = database.commit_workload(module)
    missing = trials - len(database.get_top_k(workload, trials))
    if missing > 0:
        _search(module, tuned, missing, database, tick)
    best = database.query_tuning_record(module, tuned.target, "main")
    return None if best is None else _record(func, tuned, as_json(best.trace))


def _search(
    module: IRModule, tuned: Tuned, trials: int, database: ms.database.Database, tick: Callable[[bool], None]
) -> None:
    context = ms.TuneContext(
        mod=module,
        target=tuned.target,
        space_generator="post-order-apply",
        search_strategy=ms.search_strategy.EvolutionarySearch(
            population_size=min(POPULATION, A_ROUND * trials),
            genetic_num_iters=GENERATIONS,
            init_min_unmeasured=min(A_ROUND, trials),
        ),
        task_name="main",
        num_threads=1,
        rand_state=SEED,
    )
    cost_model = ms.cost_model.RandomModel(seed=SEED)
    space = context.generate_design_space()
    context.pre_tuning(
        max_trials=trials,
        num_trials_per_iter=min(A_ROUND, trials),
        design_spaces=space,
        database=database,
        cost_model=cost_model,
    )
    workload = database.commit_workload(module)
    while (candidates := context.generate_measure_candidates()) is not None:
        results = []
        for candidate in candidates:
            spent_s = _measured(candidate.sch, tuned)
            results.append(ms.runner.RunnerResult(spent_s, None if spent_s else "it does not compile"))
            # What failed is kept too, or it would be tried again for ever.
            kept = ms.database.TuningRecord(
                candidate.sch.trace, workload, spent_s or [1e9], tuned.target, candidate.args_info
            )
            database.commit_tuning_record(kept)
            tick(spent_s is not None)
        context.notify_runner_results(candidates, results)
    context.post_tuning()


def _measured(schedule: Schedule, tuned: Tuned) -> list[float] | None:
    try:
        return [best_of(runner(schedule.mod["main"], tuned)) / 1000]
    except TVM_ERRORS:
        return None


def _record(func: PrimFunc, tuned: Tuned, trace: list[object]) -> Record | None:
    schedule = traced(func, trace)
    if schedule is None:
        return None
    result = compared(runner(func, tuned), runner(schedule.mod["main"], tuned))
    if not result.faster:
        return None
    return Record(
        searched_name(func), tuned.machine.threads, round(result.old_ms, 5), round(result.new_ms, 5), trace=trace
    )
