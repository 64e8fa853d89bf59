"""The steps that make the service's files, each run as `python -m detector STEP`."""

import sys
from collections.abc import Mapping

from detector import sealing
from detector.artifacts import Artifacts
from detector.backends import KINDS, BackendError
from detector.families.yunet import OUTPUTS
from detector.host import cpu_name
from detector.measuring import Choice, load, measure, save
from detector.opening import Files
from detector.photo import check_photo
from detector.precision import FP32
from detector.preparation import PreparationError, make_files, run_step
from detector.records import Record, RecordError, applying, paths_of, read
from detector.settings import DetectorSettings
from facewire.models import model_path
from facewire.settings import stop_operator

MODEL = "yunet"
STEPS = {
    "static": "fix the model's input size",
    "compile": "compile the model with TVM for this CPU, or for a named one",
    "ncnn": "convert the model for ncnn",
    "measure": "time every backend on this host and remember the fastest",
    "prepare": "all of these, where not done yet",
}


def artifacts_of(settings: DetectorSettings) -> Artifacts:
    """Name the model's files under these settings; a missing model or cache is the operator's to mend."""
    try:
        settings.cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop_operator(f"CACHE_DIR: cannot be made ({error.strerror}); name a folder that this user may write to")
    model = model_path(settings.models_dir, MODEL)
    return Artifacts(model, settings.input_size, settings.detector_threads, settings.cache_dir, settings.tuning_records)


def do_step(step: str, settings: DetectorSettings, target: str | None = None, precision: str = FP32) -> None:
    """Do one step; a failure is one line on standard error and exit code 1.

    Args:
        step: one of `STEPS`.
        settings: the detector's.
        target: make it for this kind of CPU, and put it beside the model; None for this host's cache.
        precision: compile for this precision of arithmetic.
    """
    artifacts = artifacts_of(settings)
    try:
        if step == "static":
            _static(artifacts)
        elif step == "compile":
            _compile(artifacts, target, precision)
        elif step == "ncnn":
            _ncnn(artifacts, target)
        elif step == "measure":
            _measure(artifacts)
        else:
            choice = _prepare(artifacts)
            _say(f"{choice.why}: {choice}")
    except (PreparationError, BackendError, OSError) as error:
        _say(str(error))
        sys.exit(1)


def _static(artifacts: Artifacts) -> None:
    from detector.static import fix_input  # noqa: PLC0415  onnx is 30 MB that only this step needs

    fix_input(artifacts.model, artifacts.static_model, artifacts.size)
    sealing.seal(artifacts.static_model)
    for old in artifacts.old_static_models():
        sealing.remove(old)


def _compile(artifacts: Artifacts, target: str | None, precision: str) -> None:
    from detector.compiling import compilation  # noqa: PLC0415  the compiler is 300 MB that only this step needs

    cpu = cpu_name()
    library = artifacts.library(cpu, precision) if target is None else artifacts.shipped(target, precision)
    try:
        if target is None:
            records = _records(compilation.host_kind(), artifacts, cpu)
            compilation.compile_for_host(artifacts.static_model, library, artifacts.threads, precision, records)
        else:
            records = _records(compilation.cross_kind(target), artifacts, target)
            compilation.cross_compile(artifacts.static_model, library, artifacts.threads, precision, target, records)
    except compilation.CompilationError as error:
        raise PreparationError(str(error)) from error
    sealing.seal(library)


def _records(kind: str, artifacts: Artifacts, cpu: str) -> Mapping[str, Record]:
    """Return what tuning found for a vector unit; what is damaged is passed over, but not what was named."""
    try:
        named = artifacts.named_records and read(artifacts.named_records, kind)
    except RecordError as error:
        stop_operator(f"TUNING_RECORDS: {error}")
    found = applying(paths_of(kind, artifacts.cache, cpu), kind, artifacts.threads)
    for complaint in found.complaints:
        _say(f"{complaint}; compiling without it")
    mine = {record.task: record for record in named or () if record.threads == artifacts.threads}
    return {**found.records, **mine}


def _ncnn(artifacts: Artifacts, target: str | None) -> None:
    from detector.pnnx import ConversionError, convert  # noqa: PLC0415  onnx is 30 MB that only this step needs

    net = artifacts.net if target is None else artifacts.shipped_net
    try:
        convert(artifacts.static_model, OUTPUTS, net)
    except ConversionError as error:
        raise PreparationError(str(error)) from error
    sealing.seal(net)


def _measure(artifacts: Artifacts) -> None:
    files = Files(artifacts)
    paths = {name: files.path(name) for name in KINDS}
    photo = check_photo(artifacts.model.parent)
    save(measure(paths, artifacts.size, artifacts.threads, photo), files.choice)


def _prepare(artifacts: Artifacts) -> Choice:
    make_files(artifacts, _say)
    files = Files(artifacts)
    found = load(files.choice)
    if found is None:
        _say("timing every backend on this host")
        run_step("measure")
        found = load(files.choice)
    if found is None:
        raise PreparationError("measure: it left no choice behind")
    return found


def _say(text: str) -> None:
    print(f"detector: {text}", file=sys.stderr, flush=True)  # noqa: T201  a step speaks to a terminal
