"""Building engines, by a real TensorRT: TensorRT for RTX builds without a GPU, and has the API of TensorRT 11."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines import build as engine_build
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata, find_model
from engines.tensorrt import builder
from engines.tensorrt.builder import BuildOptions
from engines.tensorrt.progress import BuildProgress
from lanes.errors import InputError
from lanes.segment.transform import FrameTransform

trt = pytest.importorskip("tensorrt_rtx", reason="building needs tensorrt-rtx, which is in the extra lanestream[test] on Linux on x86-64")

ROOT = Path(__file__).resolve().parents[3]
METADATA = ModelMetadata("small", FrameTransform(96, 64), 0.5, ["lane"], "fp32", "paint", ["none"], ["MIT"], {})


def build_plan(model: ModelFile, options: BuildOptions | None = None, progress: BuildProgress | None = None) -> bytes:
    return builder.build(trt, model, options or BuildOptions(), progress).plan


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFile]:
    """A small U-Net in each precision, with a dynamic batch."""
    torch = pytest.importorskip("torch", reason="export needs the extra lanestream[train]")
    from calibration.int8.qdq import list_layers, quantise_layers
    from engines.export import export_onnx
    from lanes.models.unet import UNet

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    network = UNet((8, 16, 32), stem_stride=2)
    metadata = dataclasses.replace(METADATA, network=network.config)
    found = {
        precision: export_onnx(network, metadata, folder / f"small.{precision}.onnx", precision=precision) for precision in ("fp32", "fp16")
    }
    float_model = onnx.load(found["fp32"].path)
    layers = list_layers(float_model)
    # What is built does not depend on the ranges, so these need not be measured.
    quantised = quantise_layers(float_model, layers, {tensor: 4.0 for layer in layers for tensor in layer.tensors})
    found["int8"] = save(quantised, folder / "small.int8.onnx", "int8")
    return found


def save(proto: onnx.ModelProto, path: Path, precision: str = "fp32") -> ModelFile:
    helper.set_model_props(proto, {METADATA_KEY: dataclasses.replace(METADATA, precision=precision).to_json()})
    onnx.save(proto, path)
    return ModelFile.load(path)


def hand_made(path: Path, nodes: list[onnx.NodeProto], constants: list[TensorProto], batch: int | str = "N") -> ModelFile:
    """A model around `nodes`, which take `maps`, (N, 3, 64, 96) float, to `logits`, (N, 1, 64, 96)."""
    before = [
        helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["maps"], perm=[0, 3, 1, 2]),
    ]
    after = [
        helper.make_node("Squeeze", ["logits", "one"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["probability"], to=TensorProto.UINT8),
    ]
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, [batch, 64, 96, 3])
    probability = helper.make_tensor_value_info("probability", TensorProto.UINT8, [batch, 64, 96])
    one = numpy_helper.from_array(np.array([1]), "one")
    graph = helper.make_graph([*before, *nodes, *after], "hand made", [frames], [probability], [one, *constants])
    return save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def convolution(maps: str = "maps") -> tuple[onnx.NodeProto, TensorProto]:
    """Of one output, with its weights."""
    weights = numpy_helper.from_array(np.full((1, 3, 1, 1), 0.1, np.float32), "weights")
    return helper.make_node("Conv", [maps, "weights"], ["logits"], name="the_convolution"), weights


# --- what is built ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_precision_builds(precision: str, models: dict[str, ModelFile]) -> None:
    assert len(build_plan(models[precision])) > 10_000


@pytest.mark.parametrize("name", ["unet", "unet-large"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_bundled_models_build(name: str, precision: str) -> None:
    try:
        model = find_model(name, precision)
    except InputError as missing:
        pytest.skip(str(missing))
    plan = build_plan(model)
    smallest = {"fp32": 0.9, "fp16": 0.9, "int8": 0.5}[precision]
    assert len(plan) > smallest * len(model.read())  # the weights are in it


@pytest.mark.parametrize("batch", [(1, 1, 1), (4, 4, 4), (1, 4, 8)])
def test_dynamic_batch_builds_for_one_size_and_for_several(batch: tuple[int, int, int], models: dict[str, ModelFile]) -> None:
    assert len(build_plan(models["fp16"], BuildOptions(batch))) > 10_000


def test_workspace_limit_is_taken(models: dict[str, ModelFile]) -> None:
    assert build_plan(models["fp32"], BuildOptions(workspace_mib=64))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt_sees_every_layer_in_the_files_precision(precision: str, models: dict[str, ModelFile]) -> None:
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(models[precision].path.read_bytes())
    outputs = [network.get_layer(index).get_output(0).dtype for index in range(network.num_layers)]
    assert outputs.count(trt.float16 if precision == "fp16" else trt.float32) > 30
    assert outputs.count(trt.float32 if precision == "fp16" else trt.float16) == 0


# --- progress and cancelling -----------------------------------------------------------------------------------------------------


def test_progress_goes_from_nothing_to_all_and_never_back(models: dict[str, ModelFile]) -> None:
    shown: list[tuple[float, str]] = []
    build_plan(models["fp32"], progress=BuildProgress(lambda part, phase: shown.append((part, phase))))
    parts = [part for part, _ in shown]
    assert parts[0] == 0
    assert parts[-1] == 1
    assert all(before <= after for before, after in pairwise(parts))
    assert len(set(parts)) > 10
    assert len({phase for _, phase in shown}) > 3


def test_inner_phases_count_within_the_step_they_belong_to() -> None:
    shown: list[float] = []
    progress = BuildProgress(lambda part, _: shown.append(part))
    progress.phase_start("all", None, 2)
    progress.phase_start("first", "all", 4)
    for step in range(4):
        assert progress.step_complete("first", step)
    progress.phase_finish("first")
    progress.step_complete("all", 0)
    progress.phase_start("second", "all", 1)
    progress.phase_finish("second")
    progress.phase_finish("all")
    assert shown == [0, 0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5, 1]


def test_cancelling_ends_the_build(models: dict[str, ModelFile]) -> None:
    steps: list[str] = []

    def stop_soon(_: float, phase: str) -> None:
        steps.append(phase)
        progress.cancelled = len(steps) > 5

    progress = BuildProgress(stop_soon)
    with pytest.raises(KeyboardInterrupt):
        build_plan(models["fp32"], progress=progress)
    whole: list[str] = []
    build_plan(models["fp32"], progress=BuildProgress(lambda _, phase: whole.append(phase)))
    assert len(steps) < len(whole)


INTERRUPTED = """
import os, signal, sys
from engines.build import main
from engines.tensorrt import builder
sent = []

