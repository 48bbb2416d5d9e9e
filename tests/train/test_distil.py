"""A pupil learns what its teacher says, of frames with labels and without, and its checkpoint says what taught it."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx, load_checkpoint  # noqa: E402
from lanes import load_segmenter  # noqa: E402
from lanes.renderer import RoadRenderer, Scene  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.distil import Lesson, Views, distil, logit, main, pupil_loss, teach, view  # noqa: E402
from tests.train.test_average import BEFORE, checkpoint  # noqa: E402

TRANSFORM = FrameTransform(96, 32)
CONFIG: dict[str, Any] = {"arch": "unet", "widths": [4, 8], "stem_stride": 2}
PUPIL = replace(BEFORE, name="pupil", transform=TRANSFORM, network=CONFIG, bands=True)
TEACHER = replace(PUPIL, name="teacher", transform=FrameTransform(128, 48), threshold=0.6, training_data=["c"], licences=["z"])


def lesson(seed: int = 0, band: tuple[int, int] | None = (20, 60), width: int = 128, height: int = 64) -> Lesson:
    """A rendered road of which a teacher is sure, and right."""
    rendering = RoadRenderer(Scene.random(np.random.default_rng(seed)), width, height).render(0.0)
    looked = np.zeros((height, width), np.bool_)
    looked[slice(*band) if band else slice(None)] = True
    return Lesson(rendering.pixels, np.where(looked, rendering.paint, 0).astype(np.uint8), looked, band)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    network, metadata = load_checkpoint(checkpoint(tmp_path / "teacher.pt", TEACHER, 2))
    torch.nn.init.normal_(network.head.weight)
    export_onnx(network, metadata, tmp_path / "teacher.onnx")
    return tmp_path / "teacher.onnx"


def test_the_loss_is_least_where_the_pupil_says_what_the_teacher_does_about_its_own_threshold() -> None:
    said, weight = torch.rand(2, 1, 4, 8) * 0.9 + 0.05, torch.ones(2, 1, 4, 8)
    shift = logit(0.4) - logit(0.6)
    same = torch.logit(said) + shift
    assert float(pupil_loss(same, said, weight, shift)) == pytest.approx(0, abs=0.02)
    for other in (same + 0.5, same - 0.5, torch.logit(said)):
        assert float(pupil_loss(other, said, weight, shift)) > float(pupil_loss(same, said, weight, shift)) + 0.01
    assert torch.sigmoid(torch.tensor(logit(0.6) + shift)) == pytest.approx(0.4)


def test_where_the_teacher_did_not_look_nothing_is_learnt() -> None:
    logits, said, weight = torch.zeros(1, 1, 2, 2, requires_grad=True), torch.full((1, 1, 2, 2), 0.9), torch.tensor([[[[1.0, 0], [0, 1]]]])
    torch.autograd.backward(pupil_loss(logits, said, weight, 0.0))
    assert logits.grad is not None
    assert ((logits.grad != 0) == (weight != 0)).all()
    assert float(pupil_loss(logits.detach(), said, torch.zeros(1, 1, 2, 2), 0.0)) == 0


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(24, 300), st.integers(16, 200)),
    band=st.one_of(st.none(), st.tuples(st.floats(0, 0.9), st.floats(0.1, 1))),
)
def test_a_view_shows_pixels_and_probability_at_the_same_place(seed: int, size: tuple[int, int], band: tuple[float, float] | None) -> None:
    """In a frame whose green says what the teacher says, it does so in every view."""
    rng = np.random.default_rng(seed)
    width, height = size
    probability = cv2.resize(rng.integers(0, 256, (4, 5), dtype=np.uint8), size, interpolation=cv2.INTER_LINEAR)
    rows = None if band is None else (int(band[0] * height), min(height, int(band[0] * height) + max(4, int(band[1] * height))))
    looked = np.zeros((height, width), np.bool_)
    looked[slice(*rows) if rows else slice(None)] = True
    sample = view(Lesson(cv2.merge([probability] * 3).astype(np.uint8), probability.astype(np.uint8), looked, rows), TRANSFORM, rng)
    assert sample.pixels.shape == (32, 96, 3)
    known = sample.weight > 0
    assert np.abs(sample.pixels[..., 1].astype(int) - sample.target)[known].max(initial=0) <= 1
    assert known.any()


def test_sources_come_by_the_root_of_their_frames_and_four_of_ten_have_no_label() -> None:
    one = lesson()
    views = Views({"a": [one] * 4, "b": [one] * 16, None: [one]}, TRANSFORM, 1)
    np.testing.assert_allclose(views.shares, [0.2, 0.4, 0.4])
    np.testing.assert_allclose(Views({"a": [one] * 4, "b": [one] * 16}, TRANSFORM, 1).shares, [1 / 3, 2 / 3])
    np.testing.assert_allclose(Views({None: [one]}, TRANSFORM, 1).shares, [1])
    first, again, other = (next(iter(Views({"a": [one]}, TRANSFORM, seed)))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_lesson_is_what_the_teacher_gives_where_it_looked(teacher: Path) -> None:
    pixels = RoadRenderer(Scene.random(np.random.default_rng(3)), 1600, 400).render(0.0).pixels
    with load_segmenter(str(teacher), "torch") as segmenter:
        found = teach(segmenter, pixels)
        assert found.pixels.shape == (320, 1280, 3)
        np.testing.assert_array_equal(found.probability, segmenter(found.pixels))
    rows = slice(*found.band) if found.band else slice(None)
    assert found.looked[rows].all()
    assert found.looked.sum() == 1280 * (rows.indices(320)[1] - rows.indices(320)[0])


def test_the_pupil_comes_nearer_and_its_batch_norms_stay(tmp_path: Path) -> None:
    pupil, _ = load_checkpoint(checkpoint(tmp_path / "pupil.pt", PUPIL, 1))
    before = {name: value.clone() for name, value in pupil.state_dict().items()}

    stream = iter(Views({"a": [lesson(seed) for seed in range(4)]}, TRANSFORM, 1))
    batch = tuple(torch.stack(part) for part in zip(*(next(stream) for _ in range(4)), strict=True))
    losses = list(distil(pupil, repeat(batch), 0.0, 100, 2e-2))  # type: ignore[arg-type]
    assert losses[-1] < 0.8 * losses[0]
    for name, value in pupil.state_dict().items():
        assert torch.equal(value, before[name]) == ("running" in name or "batches" in name), name


def test_the_command_learns_from_both_sorts_of_frames_and_says_so(tmp_path: Path, rendered_sources: Path, teacher: Path) -> None:
    pupil, out = checkpoint(tmp_path / "pupil.pt", PUPIL, 1), tmp_path / "taught.pt"
    images = rendered_sources / "north" / "train" / "images"
    arguments = [str(pupil), "--teacher", str(teacher), "--engine", "torch", "--data", str(rendered_sources), "--unlabelled", str(images)]
    arguments += ["--licence", "anything goes", "--steps", "3", "--batch", "2", "--workers", "0", "--out", str(out)]
    assert main(arguments) == 0
    network, metadata = load_checkpoint(out)
    assert network.config == load_checkpoint(pupil)[0].config
    assert (metadata.name, metadata.threshold, metadata.transform) == ("pupil", 0.4, TRANSFORM)
    assert metadata.training_data == ["a", "b", "c", "north", "south", "unlabelled"]
    assert metadata.licences == ["x", "z", "north's own", "south's own", "anything goes"]


def test_what_cannot_be_is_told(tmp_path: Path, rendered_sources: Path, teacher: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pupil, out = checkpoint(tmp_path / "pupil.pt", PUPIL, 1), tmp_path / "taught.pt"
    (tmp_path / "empty").mkdir()
    cases = [
        ([], "there is nothing to learn from"),
        (["--unlabelled", str(tmp_path / "empty")], "--unlabelled takes --licence"),
        (["--unlabelled", str(tmp_path / "empty"), "--licence", "x"], "there is nothing to learn from"),
        (["--data", str(tmp_path / "none")], "is no folder"),
        (["--data", str(rendered_sources), "--teacher", str(tmp_path / "none.onnx")], "none.onnx"),
    ]
    remembers = replace(PUPIL, network={"arch": "unet3d", "widths": [4, 6, 8]})
    assert main([str(checkpoint(tmp_path / "3d.pt", remembers, 1)), "--data", str(rendered_sources), "--out", str(out)]) == 2
    assert "architecture unet3d: only a network of single frames" in " ".join(capsys.readouterr().err.split())
    for options, message in cases:
        assert main([str(pupil), "--teacher", str(teacher), "--out", str(out), *options]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not out.exists()
