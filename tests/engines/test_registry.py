"""The order in which engines are tried, and the message where NVIDIA's part of it is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest

from engines import model_file, processor
from engines import registry as choose
from engines.model_file import bundled_models
from engines.probe import has_driver
from engines.registry import ENGINES, GPU_ENGINES, load_engine_class, open_engine
from lanes.errors import InputError

tiny = pytest.mark.usefixtures("tiny_is_bundled")

without_driver = pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")


def candidates(engine: str) -> list[tuple[str, str]]:
    return [(name, place) for name, place, _ in choose._candidates(engine)]


def test_gpu_comes_before_cpu_and_tensorrt_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_driver", lambda: True)
    assert candidates("auto") == [
        ("tensorrt", "GPU"),
        ("onnx", "GPU"),
        ("torch", "GPU"),
        ("openvino", "CPU"),
        ("onnx", "CPU"),
        ("torch", "CPU"),
    ]
    assert candidates("torch") == [("torch", "GPU"), ("torch", "CPU")]
    assert candidates("openvino") == [("openvino", "CPU")]


def test_without_a_driver_only_tensorrt_itself_speaks_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_driver", lambda: False)
    assert candidates("auto") == [("openvino", "CPU"), ("onnx", "CPU"), ("torch", "CPU")]
    assert candidates("onnx") == [("onnx", "CPU")]
    assert candidates("tensorrt") == [("tensorrt", "GPU")]


@without_driver
def test_tensorrt_asked_for_without_a_driver_names_the_one_thing_missing() -> None:
    with pytest.raises(InputError) as refusal:
        open_engine("tensorrt", "fp32")
    assert "there is no NVIDIA driver here" in str(refusal.value)
    assert "this machine runs o" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@without_driver
def test_auto_on_a_machine_without_a_gpu_says_nothing_of_gpus() -> None:
    with open_engine() as engine:
        assert engine.device == "CPU"
        assert "GPU" not in engine.reason
        assert "NVIDIA" not in engine.reason


def test_every_engine_has_a_module_a_class_and_a_hint() -> None:
    root = Path(__file__).resolve().parents[2]
    for module, kind, hint in [*ENGINES.values(), *GPU_ENGINES.values()]:
        assert f"class {kind}(" in (root / f"{module.replace('.', '/')}.py").read_text()
        assert hint


@tiny
@pytest.mark.parametrize(("flags", "precision"), [("sse4_2 avx2 avx512f avx512_vnni", "int8"), ("sse4_2 avx2 avx512f", "fp32")])
def test_auto_takes_openvino_with_the_int8_file_where_int8_does_not_saturate(
    flags: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    with open_engine(model="tiny") as opened:
        assert (opened.name, opened.precision) == ("openvino", precision)
        assert opened.reason == f"openvino {precision}: preferred among the engines that work on this CPU"


def test_where_int8_saturates_an_fp16_file_widened_comes_before_int8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    assert bundled_models()["deeplab"].keys() == {"fp16", "int8"}
    (tmp_path / "cpuinfo").write_text("flags : sse4_2 avx2\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    with open_engine("openvino", model="deeplab") as opened:
        assert (opened.precision, opened.model.path.name, opened.model.widened) == ("fp32", "deeplab.fp16.onnx", True)


@tiny
def test_auto_takes_what_the_engine_prefers_where_no_int8_is_bundled(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(weights / "tiny.onnx", tmp_path)
    monkeypatch.setattr(model_file, "WEIGHTS", tmp_path)
    for name in ENGINES:
        best = next(precision for precision in load_engine_class(name).precisions() if precision != "int8")
        with open_engine(name, model="tiny") as opened:
            assert opened.precision == best


@tiny
def test_model_given_as_a_path_keeps_its_precision(weights: Path) -> None:
    with open_engine("onnx", model=weights / "tiny.int8.onnx") as opened:
        assert opened.precision == "int8"
    with open_engine("onnx", model=str(weights / "tiny.onnx")) as opened:
        assert opened.precision == "fp32"
    with pytest.raises(InputError, match=r"tiny\.onnx is an fp32 model and cannot run as int8: it runs as fp32"):
        open_engine(precision="int8", model=weights / "tiny.onnx")


@tiny
def test_engines_that_are_not_installed_are_passed_over_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "openvino", ("engines.no_such_module", "OpenVinoEngine", "pip install openvino"))
    with open_engine(model="tiny") as opened:
        assert opened.name == "onnx"
        assert "openvino is not installed" in opened.reason
        assert "pip install openvino" in opened.reason
    with pytest.raises(InputError, match=r"openvino is not installed .*: pip install openvino; this machine runs onnx"):
        open_engine("openvino", model="tiny")


@tiny
def test_an_engine_that_cannot_load_the_file_is_passed_over(weights: Path, tmp_path: Path) -> None:
    proto = onnx.load(weights / "tiny.onnx")
    next(node for node in proto.graph.node if node.op_type == "Sigmoid").op_type = "NoSuchOperator"
    onnx.save(proto, tmp_path / "strange.onnx")
    for name in ("openvino", "onnx"):
        with pytest.raises(InputError, match=rf"^{name} cannot run .*strange.onnx \(.+\); this machine runs [^\n]*$"):
            open_engine(name, model=tmp_path / "strange.onnx")


@tiny
def test_a_file_that_an_engine_cannot_use_gives_way_to_its_next_one(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(weights, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(model_file, "WEIGHTS", tmp_path)
    (tmp_path / "cpuinfo").write_text("flags : avx2 avx512_vnni\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    proto = onnx.load(tmp_path / "tiny.int8.onnx")
    next(node for node in proto.graph.node if node.op_type == "Sigmoid").op_type = "NoSuchOperator"
    onnx.save(proto, tmp_path / "tiny.int8.onnx")
    with open_engine(model="tiny") as opened:
        assert opened.name == "openvino"
        assert opened.precision in ("bf16", "fp32")
        assert "openvino cannot run" in opened.reason
    with pytest.raises(InputError, match=r"^onnx cannot run .*tiny.int8.onnx|^onnx runs no int8"):
        open_engine("onnx", "int8", model="tiny")


@tiny
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"engine": "tflite"}, "no engine is called 'tflite': there are auto, tensorrt, onnx, torch, openvino"),
        ({"precision": "fp8"}, "no precision is called 'fp8': there are auto, fp32, bf16, fp16, int8"),
        ({"engine": "torch", "precision": "int8"}, "torch runs no int8 here, only fp32; this machine runs"),
        ({"engine": "onnx", "precision": "bf16"}, "onnx runs no bf16 here, only fp32 and int8; this machine runs"),
        ({"precision": "fp16"}, "openvino runs no fp16 here"),
        ({"model": "nonesuch"}, "no model is called 'nonesuch': the bundled ones are tiny"),
    ],
)
def test_what_does_not_run_here_is_refused_in_one_line(asked: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_engine(asked.get("engine", "auto"), asked.get("precision", "auto"), asked.get("model", "tiny"))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@tiny
def test_bf16_runs_or_is_refused_with_what_the_processor_lacks() -> None:
    if ("openvino", "bf16") in [(name, precision) for name in ENGINES for precision in load_engine_class(name).precisions()]:
        with open_engine("openvino", "bf16", "tiny") as opened:
            assert opened.precision == "bf16"
    else:
        with pytest.raises(InputError, match="AMX or AVX-512 BF16"):
            open_engine("openvino", "bf16", "tiny")
