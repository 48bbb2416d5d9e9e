"""Labels frames that nobody labelled, for self-training: `python -m lanes.train.pseudo_label FRAMES --out DIR --licence TEXT`.

The teachers are models of this project, each looking at the whole frame and at the band of its road, both mirrored too, and, with
`--maps`, the probability maps of a foreign model, which count as much as all of them together: what a model cannot see itself it can
only learn from another. Only where the mean of the teachers is sure does it teach, as paint or as background; the rest is ignored.
What lies across the road as a stop line does, arrows and words are ignored too: teachers that take them for lane paint are not to pass it
on. The bars of a zebra crossing teach that they are none.

What is written is a folder of images and masks as `lanes.data.folder` reads it, all of it for training. A frame in which the
teachers are sure of next to no paint is left out: its background would teach that faint paint is none.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from lanes import load_segmenter
from lanes.arrays import BGRImage, Mask, ProbabilityMap
from lanes.cli.arguments import Parser, output_path
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.across import across_the_road
from lanes.data.frames import TRAINING_IMAGE_SUFFIXES, list_files, read_image
from lanes.errors import InputError, exit_status
from lanes.files import write_atomically
from lanes.results import Band
from lanes.segment.first_look import find_band
from lanes.segment.segmenter import Segmenter
from lanes.train.other_markings import other_markings

SURE_PAINT, SURE_BACKGROUND = 0.5, 0.15
"""Mean probability of the teachers above which, or below which, they are sure."""

BAND = 0.6
"""Weight of a look at the band; the whole frame, which shows the same road smaller, has the rest."""

FOREIGN = 0.5
"""Weight of a foreign map; the models have the rest."""

LEAST_PAINT = 0.0004
"""Share of a frame that must be paint."""


def look(segmenter: Segmenter, pixels: BGRImage, band: Band | None) -> NDArray[np.float32]:
    """Probability, (H, W) float32 0 to 1: the mean of a look at a frame, or at its band, and of a look at its mirror image."""
    out = np.empty(pixels.shape[:2], np.uint8)
    total = np.zeros(pixels.shape[:2], np.float32)
    for image, back in ((pixels, slice(None)), (np.ascontiguousarray(pixels[:, ::-1]), slice(None, None, -1))):
        segmenter.preprocess(image, band)
        segmenter.infer()
        total += segmenter.postprocess(out)[:, back]
    mean: NDArray[np.float32] = total / np.float32(2 * 255)
    return mean


def seen(segmenter: Segmenter, pixels: BGRImage) -> NDArray[np.float32]:
    """What a model says of a frame, (H, W) float32: of the whole, and, where that shows one, of the band of its road."""
    whole = look(segmenter, pixels, None)
    band = find_band(np.where(whole > segmenter.threshold / 255, 255, 0).astype(np.uint8), segmenter.transform)
    return whole if band is None else (1 - BAND) * whole + BAND * look(segmenter, pixels, band)


def agree(found: Sequence[NDArray[np.float32]], foreign: ProbabilityMap | None) -> tuple[Mask, Mask]:
    """What the teachers are sure of together.

    Args:
        found: what each model says, (H, W) float32, 0 to 1.
        foreign: (H, W) uint8, the probability map of another model; None where there is none.

    Returns:
        mask: (H, W) uint8, 255 = lane paint. ignore: (H, W) uint8, 255 = not sure.
    """
    mean = np.mean(found, axis=0)
    if foreign is not None:
        mean = (1 - FOREIGN) * mean + FOREIGN / 255 * foreign
    mask = np.where(mean > SURE_PAINT, 255, 0).astype(np.uint8)
    ignore = np.where((mean > SURE_PAINT) | (mean < SURE_BACKGROUND), 0, 255).astype(np.uint8)
    crossing, strange = other_markings(mask)
    doubtful = cv2.dilate(np.maximum(across_the_road(mask), strange), np.ones((7, 7), np.uint8)) > 0
    ignore[doubtful] = 255
    ignore[crossing > 0] = 0
    mask[doubtful | (crossing > 0)] = 0
    return mask, ignore


def pseudo_label(args: argparse.Namespace, console: Console) -> Path:
    """Writes the folder of a request and returns it. Raises InputError when a frame, a map or a model cannot be used."""
    images = list(list_files(args.frames, TRAINING_IMAGE_SUFFIXES))
    if not images:
        raise InputError(f"{args.frames} holds no images")
    drives = read_drives(args.index) if args.index else {}
    base = args.out / "train"
    for folder in ("images", "masks", "ignore"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    statement = {"name": args.name, "definition": "ALL_PAINT", "licence": args.licence, "judge_on": False}
    write_atomically(args.out / "dataset.json", json.dumps(statement, indent=1) + "\n")
    kept = 0
    with ExitStack() as stack:
        segmenters = [stack.enter_context(load_segmenter(model, args.engine, args.precision)) for model in args.models]
        for image in track(images, "frames", console=console, transient=True):
            pixels = read_image(args.frames / image, cv2.IMREAD_COLOR)
            foreign = read_image((args.maps / image.name).with_suffix(".png"), cv2.IMREAD_GRAYSCALE) if args.maps else None
            mask, ignore = agree([seen(segmenter, pixels) for segmenter in segmenters], foreign)
            if np.count_nonzero(mask) < LEAST_PAINT * mask.size:
                continue
            drive = drives.get(image.name, "")
            for folder, content in (("masks", mask), ("ignore", ignore)):
                target = (base / folder / drive / image.name).with_suffix(".png")
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(target, cv2.imencode(".png", content)[1].tobytes())
            (base / "images" / drive).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(args.frames / image, base / "images" / drive / image.name)
            kept += 1
    console.print(f"{kept} of {len(images)} frames have paint that the teachers are sure of")
    out: Path = args.out
    return out


def read_drives(index: Path) -> dict[str, str]:
    """The drive of each file of an index, a CSV with the columns `file` and `drive`. Raises InputError when it has none."""
    try:
        with index.open(newline="", encoding="utf-8") as file:
            return {row["file"]: row["drive"] for row in csv.DictReader(file)}
    except OSError as error:
        raise InputError(f"cannot read {index}: {error.strerror}") from None
    except (KeyError, csv.Error, UnicodeDecodeError):
        raise InputError(f"{index} has no columns file and drive") from None


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.pseudo_label", __doc__)
    parser.add_argument("frames", type=Path, metavar="FRAMES", help="folder of images to label")
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder to write images, masks and ignore to")
    parser.add_argument("--licence", type=str, required=True, metavar="TEXT", help="what the makers of the frames allow")
    parser.add_argument("--name", type=str, default="pseudo", help="what the source is called in mixes and model cards")
    parser.add_argument(
        "--models", type=str, nargs="+", default=["unet-large", "unet"], metavar="MODEL", help="teachers: bundled models, or ONNX files"
    )
    parser.add_argument("--maps", type=Path, metavar="DIR", help="folder of another model's probability maps, 8-bit PNG of the same names")
    parser.add_argument("--index", type=Path, metavar="CSV", help="table with columns file and drive")
    parser.add_argument("--engine", type=str, default="auto", help="engine that runs the models")
    parser.add_argument("--precision", type=str, default="auto", help="precision that the engine calculates in")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.pseudo_label"):
        return exit_status("lanes.train.pseudo_label", lambda: print(pseudo_label(args, plain_console(stderr=True))))


if __name__ == "__main__":
    sys.exit(main())
