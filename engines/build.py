"""Builds a TensorRT engine from a model file: `python -m engines.build --model unet --precision fp16 --out FILE`."""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys

from engines.model_file import find_model
from engines.probe import probe
from engines.tensorrt import api as trt_api
from engines.tensorrt.builder import BuildOptions, build_with_bar
from lanes.cli.arguments import Parser, count, natural, output_path
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    args = make_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="engines.build: %(message)s")
    return exit_status("engines.build", lambda: print(_build_file(args)), interrupted="cancelled, nothing was written")


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m engines.build", "Builds a TensorRT engine, a plan, from a model file.")
    parser.add_argument("--model", type=str, default="unet", metavar="M", help="bundled model's name, or path of a model file")
    parser.add_argument("--precision", type=str, choices=("fp32", "fp16", "int8"), default="fp16", help="precision of the model file")
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument("--batch", type=count, default=1, metavar="N", help="images in a call")
    batch.add_argument("--batch-max", type=count, metavar="N", help="take any number of images from 1 to N, tuned for N")
    parser.add_argument("--workspace", type=count, metavar="MiB", help="most GPU memory that a layer may take, by default all")
    parser.add_argument("--dla", type=natural, metavar="N", help="build for this deep learning accelerator of a Jetson, fp16 only")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="plan to write")
    return parser


def _build_file(args: argparse.Namespace) -> str:
    try:
        trt = trt_api.import_tensorrt()
    except ImportError as error:
        raise InputError(f"TensorRT is not installed ({error}): pip install tensorrt, or tensorrt-rtx; see docs/tensorrt.md") from None
    if trt.__name__ == "tensorrt" and probe().lacking:
        raise InputError(f"TensorRT builds only on the GPU that will run it: {probe().lacking}")
    model = find_model(args.model, args.precision)
    check_file(args.out, [model.path], overwrite=True)
    number = args.batch_max or args.batch
    options = BuildOptions((1 if args.batch_max else number, number, number), args.workspace, args.dla)
    built = build_with_bar(trt, model, options)
    write_atomically(args.out, built.plan)
    digest = hashlib.sha256(built.plan).hexdigest()
    return f"{args.out}  {len(built.plan) / 1e6:.1f} MB  {trt_api.product(trt)}  sha256 {digest}"


if __name__ == "__main__":
    sys.exit(main())