class Progress(builder.BuildProgress):
    def step_complete(self, name, step):
        if not sent:
            sent.append(name)
            os.kill(os.getpid(), signal.SIGINT)
        return super().step_complete(name, step)

builder.BuildProgress = Progress
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_cancels_and_leaves_nothing(models: dict[str, ModelFile], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        INTERRUPTED,
        "--model",
        str(models["fp32"].path),
        "--precision",
        "fp32",
        "--out",
        str(tmp_path / "a.plan"),
    ]
    # Whoever started the tests in the background has SIGINT ignored, and every process below inherits that.
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert ended.returncode == 130
    assert ended.stderr.strip() == "engines.build: cancelled, nothing was written"
    assert list(tmp_path.iterdir()) == []


# --- what cannot be built --------------------------------------------------------------------------------------------------------


def refusal_of(model: ModelFile, options: BuildOptions | None = None) -> str:
    with pytest.raises(InputError) as refusal:
        build_plan(model, options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_operator_that_tensorrt_does_not_have_is_named_with_its_node(tmp_path: Path) -> None:
    node = helper.make_node("NoSuchOperator", ["maps"], ["logits"], name="the_strange_one")
    message = refusal_of(hand_made(tmp_path / "strange.onnx", [node], []))
    assert "TensorRT for RTX" in message
    assert "cannot read" in message
    assert "strange.onnx: at node the_strange_one (NoSuchOperator), " in message


def test_network_that_does_not_fit_together_is_refused_with_the_node(tmp_path: Path) -> None:
    node, _ = convolution()
    weights = numpy_helper.from_array(np.ones((1, 5, 1, 1), np.float32), "weights")
    assert "the_convolution" in refusal_of(hand_made(tmp_path / "broken.onnx", [node], [weights]))


@pytest.mark.parametrize(("zero_point", "kind"), [(3, np.int8), (128, np.uint8)])
def test_zero_point_is_refused_in_words(zero_point: int, kind: type, tmp_path: Path) -> None:
    node, weights = convolution(maps="dequantised")
    constants = [
        weights,
        numpy_helper.from_array(np.array(0.5, np.float32), "scale"),
        numpy_helper.from_array(np.array(zero_point, kind), "zero_point"),
    ]
    quantise = helper.make_node("QuantizeLinear", ["maps", "scale", "zero_point"], ["quantised"], name="the_quantiser")
    back = helper.make_node("DequantizeLinear", ["quantised", "scale", "zero_point"], ["dequantised"])
    message = refusal_of(hand_made(tmp_path / "shifted.onnx", [quantise, back, node], constants))
    assert "the_quantiser" in message
    assert "quantised with a zero-point, and TensorRT takes symmetric int8 only" in message
    assert "python -m calibration.int8" in message


def test_quantised_bias_is_refused_in_words(tmp_path: Path) -> None:
    node, weights = convolution()
    node.input.append("bias")
    constants = [
        weights,
        numpy_helper.from_array(np.array([5], np.int32), "bias_int32"),
        numpy_helper.from_array(np.array([0.1], np.float32), "scale"),
        numpy_helper.from_array(np.array([0], np.int32), "zero_point"),
    ]
    back = helper.make_node("DequantizeLinear", ["bias_int32", "scale", "zero_point"], ["bias"], name="the_bias", axis=0)
    message = refusal_of(hand_made(tmp_path / "bias.onnx", [back, node], constants))
    assert "the_bias" in message
    assert "its biases are quantised" in message


def test_dynamic_batch_without_a_number_is_refused_in_words(models: dict[str, ModelFile]) -> None:
    assert "takes any number of images: say how many" in refusal_of(models["fp32"], BuildOptions(batch=None))


def test_fixed_batch_takes_no_other(tmp_path: Path) -> None:
    node, weights = convolution()
    fixed = hand_made(tmp_path / "fixed.onnx", [node], [weights], batch=2)
    assert "is fixed to batches of 2" in refusal_of(fixed, BuildOptions((1, 1, 1)))
    assert build_plan(fixed, BuildOptions((2, 2, 2)))
    assert build_plan(fixed, BuildOptions(None))


def test_dla_that_is_not_there_is_refused_in_words(models: dict[str, ModelFile]) -> None:
    assert "this device has no DLA" in refusal_of(models["fp16"], BuildOptions(dla=0))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_dla_takes_fp16_files_alone(precision: str, models: dict[str, ModelFile]) -> None:
    assert f"is {precision}: use --precision fp16" in refusal_of(models[precision], BuildOptions(dla=0))


@pytest.mark.parametrize("batch", [(2, 2, 2), (1, 2, 4)])
def test_state_and_further_outputs_are_built_at_the_same_batch(batch: tuple[int, int, int], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the model is made beside one of PyTorch")
    from tests.engines.made_models import save_running_average

    assert build_plan(ModelFile.load(save_running_average(tmp_path / "average.onnx")), BuildOptions(batch))


# --- the command -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def only_rtx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)


@pytest.mark.usefixtures("only_rtx")
def test_command_writes_the_plan(models: dict[str, ModelFile], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.plan"
    assert engine_build.main(["--model", str(models["fp16"].path), "--precision", "fp16", "--batch-max", "4", "--out", str(out)]) == 0
    assert out.stat().st_size > 10_000
    assert str(out) in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.usefixtures("only_rtx")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nonesuch", "--out", "a.plan"], "no model is called 'nonesuch'"),
        (["--model", "{int8}", "--precision", "fp16", "--out", "a.plan"], "is an int8 model and cannot run as fp16"),
        (["--model", "{fp32}", "--precision", "fp32", "--out", "{fp32}"], "is the input itself"),
        (["--model", "{fp32}", "--precision", "fp32", "--out", "{fp32}/a.plan"], "is a file, not a folder"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    arguments: list[str], message: str, models: dict[str, ModelFile], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {precision: str(model.path) for precision, model in models.items()}
    assert engine_build.main([argument.format(**paths) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("engines.build: ")
    assert message in error
    assert error.count("\n") == 1
