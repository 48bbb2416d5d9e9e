"""Quantises a model file to int8, and writes the result only if it still does its task.

    python -m calibration.int8 --model unet --labels lanedata --out unet.int8.onnx
    python -m calibration.int8 --model unet --frames drive.mp4 --out unet.int8.onnx --page int8.html

Three sets of frames, of different drives: on the first, which covers what the model will see, activations are calibrated; the second
(validation) selects the best of three calibrators and the layers that stay in fp32 because they cost too much; the third (test)
decides. The masks must agree with those of fp32 by an IoU of 0.98 and, where there are labels, relaxed F1 may drop by 0.01.
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

from calibration.int8.acceptance import Acceptance, Score, Scorer
from calibration.int8.compatibility import check_compatibility
from calibration.int8.frame_sets import FittedFrame, FrameSets, gather, subsample
from calibration.int8.inference import iou, measure_latency, open_on_cpu, run_engine, run_everywhere
from calibration.int8.page import calibration_page
from calibration.int8.qdq import QuantisableLayer, list_layers, quantise_layers
from calibration.int8.ranges import CALIBRATORS, collect
from calibration.int8.report import CalibrationReport, LayerCost
from calibration.progress import show_progress
from engines.model_file import METADATA_KEY, ModelFile, find_model, is_path
from lanes.cli.arguments import Parser, count, output_path
from lanes.cli.console import plain_console
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.files import check_file, write_atomically
from lanes.html.page import check_pages
from lanes.segment.segmenter import Segmenter

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
        frames: to calibrate on.
        folder: where the versions go.
        console: where progress goes.

    Raises:
        InputError: the model has nothing to quantise.
    """

    def __init__(self, model: ModelFile, frames: Sequence[FittedFrame], folder: Path, console: Console) -> None:
        self.model = model
        self.layers = list_layers(graph := onnx.load(model.path))
        if not self.layers:
            raise InputError(f"{model.path} has no convolution with constant weights to quantise")
        self._graph = graph
        self._folder = folder
        images = (frame.image for frame in show_progress(frames, "ranges of activations", console))
        tensors = list(dict.fromkeys(tensor for layer in self.layers for tensor in layer.tensors))
        histograms = collect(graph, tensors, images, model.batch, model.metadata.state)
        self._ranges = {name: {tensor: cut(histograms[tensor]) for tensor in tensors} for name, cut in CALIBRATORS.items()}

    def write(self, layers: Collection[QuantisableLayer], calibrator: str) -> Path:
        """A model file with those layers in int8 and all others as they were; replaced by the next."""
        quantised = quantise_layers(self._graph, layers, self._ranges[calibrator])
        onnx.helper.set_model_props(quantised, {METADATA_KEY: replace(self.model.metadata, precision="int8").to_json()})
        onnx.checker.check_model(quantised, full_check=True)
        path = self._folder / "quantised.onnx"
        onnx.save(quantised, path)
        return path


def quantise(model: ModelFile, sets: FrameSets, out: Path, console: Console, acceptance: Acceptance | None = None) -> CalibrationReport:
    """Quantises `model`, tests the result, and writes it to `out` if it is accepted.

    Args:
        model: an fp32 file.
        sets: frames to calibrate, select and test on.
        out: the int8 file, replaced if it exists.
        console: where progress goes.
        acceptance: what is required, of the selection and of the test.

    Raises:
        InputError: `out` cannot be written, or the model has nothing to quantise.
        ProcessingError: the result is not accepted; nothing is written.
    """
    acceptance = acceptance or Acceptance()
    with tempfile.TemporaryDirectory() as folder:
        # A copy, so that nobody exports a newer one under way.
        copy = Path(folder) / "fp32.onnx"
        copy.write_bytes(model.read())
        model = ModelFile.load(copy)
        validation = Scorer(model, sets.validation, "validation set", acceptance.for_selection, console)
        test = Scorer(model, sets.test, "test set", acceptance, console)
        quantiser = Quantiser(model, sets.calibration, Path(folder), console)
        calibrators = {name: validation.score(quantiser.write(quantiser.layers, name), name)[0] for name in CALIBRATORS}
        calibrator = max(calibrators, key=lambda name: calibrators[name].rank)
        costs = measure_layers(quantiser, calibrator, subsample(sets.calibration, LAYER_FRAMES), console)
        costs = leave_out(quantiser, validation, calibrator, costs, calibrators[calibrator])
        path = quantiser.write([cost.layer for cost in costs if cost.quantised], calibrator)
        engines = check_runs(path, sets.test, test.threshold)
        score, maps = test.score(path, "int8")
        if not test.accepts(score):
            raise ProcessingError(
                f"int8 is accepted on the validation set but not on the test set ({test.verdict(score)}): nothing was written"
            )
        latency, engine = measure_latency(model.path, path, sets.test[0].image, model.batch or 1)
        write_atomically(out, path.read_bytes())
    return CalibrationReport(
        name=model.metadata.name,
        sets=sets,
        calibrators={"fp32": validation.reference, **calibrators},
        calibrator=calibrator,
        layers=costs,
        verdict=test.verdict(score),
        reference=test.reference,
        score=score,
        fp32_maps=test.maps,
        maps=maps,
        threshold=test.threshold,
        engines=engines,
        latency=latency,
        engine=engine,
    )


