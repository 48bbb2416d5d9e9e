"""Model files: what is in one, and that what is none is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engines import model_file
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata, describe_models, find_model
from engines.registry import open_engine
from lanes.errors import InputError
from lanes.segment.transform import FrameTransform
from tests.engines.made_models import HEIGHT, METADATA, WIDTH, save_running_average, save_two_outputs

pytestmark = pytest.mark.usefixtures("tiny_is_bundled")


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
    assert "takes float (1, 8, 16, 3), not images, uint8 (N, 8, 16, 3)" in refusal_of(simple_model(path, TensorProto.FLOAT, metadata=good))
    assert "takes uint8 (1, 8, 16, 4), not images" in refusal_of(simple_model(path, side=4, metadata=good))
    assert "gives float (1, 8, 16), not lane probability" in refusal_of(simple_model(path, metadata=good, output=TensorProto.FLOAT))
    assert "uint8 (N, 8, 20, 3)" in refusal_of(simple_model(path, metadata=good.replace('"width": 16', '"width": 20')))


@pytest.mark.parametrize(
    ("change", "message"),
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
def test_damaged_metadata_is_refused_in_words(change: Callable[[str], str], message: str, tmp_path: Path) -> None:
    good = ModelMetadata("m", FrameTransform(16, 8), 0.5, ["lane"], "fp32", "", [], [], {}).to_json()
    assert change(good) != good
    assert message in refusal_of(simple_model(tmp_path / "m.onnx", metadata=change(good)))


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


# --- further tensors -------------------------------------------------------------------------------------------------------------


def with_metadata(path: Path, **changes: object) -> Path:
    """The file with other metadata."""
    proto = onnx.load(path)
    metadata = ModelMetadata.from_json(proto.metadata_props[0].value)
    helper.set_model_props(proto, {METADATA_KEY: ModelMetadata(**(vars(metadata) | changes)).to_json()})  # type: ignore[arg-type]
    onnx.save(proto, path)
    return path


def test_state_and_further_outputs_are_read_and_come_back(tmp_path: Path) -> None:
    file = ModelFile.load(save_running_average(tmp_path / "m.onnx"))
    assert file.metadata.state == {"average": "next_average", "runs": "next_runs"}
    assert [str(tensor) for tensor in file.inputs] == ["uint8 (N, 8, 16, 3)", "float (N, 8, 16)", "float (1)"]
    assert ModelMetadata.from_json(file.metadata.to_json()) == file.metadata


def test_metadata_without_state_is_written_as_it_ever_was() -> None:
    assert '"state"' not in METADATA.to_json()
    assert '"outputs"' not in METADATA.to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": {}}, "takes uint8 (N, 8, 16, 3) and float (N, 8, 16) and float (1), not images"),
        ({"state": {"average": "next_average", "runs": "nothing"}}, "gives uint8 (N, 8, 16) and float (1), not lane probability"),
        ({"state": {"average": "next_average", "runs": "next_runs", "more": "count"}}, "has no tensor 'more'"),
        ({"state": {"average": "next_runs", "runs": "next_average"}}, "they must be alike"),
        ({"outputs": {}}, "gives uint8 (N, 8, 16) and float (1), not lane probability"),
        ({"outputs": {"count": "", "more": ""}}, "has no tensor 'more'"),
        ({"outputs": {"count": "", "probability": ""}}, "gives nothing, not lane probability"),
    ],
)
def test_tensors_that_the_metadata_does_not_fit_are_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    assert message in refusal_of(with_metadata(save_running_average(tmp_path / "m.onnx"), **changes))


def test_a_further_side_of_any_length_is_refused(tmp_path: Path) -> None:
    proto = onnx.load(save_two_outputs(tmp_path / "m.onnx"))
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "M"
    onnx.save(proto, tmp_path / "m.onnx")
    assert "every side but the first must be fixed" in refusal_of(tmp_path / "m.onnx")


# --- what no engine could load ---------------------------------------------------------------------------------------------------


def test_weights_in_a_second_file_are_refused(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(onnx.load(weights / "tiny.onnx"), path, save_as_external_data=True, location="model.data", size_threshold=0)
    assert "keeps its weights in a second file, which is not read: save the model in one file" in refusal_of(path)
    (tmp_path / "model.data").unlink()
    assert "second file" in refusal_of(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda proto: setattr(proto.opset_import[0], "version", 99), "of ONNX operator set 99, and this installation reads up to"),
        (lambda proto: setattr(proto, "ir_version", 99), "of version 99 of the ONNX format, and this installation reads up to"),
    ],
)
def test_files_of_the_future_are_refused(spoil: Callable[[onnx.ModelProto], None], message: str, weights: Path, tmp_path: Path) -> None:
    proto = onnx.load(weights / "tiny.onnx")
    spoil(proto)
    onnx.save(proto, tmp_path / "future.onnx")
    assert message in refusal_of(tmp_path / "future.onnx")


def test_an_engine_older_than_the_file_says_so_without_its_own_source() -> None:
    """ONNX Runtime begins such a message with the place in its source and the signature of a C++ function."""
    from engines.backends.onnx_cpu import first_line

    thrown = (
        "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model("
        "onnx::ModelProto&&, const onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 14\n"
    )
    assert first_line(RuntimeError(thrown)) == "Unsupported model IR version: 99, max supported IR version: 14"
    assert first_line(RuntimeError("")) == "RuntimeError"


# --- the list of models ----------------------------------------------------------------------------------------------------------


def test_every_bundled_model_has_a_line_and_its_licences() -> None:
    head, line, program, *licences = describe_models().splitlines()
    assert head.split() == ["name", "parameters", "input", "files"]
    assert line.split()[0] == "tiny"
    assert f"{WIDTH}x{HEIGHT}" in line
    assert line.endswith("int8, fp32")
    assert program.split() == ["classical", "a", "program", "512x160", "none"]
    assert licences == ["", "licences of tiny:", "  none"]


def test_the_list_of_models_fits_a_terminal_of_80_columns(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    licences = [f"data set {number}: " + "research use " * 12 for number in range(2)]
    proto = onnx.load(weights / "tiny.onnx")
    metadata = replace(ModelFile.load(weights / "tiny.onnx").metadata, licences=licences)
    onnx.helper.set_model_props(proto, {METADATA_KEY: metadata.to_json()})
    for name in ("one", "other"):
        onnx.save(proto, tmp_path / f"{name}.onnx")
    monkeypatch.setattr(model_file, "WEIGHTS", tmp_path)
    listed = describe_models()
    assert max(map(len, listed.splitlines())) <= 80
    assert "licences of one, other:" in listed
    assert listed.count("data set") == 2


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match="no model is called 'help': the bundled ones are tiny"):
        find_model("help")
