"""One contract over all engines: the same frames give the same lanes, and the same mistakes the same errors."""

from __future__ import annotations

import platform
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines import model_file
from engines import registry as choose
from engines.backends.denormals import denormals_as_zero
from engines.engine import Engine
from engines.export import export_onnx
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata, bundled_models, find_model
from engines.registry import ENGINES, open_engine
from lanes.errors import InputError
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

Pictures = NDArray[np.uint8]
BUNDLED_WEIGHTS = model_file.WEIGHTS
WIDTH, HEIGHT = 192, 96
AGREEMENT = {"fp32": 0.99, "bf16": 0.97, "int8": 0.90}
"""Least IoU of thresholded masks with fp32 torch. int8 is calibrated carelessly here: it is the engines that are tested."""


def draw_roads(count: int, seed: int) -> tuple[Pictures, Pictures]:
    """Pictures (N, H, W, 3) of white and yellow lines on grey noise, and where the lines are, (N, H, W) 0 or 255."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(90, 12, (count, HEIGHT, WIDTH, 3)) + rng.uniform(-40, 40, (count, 1, 1, 1))
    masks = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for picture, mask in zip(pictures, masks, strict=True):
        for foot in rng.uniform(0, WIDTH, 3):
            cv2.line(mask, (int(foot), HEIGHT), (int(WIDTH / 2 + (foot - WIDTH / 2) * 0.3), HEIGHT // 3), 255, 4)
        picture[mask > 0] = (60, 210, 230) if rng.random() < 0.3 else (225, 225, 225)
    return pictures.clip(0, 255).astype(np.uint8), masks


def train_tiny_network() -> torch.nn.Module:
    """A U-Net of 3 levels that has seen drawn lines for some seconds: logits with the structure of a real network's."""
    torch.manual_seed(1)
    network = UNet((8, 16, 32), stem_stride=2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    pictures, masks = draw_roads(64, seed=1)
    rgb = torch.from_numpy(pictures[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    inputs = (rgb - torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    targets = torch.from_numpy(masks)[:, None] / 255
    for step in range(60):
        batch = torch.arange(8 * step, 8 * step + 8) % len(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()


def quantise(source: Path, target: Path) -> None:
    """Writes an int8 version with Q/DQ nodes, symmetric and per channel: the kind that every engine takes."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Frames(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.frames = iter(draw_roads(8, seed=3)[0])

        def get_next(self) -> dict[str, Pictures] | None:
            frame = next(self.frames, None)
            return None if frame is None else {"frames": frame[None]}

    quantize_static(
        source,
        target,
        Frames(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
    )
    proto = onnx.load(target)
    metadata = ModelMetadata.from_json(next(entry.value for entry in onnx.load(source).metadata_props if entry.key == METADATA_KEY))
    helper.set_model_props(proto, {METADATA_KEY: ModelMetadata(**(vars(metadata) | {"precision": "int8"})).to_json()})
    onnx.save(proto, target)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as lanes/weights is one, with the tiny network in it as `tiny`, fp32 and int8."""
    folder = tmp_path_factory.mktemp("weights")
    metadata = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "drawn lines", ["drawn"], ["none"], {})
    network = train_tiny_network()
    export_onnx(
        network, ModelMetadata(**(vars(metadata) | {"network": network.config})), folder / "tiny.onnx", frames=draw_roads(4, seed=2)[0]
    )
    quantise(folder / "tiny.onnx", folder / "tiny.int8.onnx")
    return folder


@pytest.fixture(autouse=True)
def _tiny_is_bundled(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "WEIGHTS", weights)
    monkeypatch.setattr(choose, "has_driver", lambda: False)  # what a GPU does is tested in tests/gpu


def runnable() -> list[tuple[str, str]]:
    """(engine, precision) of everything that this machine can do."""
    return [(name, precision) for name in ENGINES for precision in choose.load_kind(name).precisions()]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with open_engine(request.param, model="tiny", precision="fp32") as opened:
        yield opened


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0


# --- the same frames, the same lanes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(("name", "precision"), runnable())
def test_masks_agree_with_the_reference(name: str, precision: str, batch: int) -> None:
    frames, truth = draw_roads(8, seed=5)
    with open_engine("torch", "fp32", "tiny", batch=1) as reference, open_engine(name, precision, "tiny", batch) as opened:
        expected = np.concatenate([reference.infer(frames[i : i + 1]).copy() for i in range(8)])
        given = np.concatenate([opened.infer(frames[i : i + batch]).copy() for i in range(0, 8, batch)])
    assert iou(expected > 127, truth > 0) > 0.6  # the reference does see lines: agreeing on nothing would be no feat
    assert iou(given > 127, expected > 127) >= AGREEMENT[precision]
    if precision == "fp32":
        assert np.abs(given.astype(int) - expected).max() <= 2


@pytest.fixture(scope="module")
def real_frames(shared: Path) -> tuple[Pictures, NDArray[np.bool_]]:
    """Frames of all labelled sources, (N, H, W, 3) as the bundled U-Net sees them, and what torch says of them in fp32."""
    if "fp32" not in bundled_models().get("unet", {}):
        pytest.skip("no fp32 file of unet is bundled")
    paths = sorted((shared / "lanedata").glob("*/images/*.jpg"))[::240]
    with open_engine("torch", "fp32", "unet", batch=len(paths)) as reference:
        transform = reference.model.metadata.transform
        pictures = np.empty((len(paths), transform.height, transform.width, 3), np.uint8)
        for path, picture in zip(paths, pictures, strict=True):
            frame = cv2.imread(str(path))
            assert frame is not None
            transform.fit(frame.shape[1], frame.shape[0]).to_model(frame.astype(np.uint8, copy=False), picture)
        return pictures, reference.infer(pictures) > 127


@pytest.mark.parametrize(("name", "precision"), runnable())
def test_masks_agree_on_real_frames(
    real_frames: tuple[Pictures, NDArray[np.bool_]], name: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "WEIGHTS", BUNDLED_WEIGHTS)
    if model_file.FILE_PRECISION[precision] not in bundled_models()["unet"]:
        pytest.skip(f"no {precision} file of unet is bundled")
    pictures, expected = real_frames
    with open_engine(name, precision, "unet", batch=len(pictures)) as opened:
        given = opened.infer(pictures) > 127
    assert expected.sum() > 1000
    assert iou(given, expected) >= (0.97 if precision == "int8" else AGREEMENT[precision])


def test_pictures_of_a_batch_do_not_touch_each_other(engine: Engine) -> None:
    frames = draw_roads(4, seed=6)[0]
    with open_engine(engine.name, "fp32", "tiny", batch=4) as four:
        together = four.infer(frames).copy()
        backwards = four.infer(np.ascontiguousarray(frames[::-1])).copy()
    np.testing.assert_array_equal(together, backwards[::-1])
    alone = np.concatenate([engine.infer(frames[i : i + 1]).copy() for i in range(4)])
    assert np.abs(together.astype(int) - alone).max() <= 1


def test_input_is_read_at_every_call(engine: Engine) -> None:
    """The pipeline fills one buffer again and again; another array in between must not be mixed up with it."""
    one, other = (draw_roads(1, seed=seed)[0] for seed in (7, 8))
    expected_one, expected_other = engine.infer(one).copy(), engine.infer(other).copy()
    assert (expected_one != expected_other).any()
    buffer = one.copy()
    np.testing.assert_array_equal(engine.infer(buffer), expected_one)
    buffer[:] = other
    np.testing.assert_array_equal(engine.infer(buffer), expected_other)
    np.testing.assert_array_equal(engine.infer(one), expected_one)
    np.testing.assert_array_equal(engine.infer(buffer), expected_other)


def test_input_is_not_written_to_and_may_be_read_only(engine: Engine) -> None:
    frame = draw_roads(1, seed=9)[0]
    expected = engine.infer(frame).copy()
    np.testing.assert_array_equal(frame, draw_roads(1, seed=9)[0])
    frame.flags.writeable = False
    np.testing.assert_array_equal(engine.infer(frame), expected)


def test_two_engines_at_once_in_two_threads(engine: Engine) -> None:
    frames = draw_roads(6, seed=10)[0]
    expected = [engine.infer(frames[i : i + 1]).copy() for i in range(6)]
    wrong: list[int] = []

    def work(mine: Engine) -> None:
        for i in range(6):
            if (mine.infer(frames[i : i + 1]) != expected[i]).any():
                wrong.append(i)

    with open_engine(engine.name, "fp32", "tiny") as second:
        threads = [threading.Thread(target=work, args=(mine,)) for mine in (engine, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_thread_count_is_taken(engine: Engine) -> None:
    before = torch.get_num_threads()
    frame = draw_roads(1, seed=11)[0]
    try:
        with open_engine(engine.name, "fp32", "tiny", threads=1) as single:
            np.testing.assert_allclose(single.infer(frame).astype(int), engine.infer(frame), atol=1)
    finally:
        torch.set_num_threads(before)


# --- the contract ----------------------------------------------------------------------------------------------------------------


def test_engine_says_what_it_is(engine: Engine, weights: Path) -> None:
    assert engine.precision == "fp32"
    assert engine.device == "CPU"
    assert engine.version[0].isdigit()
    assert engine.batch == 1
    assert engine.model.path == weights / "tiny.onnx"
    assert len(engine.model.sha256) == 64
    assert engine.reason == f"{engine.name} fp32: as asked for"


def test_output_is_probability_of_every_pixel(engine: Engine) -> None:
    frames, truth = draw_roads(1, seed=12)
    probability = engine.infer(frames)
    assert probability.shape == (1, HEIGHT, WIDTH)
    assert probability.dtype == np.uint8
    assert probability[truth > 0].mean() > 127 > probability[truth == 0].mean()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame.astype(np.float32),
        lambda frame: frame[0],
        lambda frame: np.repeat(frame, 2, axis=0),
        lambda frame: np.ascontiguousarray(frame.transpose(0, 3, 1, 2)),
        lambda frame: frame[..., :2].copy(),
        lambda frame: frame[:, ::-1],
    ],
    ids=["float", "no batch", "batch of two", "channels first", "two channels", "not contiguous"],
)
def test_wrong_arrays_are_refused(engine: Engine, spoil: Callable[[Pictures], Pictures]) -> None:
    with pytest.raises(ValueError, match=r"expected a contiguous uint8 array of shape \(1, 96, 192, 3\), got"):
        engine.infer(spoil(draw_roads(1, seed=13)[0]))


def test_closing_twice_is_no_error_and_using_after_it_is(engine: Engine) -> None:
    frame = draw_roads(1, seed=14)[0]
    engine.infer(frame)
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match=f"this {engine.name} engine is closed"):
        engine.infer(frame)


def test_context_manager_closes(engine: Engine) -> None:
    with open_engine(engine.name, "fp32", "tiny") as opened:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        opened.infer(draw_roads(1, seed=15)[0])


def test_arithmetic_of_the_calling_thread_is_left_alone(engine: Engine) -> None:
    """Engines that take denormal numbers as zero must not do so to the rest of the program."""
    engine.infer(draw_roads(1, seed=16)[0])
    smallest = np.nextafter(0.0, 1.0)
    assert smallest * np.float64(1) != 0


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="elsewhere there is no such switch, or no need of it")
def test_denormals_are_zero_within_the_block_only() -> None:
    smallest, one = np.nextafter(0.0, 1.0), np.float64(1)
    with denormals_as_zero():
        inside = smallest * one
    assert inside == 0
    assert smallest * one != 0


# --- choosing --------------------------------------------------------------------------------------------------------------------


def test_auto_takes_openvino_with_the_int8_file() -> None:
    pytest.importorskip("openvino")
    with open_engine(model="tiny") as opened:
        assert (opened.name, opened.precision) == ("openvino", "int8")
        assert opened.reason == "openvino int8: the fastest of the engines on a CPU that work here"


def test_auto_takes_what_is_best_of_the_fp32_file_where_no_int8_is_bundled(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(weights / "tiny.onnx", tmp_path)
    monkeypatch.setattr(model_file, "WEIGHTS", tmp_path)
    for name in ENGINES:
        best = next(precision for precision in choose.load_kind(name).precisions() if precision != "int8")
        with open_engine(name, model="tiny") as opened:
            assert opened.precision == best


def test_model_given_as_a_path_keeps_its_precision(weights: Path) -> None:
    with open_engine("onnx", model=weights / "tiny.int8.onnx") as opened:
        assert opened.precision == "int8"
    with open_engine("onnx", model=str(weights / "tiny.onnx")) as opened:
        assert opened.precision == "fp32"
    with pytest.raises(InputError, match=r"tiny\.onnx is an fp32 model and cannot run as int8: ask for fp32"):
        open_engine(precision="int8", model=weights / "tiny.onnx")


def test_engines_that_are_not_installed_are_passed_over_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "openvino", ("engines.no_such_module", "OpenVinoEngine", "pip install openvino"))
    with open_engine(model="tiny") as opened:
        assert opened.name == "onnx"
        assert "openvino is not installed" in opened.reason
        assert "pip install openvino" in opened.reason
    with pytest.raises(InputError, match=r"openvino is not installed .*: pip install openvino\. Ask for onnx"):
        open_engine("openvino", model="tiny")


def test_an_engine_that_cannot_load_the_file_is_passed_over(weights: Path, tmp_path: Path) -> None:
    proto = onnx.load(weights / "tiny.onnx")
    next(node for node in proto.graph.node if node.op_type == "Sigmoid").op_type = "NoSuchOperator"
    onnx.save(proto, tmp_path / "strange.onnx")
    for name in ("openvino", "onnx"):
        with pytest.raises(InputError, match=rf"^{name} cannot run .*strange.onnx \(.+\). Ask for [^\n]*$"):
            open_engine(name, model=tmp_path / "strange.onnx")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "tflite"}, "no engine is called 'tflite': there are auto, tensorrt, onnx, torch, openvino"),
        ({"precision": "fp8"}, "no precision is called 'fp8': there are auto, fp32, bf16, fp16, int8"),
        ({"engine": "torch", "precision": "int8"}, "torch runs no int8 here, only fp32. Ask for"),
        ({"engine": "onnx", "precision": "bf16"}, "onnx runs no bf16 here, only fp32 and int8. Ask for"),
        ({"precision": "fp16"}, "openvino runs no fp16 here"),
        ({"model": "nonesuch"}, "no model is called 'nonesuch': the bundled ones are tiny"),
    ],
)
def test_what_is_not_to_be_had_is_refused_in_one_line(asked: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_engine(asked.get("engine", "auto"), asked.get("precision", "auto"), asked.get("model", "tiny"))
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_bf16_is_there_or_refused_with_what_the_processor_lacks() -> None:
    if ("openvino", "bf16") in runnable():
        with open_engine("openvino", "bf16", "tiny") as opened:
            assert opened.precision == "bf16"
    else:
        with pytest.raises(InputError, match="AMX or AVX-512 BF16"):
            open_engine("openvino", "bf16", "tiny")


# --- model files -----------------------------------------------------------------------------------------------------------------


def test_model_file_says_what_is_in_it(weights: Path) -> None:
    file = find_model("tiny")
    assert file.metadata.transform == FrameTransform(WIDTH, HEIGHT)
    assert file.metadata.network["widths"] == [8, 16, 32]
    assert (file.precision, file.batch, file.metadata.threshold) == ("fp32", None, 0.5)
    assert find_model("tiny", "int8").path == weights / "tiny.int8.onnx"
    assert find_model("tiny", "bf16").path == weights / "tiny.onnx"
    assert file.sha256 != find_model("tiny", "int8").sha256


def test_precision_that_is_not_bundled_is_refused() -> None:
    with pytest.raises(InputError, match="the model tiny is not bundled in fp16, only in int8, fp32"):
        find_model("tiny", "fp16")


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as refusal:
        ModelFile.load(path)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    return str(refusal.value)


def test_files_that_are_no_model_are_refused_in_words(weights: Path, tmp_path: Path) -> None:
    whole = (weights / "tiny.onnx").read_bytes()
    file = tmp_path / "model.onnx"
    assert "no such model file" in refusal_of(file)
    file.write_text("lanes\n" * 1000)
    assert "is not an ONNX file" in refusal_of(file)
    file.write_bytes(b"")
    assert "is empty" in refusal_of(file)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    assert "is not an ONNX file" in refusal_of(file)
    for length in (10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "is not an ONNX file" in refusal_of(file)
    assert "is a folder" in refusal_of(tmp_path)


def simple_model(
    path: Path, kind: int = TensorProto.UINT8, side: int = 3, metadata: str | None = None, output: int = TensorProto.UINT8
) -> Path:
    """A one-node model that takes (1, 8, 16, side) of `kind`."""
    frames = helper.make_tensor_value_info("frames", kind, [1, 8, 16, side])
    out = helper.make_tensor_value_info("probability", output, [1, 8, 16])
    graph = helper.make_graph([helper.make_node("Identity", ["frames"], ["probability"])], "g", [frames], [out])
    proto = helper.make_model(graph)
    if metadata is not None:
        helper.set_model_props(proto, {METADATA_KEY: metadata})
    onnx.save(proto, path)
    return path


def test_models_of_another_kind_are_refused_in_words(tmp_path: Path) -> None:
    good = ModelMetadata("m", FrameTransform(16, 8), 0.5, ["lane"], "fp32", "", [], [], {}).to_json()
    path = tmp_path / "other.onnx"
    assert ModelFile.load(simple_model(path, metadata=good)).batch == 1
    assert "carries no lanestream metadata" in refusal_of(simple_model(path))
    assert "takes float (1, 8, 16, 3), not pictures, uint8 (N, 8, 16, 3)" in refusal_of(
        simple_model(path, TensorProto.FLOAT, metadata=good)
    )
    assert "takes uint8 (1, 8, 16, 4), not pictures" in refusal_of(simple_model(path, side=4, metadata=good))
    assert "gives float (1, 8, 16), not lane probability" in refusal_of(simple_model(path, metadata=good, output=TensorProto.FLOAT))
    assert "uint8 (N, 8, 20, 3)" in refusal_of(simple_model(path, metadata=good.replace('"width": 16', '"width": 20')))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: "lanes", "metadata that cannot be used"),
        (lambda _: "[]", "not a JSON object"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "upgrade lanestream"),
        (lambda text: text.replace('"threshold"', '"treshold"'), "without 'threshold'"),
        (lambda text: text.replace("0.5", "5"), "threshold must be 0 to 1"),
        (lambda text: text.replace('"fp32"', '"fp31"'), "precision must be fp32, fp16 or int8"),
        (lambda text: text.replace('"width": 16', '"width": 0'), "at least 1x1"),
        (lambda text: text.replace('"classes": ["lane"]', '"classes": 7'), "wrong type"),
    ],
)
def test_damaged_metadata_is_refused_in_words(change: Callable[[str], str], said: str, tmp_path: Path) -> None:
    good = ModelMetadata("m", FrameTransform(16, 8), 0.5, ["lane"], "fp32", "", [], [], {}).to_json()
    assert change(good) != good
    assert said in refusal_of(simple_model(tmp_path / "m.onnx", metadata=change(good)))


def test_metadata_comes_back_from_json() -> None:
    metadata = ModelMetadata(
        "n", FrameTransform(16, 8, 1.1), 0.4, ["lane"], "fp16", "Farbe, für Fahrspuren", ["a", "b"], ["MIT"], {"widths": [8, 16]}
    )
    assert ModelMetadata.from_json(metadata.to_json()) == metadata


def test_torch_says_when_metadata_and_graph_do_not_belong_together(weights: Path, tmp_path: Path) -> None:
    proto = onnx.load(weights / "tiny.onnx")
    text = proto.metadata_props[0].value
    for changed in (text.replace("[8, 16, 32]", "[8, 16, 64]"), text.replace("stem_stride", "stem_stripe")):
        assert changed != text
        helper.set_model_props(proto, {METADATA_KEY: changed})
        onnx.save(proto, tmp_path / "mixed.onnx")
        with pytest.raises(InputError, match="torch cannot rebuild the network of"):
            open_engine("torch", model=tmp_path / "mixed.onnx")