def measure_layers(quantiser: Quantiser, calibrator: str, frames: Sequence[FittedFrame], console: Console) -> list[LayerCost]:
    """Quantises one layer at a time and compares what comes out of the network."""
    model = quantiser.model
    threshold = round(255 * model.metadata.threshold)
    with open_on_cpu("fp32", model) as engine:
        expected = run_engine(engine, frames)
    total = sum(layer.multiplications for layer in quantiser.layers)
    costs = []
    for layer in show_progress(quantiser.layers, "cost of each layer", console):
        with open_on_cpu("int8", ModelFile.load(quantiser.write([layer], calibrator))) as engine:
            predicted = run_engine(engine, frames)
        error = float(np.sqrt(np.mean((predicted.astype(np.float32) - expected) ** 2)))
        costs.append(LayerCost(layer, layer.multiplications / total, error, iou(predicted > threshold, expected > threshold)))
    return costs


def leave_out(quantiser: Quantiser, validation: Scorer, calibrator: str, costs: list[LayerCost], score: Score) -> list[LayerCost]:
    """Returns the costliest layers to fp32, one after the other, until the model is accepted on the validation set.

    Args:
        score: with all layers quantised.

    Returns:
        The layers, with what becomes of each.

    Raises:
        ProcessingError: so much would have to stay in fp32 that int8 is not worth it.
    """
    costs = list(costs)
    best = score
    for index in sorted(range(len(costs)), key=lambda index: -costs[index].error):
        if validation.accepts(score):
            break
        costs[index] = replace(costs[index], quantised=False)
        if sum(cost.share for cost in costs if cost.quantised) < LEAST_SHARE:
            raise ProcessingError(
                f"int8 is not accepted, not even with half of the network left in fp32 ({validation.verdict(best)}): nothing was written"
            )
        left = [cost.layer for cost in costs if cost.quantised]
        score = validation.score(quantiser.write(left, calibrator), f"without {costs[index].layer.name}")[0]
        best = max(best, score, key=lambda score: score.rank)
    return costs


def check_runs(path: Path, frames: Sequence[FittedFrame], threshold: int) -> dict[str, float]:
    """Runs a file in every engine that is here, and returns the IoU of each one's masks with the first one's.

    Raises:
        ProcessingError: the file breaks a rule of TensorRT, an engine refuses it, or two engines detect different lanes.
    """
    try:
        check_compatibility(path)
    except InputError as error:
        raise ProcessingError(f"not every engine takes the quantised model: {error}") from None
    maps = run_everywhere(path, frames)
    first = next(iter(maps.values()))
    agreement = {name: iou(predicted > threshold, first > threshold) for name, predicted in maps.items()}
    for name, value in agreement.items():
        if value < ENGINES_AGREE:
            raise ProcessingError(
                f"{name} and {next(iter(maps))} detect different lanes with the quantised model (IoU {value:.3f}): nothing was written"
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
    parser = Parser("python -m calibration.int8", __doc__)
    parser.add_argument("--model", type=str, default="unet", metavar="M", help="bundled model's name, or path of an fp32 model file")
    parser.add_argument("--frames", type=str, metavar="SOURCE", help="video, or folder or glob of images or videos, to calibrate on")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="labelled frames to calibrate, validate and test on (docs/training.md)")
    parser.add_argument("--split", type=str, default="train", help="split of the labelled frames to calibrate on")
    parser.add_argument("--count", type=count, default=64, metavar="N", help="number of frames to calibrate on")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="int8 model file to write, as in unet.int8.onnx")
    parser.add_argument("--page", type=output_path, metavar="FILE", help="write a page that shows fp32 and int8 side by side (HTML)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace, console: Console) -> CalibrationReport:
    """Does what the command line asks for. Raises InputError or ProcessingError."""
    if args.frames is None and args.labels is None:
        raise InputError("nothing to calibrate on: give --frames, --labels, or both")
    model = find_fp32(args.model)
    for path in (args.out, args.page):
        if path is not None:
            check_file(path, [model.path], args.overwrite)
    if args.page is not None:
        check_pages()
    if args.page is not None and args.page.absolute() == args.out.absolute():
        raise InputError(f"{args.page}: named for both the model and the page; give each a place of its own")
    with Segmenter(open_on_cpu("fp32", model)) as segmenter:
        sets = gather(model.metadata.transform, args.frames, args.labels, args.split, args.count, console, segmenter.still_band)
    counts = f"{len(sets.calibration)} frames to calibrate on, {len(sets.validation)} to validate and {len(sets.test)} to test on"
    console.print(counts, style="dim", highlight=False)
    report = quantise(model, sets, args.out, console)
    if args.page is not None:
        write_atomically(args.page, calibration_page(report))
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)

    def work() -> None:
        report = run(args, plain_console(stderr=True))
        console = plain_console(width=120)
        console.print(report.calibrator_table())
        console.print(report.layer_table())
        console.print(f"{args.out}: {report.summary}", highlight=False, soft_wrap=True)

    return exit_status("calibration.int8", work)


if __name__ == "__main__":
    sys.exit(main())
