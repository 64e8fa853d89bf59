"""Turn a PyTorch network into ONNX, and keep what it answers: `python exporting.py REQUEST.json`, where torch is.

A process of its own, which may be another environment's: it needs torch, onnx and numpy, and nothing of facewire's.
What it cannot do is one line on standard error and exit code 2.
"""

import hashlib
import importlib
import json
import pickle
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

MISSING = 2
OPSET = 17
# The exporter that takes TorchScript too, and needs no more than onnx, is an option of `torch.onnx.export` since then.
OLDEST = (2, 5)
WARM_UP, RUNS, MOST_S = 3, 20, 2.0
MS_PER_S = 1000
INPUT = "network_input"


def main() -> None:
    """Do what the request says; the files are named in it."""
    warnings.simplefilter("ignore")
    # A script's own folder comes first, where a module of the reader's is looked for in the current one.
    sys.path[0] = ""
    try:
        import numpy  # noqa: F401, ICN001, PLC0415  asked for first: torch without it fails late
        import onnx  # noqa: F401, PLC0415  the exporter wants it
        import torch  # noqa: PLC0415
    except ImportError as error:
        stop(
            f"{error.name} is not installed for {sys.executable}: `pip install torch onnx numpy`, or name the "
            "interpreter of an environment that has them with --python"
        )
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < OLDEST:
        stop(f"torch {torch.__version__} is too old: 2.5 or later is needed")
    with torch.no_grad():
        export(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def export(request: dict[str, Any]) -> None:
    """Write the ONNX file, the outputs for every picture, and what there is to say about the network."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    torch.set_num_threads(request["threads"])
    with np.load(request["inputs"]) as inputs:
        pictures = [torch.from_numpy(inputs[name]) for name in inputs.files]
    network, file = load(request)
    _, _, height, width = pictures[0].shape
    try:
        answer = network(pictures[0])
    except RuntimeError as error:
        stop(f"the network does not take a picture of {width}x{height}: {one_line(error)}; try multiples of 32")
    names = list(request["outputs"] or (name for name, _ in tensors(answer)))
    if len(names) != sum(1 for _ in tensors(answer)):
        stop(f"--outputs names {len(names)}, but the network returns {sum(1 for _ in tensors(answer))} tensors")
    flat = [[tensor for _, tensor in tensors(network(picture))] for picture in pictures]
    write_onnx(network, pictures[0], names, request["model"])
    arrays = {f"{k}-{at}": value.numpy() for k, values in enumerate(flat) for at, value in enumerate(values)}
    arrays["median_ms"] = np.array(median_ms(network, pictures[0]))
    np.savez(request["answers"], **arrays)
    facts = {
        "outputs": names,
        "version": torch.__version__,
        "source_sha256": hashlib.sha256(file.read_bytes()).hexdigest() if file else None,
    }
    Path(request["facts"]).write_text(json.dumps(facts), encoding="utf-8")


def load(request: dict[str, Any]) -> tuple[Any, Path | None]:
    """Return the network, ready to answer, and the file that has its code."""
    import torch  # noqa: PLC0415

    name = request["name"]
    if request["kind"] == "torchscript":
        try:
            return torch.jit.load(name, map_location="cpu").float().eval(), Path(name)
        except RuntimeError:
            stop(f"{name} is not a TorchScript file; a checkpoint goes with package.module:factory, as --checkpoint")
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        stop(f"there is no module {error.name} in {Path.cwd()} or among the packages of {sys.executable}")
    factory = getattr(module, attribute, None)
    if factory is None or not callable(factory):
        stop(f"{module_name} has no function {attribute}")
    network = factory()
    if not isinstance(network, torch.nn.Module):
        stop(f"{name} returns {type(network).__name__}; it must return a torch.nn.Module")
    if request["checkpoint"]:
        load_checkpoint(network, request["checkpoint"])
    file = getattr(module, "__file__", None)
    return network.float().cpu().eval(), Path(file) if file else None


def load_checkpoint(network: Any, file: str) -> None:  # noqa: ANN401  torch is not there for everyone
    """Give the network the weights of a state dict, or of a checkpoint that holds one."""
    import torch  # noqa: PLC0415

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        stop(
            f"{file} holds more than weights, or is no checkpoint: {one_line(error).partition('. ')[0]}; "
            "save the state dict alone: torch.save(network.state_dict(), FILE)"
        )
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict):
        stop(f"{file} holds {type(found).__name__}, not a state dict")
    if found and all(str(key).startswith("module.") for key in found):
        # What DataParallel adds.
        found = {key.removeprefix("module."): value for key, value in found.items()}
    try:
        odd = network.load_state_dict(found, strict=False)
    except RuntimeError as error:
        stop(f"{file} does not fit the network: {one_line(error)}")
    if odd.missing_keys or odd.unexpected_keys:
        stop(f"{file} does not fit the network: missing {few(odd.missing_keys)}; unexpected {few(odd.unexpected_keys)}")


def tensors(answer: Any, name: str = "output") -> Iterator[tuple[str, Any]]:  # noqa: ANN401  whatever a network returns
    """Yield the tensors in what a network returns, each with a name."""
    import torch  # noqa: PLC0415

    if isinstance(answer, torch.Tensor):
        yield name, answer
    elif isinstance(answer, dict):
        for key, value in answer.items():
            yield from tensors(value, str(key))
    elif isinstance(answer, (list, tuple)):
        for at, value in enumerate(answer):
            yield from tensors(value, f"{name}_{at}")
    else:
        stop(f"the network returns {type(answer).__name__}; it must return tensors, or lists, tuples or dicts of them")


def write_onnx(network: Any, picture: Any, names: list[str], model: str) -> None:  # noqa: ANN401
    """Write the network as ONNX, with the picture's shape."""
    import torch  # noqa: PLC0415

    class Flat(torch.nn.Module):  # type: ignore[misc]  # torch is not there for everyone
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, picture: Any) -> tuple[Any, ...]:  # noqa: ANN401
            return tuple(tensor for _, tensor in tensors(self.network(picture)))

    try:
        traced = torch.jit.freeze(torch.jit.trace(Flat().eval(), (picture,), check_trace=False, strict=False))
        torch.onnx.export(
            traced, (picture,), model, opset_version=OPSET, dynamo=False, input_names=[INPUT], output_names=names
        )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        stop(f"PyTorch cannot write the network as ONNX: {one_line(error)}")


def median_ms(network: Any, picture: Any) -> float:  # noqa: ANN401
    """Time the network."""
    spent_s: list[float] = []
    while len(spent_s) < WARM_UP + RUNS and (len(spent_s) < 2 or sum(spent_s) < MOST_S):
        started_s = time.perf_counter()
        network(picture)
        spent_s.append(time.perf_counter() - started_s)
    return statistics.median(spent_s[-RUNS:]) * MS_PER_S


def few(names: list[str]) -> str:
    """Return some names of many."""
    return f"{len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else "none"


def one_line(error: object) -> str:
    """Return what an error says, as one line of bounded length."""
    return " ".join(str(error).split())[:300]


def stop(line: str) -> NoReturn:
    """End the process."""
    print(line, file=sys.stderr)  # noqa: T201
    raise SystemExit(MISSING)


if __name__ == "__main__":
    main()
