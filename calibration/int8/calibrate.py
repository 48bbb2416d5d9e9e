"""Quantises a model file to int8, and writes the result only if it still does its task.

    python -m calibration.int8 --model unet --labels lanedata --out unet.int8.onnx
    python -m calibration.int8 --model unet --frames drive.mp4 --out unet.int8.onnx --page int8.html

It calibrates on frames that cover the material, by three calibrators of which the best is kept, and judges on drives that were
not calibrated on: the masks must agree with those of fp32 by an IoU of 0.98 and, where there are labels, relaxed F1 against them
may fall by 0.01. Layers that cost too much stay in fp32; a model that does not pass all the same is refused.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console

from calibration.int8.frames import Material, Sample, gather, spread
from calibration.int8.gate import Gate, Judge, Score, iou, measure_latency, open_on_cpu, run_engine, run_everywhere
from calibration.int8.page import calibration_page
from calibration.int8.portable import check_portable
from calibration.int8.progress import follow
from calibration.int8.qdq import Layer, list_layers, quantise_layers
from calibration.int8.ranges import CALIBRATORS, collect
from calibration.int8.report import LayerCost, Report
from engines.model_file import METADATA_KEY, ModelFile, find_model, is_path
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.files import check_file, write_atomically
from lanes.html.page import check_pages

LAYER_FRAMES = 6
"""Frames on which layers are compared: their order needs few."""

LEAST_SHARE = 0.5
"""Share of the multiplications below which int8 is not worth a second file."""

ENGINES_AGREE = 0.97
"""Least IoU of the masks that two engines give for one int8 file: they round in different places."""


class Quantiser:
    """Writes int8 versions of one model into a folder.

    Args:
        model: an fp32 file.
        samples: frames to calibrate on.
        folder: where the versions go.
        console: where progress goes.

    Raises:
        InputError: the model has nothing to quantise.
    """

    def __init__(self, model: ModelFile, samples: Sequence[Sample], folder: Path, console: Console) -> None:
        self.model = model
        self.layers = list_layers(graph := onnx.load(model.path))
        if not self.layers:
            raise InputError(f"{model.path} has no convolution with constant weights to quantise")
        self._graph = graph
        self._folder = folder
        pictures = (sample.picture for sample in follow(samples, "ranges of activations", console))
        tensors = list(dict.fromkeys(tensor for layer in self.layers for tensor in layer.tensors))
        histograms = collect(graph, tensors, pictures, model.batch)
        self._ranges = {name: {tensor: cut(histograms[tensor]) for tensor in tensors} for name, cut in CALIBRATORS.items()}

    def write(self, layers: Collection[Layer], calibrator: str) -> Path:
        """A model file with those layers in int8 and all others as they were; replaced by the next."""
        quantised = quantise_layers(self._graph, layers, self._ranges[calibrator])
        onnx.helper.set_model_props(quantised, {METADATA_KEY: replace(self.model.metadata, precision="int8").to_json()})
        onnx.checker.check_model(quantised, full_check=True)
        path = self._folder / "quantised.onnx"
        onnx.save(quantised, path)
        return path


def quantise(model: ModelFile, material: Material, out: Path, console: Console, gate: Gate | None = None) -> Report:
    """Quantises `model`, judges the result, and writes it to `out` if it passes.

    Args:
        model: an fp32 file.
        material: frames to calibrate and to judge on.
        out: the int8 file, replaced if it exists.
        console: where progress goes.
        gate: what is demanded.

    Raises:
        InputError: `out` cannot be written, or the model has nothing to quantise.
        ProcessingError: the result does not pass; nothing is written.
    """
    with tempfile.TemporaryDirectory() as folder:
        # A copy, so that nobody exports a newer one under way.
        copy = Path(folder) / "fp32.onnx"
        copy.write_bytes(model.read())
        model = ModelFile.load(copy)
        judge = Judge(model, material.judges, gate or Gate(), console)
        quantiser = Quantiser(model, material.calibration, Path(folder), console)
        calibrators = {name: judge.score(quantiser.write(quantiser.layers, name), name)[0] for name in CALIBRATORS}
        calibrator = max(calibrators, key=lambda name: judge.rank(calibrators[name]))
        costs = measure_layers(quantiser, calibrator, spread(material.calibration, LAYER_FRAMES), console)
        costs, score = leave_out(quantiser, judge, calibrator, costs, calibrators[calibrator])
        path = quantiser.write([cost.layer for cost in costs if cost.quantised], calibrator)
        engines = check_runs(path, material.judges[:LAYER_FRAMES], judge)
        maps = judge.score(path, "int8")[1]
        latency, engine = measure_latency(model.path, path, material.judges[0].picture, model.batch or 1)
        write_atomically(out, path.read_bytes())
    return Report(
        model.metadata.name,
        material,
        calibrators,
        calibrator,
        costs,
        judge.reference,
        score,
        judge.verdict(score),
        judge.maps,
        maps,
        judge.threshold,
        engines,
        latency,
        engine,
    )


def measure_layers(quantiser: Quantiser, calibrator: str, samples: Sequence[Sample], console: Console) -> list[LayerCost]:
    """Quantises one layer at a time and looks at what comes out of the network."""
    model = quantiser.model
    threshold = round(255 * model.metadata.threshold)
    with open_on_cpu("fp32", model) as engine:
        expected = run_engine(engine, samples)
    total = sum(layer.multiplications for layer in quantiser.layers)
    costs = []
    for layer in follow(quantiser.layers, "cost of each layer", console):
        with open_on_cpu("int8", ModelFile.load(quantiser.write([layer], calibrator))) as engine:
            given = run_engine(engine, samples)
        error = float(np.sqrt(np.mean((given.astype(np.float32) - expected) ** 2)))
        costs.append(LayerCost(layer, layer.multiplications / total, error, iou(given > threshold, expected > threshold)))
    return costs


def leave_out(quantiser: Quantiser, judge: Judge, calibrator: str, costs: list[LayerCost], score: Score) -> tuple[list[LayerCost], Score]:
    """Returns the costliest layers to fp32, one after the other, until the model passes.

    Args:
        score: with all layers quantised.

    Returns:
        The layers, with what becomes of each, and the score.

    Raises:
        ProcessingError: so much would have to stay in fp32 that int8 is not worth it.
    """
    costs = list(costs)
    best = score
    for index in sorted(range(len(costs)), key=lambda index: -costs[index].error):
        if judge.passes(score):
            break
        costs[index] = replace(costs[index], quantised=False)
        if sum(cost.share for cost in costs if cost.quantised) < LEAST_SHARE:
            raise ProcessingError(
                f"int8 does not pass, not even with half of the network left in fp32 ({judge.verdict(best)}): nothing was written"
            )
        left = [cost.layer for cost in costs if cost.quantised]
        score = judge.score(quantiser.write(left, calibrator), f"without {costs[index].layer.name}")[0]
        best = max(best, score, key=judge.rank)
    return costs, score


def check_runs(path: Path, samples: Sequence[Sample], judge: Judge) -> dict[str, float]:
    """Runs a file in every engine that is here, and returns the IoU of each one's masks with the first one's.

    Raises:
        ProcessingError: the file is not portable, an engine refuses it, or two engines make different things of it.
    """
    try:
        check_portable(path)
    except InputError as error:
        raise ProcessingError(f"the quantised model is not portable: {error}") from None
    maps = run_everywhere(path, samples)
    first = next(iter(maps.values()))
    agreement = {name: iou(judge.masks(given), judge.masks(first)) for name, given in maps.items()}
    for name, value in agreement.items():
        if value < ENGINES_AGREE:
            raise ProcessingError(
                f"{name} and {next(iter(maps))} see different lanes with the quantised model (IoU {value:.3f}): nothing was written"
            )
    return agreement


def find_fp32(model: str) -> ModelFile:
    """The fp32 file that a bundled model's name or a path means. Raises InputError when it is something else."""
    file = ModelFile.load(Path(model)) if is_path(model) else find_model(model)
    if file.precision != "fp32":
        already = "quantised already" if file.precision == "int8" else f"of {file.precision}"
        raise InputError(f"{file.path} is {already}: give the fp32 file that `python -m engines.export` wrote")
    return file


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.int8", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="unet", help="a bundled model's name, or an fp32 model file (default: unet)")
    parser.add_argument("--frames", metavar="SOURCE", help="a video, or a folder or glob of images or videos, to calibrate on")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="labelled frames to calibrate and judge on (formats: docs/training.md)")
    parser.add_argument("--split", default="train", help="which of the labelled frames (default: train)")
    parser.add_argument("--count", type=int, default=64, metavar="N", help="frames to calibrate on (default: 64)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the int8 model file to write, as in unet.int8.onnx")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page that shows fp32 and int8 side by side (HTML)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace, console: Console) -> Report:
    """Carries out a request. Raises InputError or ProcessingError."""
    if args.frames is None and args.labels is None:
        raise InputError("nothing to calibrate on: give --frames, --labels, or both")
    if args.count < 1:
        raise InputError(f"--count must be 1 or more, not {args.count}")
    model = find_fp32(args.model)
    for path in (args.out, args.page):
        if path is not None:
            check_file(path, [model.path], args.overwrite)
    if args.page is not None:
        check_pages()
    if args.page is not None and args.page.absolute() == args.out.absolute():
        raise InputError(f"{args.page}: named for both the model and the page; give each a place of its own")
    material = gather(model.metadata.transform, args.frames, args.labels, args.split, args.count, console)
    console.print(
        f"calibrating on {len(material.calibration)} frames, judging on {len(material.judges)} others", style="dim", highlight=False
    )
    report = quantise(model, material, args.out, console)
    if args.page is not None:
        write_atomically(args.page, calibration_page(report))
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)

    def work() -> None:
        report = run(args, Console(stderr=True))
        console = Console(width=120)
        console.print(report.calibrator_table())
        console.print(report.layer_table())
        console.print(f"{args.out}: {report.summary}", highlight=False, soft_wrap=True)

    return exit_status("calibration.int8", work)


if __name__ == "__main__":
    sys.exit(main())
