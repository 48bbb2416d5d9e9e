"""Training on clips: what an example is, and that memory is learnt where it alone helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.data.augment import Sample  # noqa: E402
from lanes.data.frames import by_source  # noqa: E402
from lanes.data.open import list_frames  # noqa: E402
from lanes.models import NETWORKS  # noqa: E402
from lanes.models.unet3d import UNet3D  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.clips import FRAMES, STILLS, ClipTask, faded, unsteady  # noqa: E402
from lanes.train.loaders import TrainingStream  # noqa: E402
from lanes.train.loss import lane_loss  # noqa: E402
from lanes.train.mix import mix_shares  # noqa: E402
from lanes.train.task import make_task  # noqa: E402


@pytest.fixture
def stream(rendered_sources: Path) -> TrainingStream:
    frames = by_source(list_frames(rendered_sources, "train"))
    return TrainingStream(frames, mix_shares(frames), FrameTransform(128, 64), (96, 64), (1,), ClipTask(lane_loss))


def test_the_network_names_its_task() -> None:
    assert isinstance(make_task(NETWORKS["unet3d"]), ClipTask)


def test_examples_are_stills_at_first_then_clips_with_the_mask_of_their_last_frame(stream: TrainingStream) -> None:
    stream.examples = 60
    examples = [example for example, _ in zip(stream, range(60), strict=False)]
    for pixels, target, weight, count in examples:
        assert (pixels.shape, pixels.dtype) == ((FRAMES, 3, 64, 96), torch.uint8)
        assert target.shape == weight.shape == (1, 64, 96)
        assert set(target.unique().tolist()) <= {0, 255}
        there = pixels.flatten(1).any(dim=1).tolist()
        assert there == [number >= FRAMES - count for number in range(FRAMES)]
        if count > 1:  # exposure and noise are each frame's own
            assert (pixels[-2] != pixels[-1]).any()
    counts = [int(count) for *_, count in examples]
    begun = round(STILLS * len(counts))
    assert set(counts[:begun]) == {1}
    assert set(counts[begun:]) == {1, 2, 3}


def test_the_same_seed_gives_the_same_clips(stream: TrainingStream) -> None:
    one, other = (next(iter(stream)) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_a_faded_frame_has_lost_detail_and_an_unsteady_one_has_not() -> None:
    rng = np.random.default_rng(2)
    stripes = np.zeros((80, 120, 3), np.uint8)
    stripes[:, ::4] = 200
    lost = faded(stripes, rng)
    local = np.abs(np.diff(lost[..., 0].astype(int), axis=1)).max(axis=1)
    assert lost.shape == stripes.shape
    assert np.abs(lost.astype(int) - stripes).mean() > 2
    assert local.max() > 100
    assert np.corrcoef(unsteady(stripes, rng).ravel(), stripes.ravel())[0, 1] > 0.9


def test_only_memory_can_tell_what_the_last_frame_does_not_show() -> None:
    """Clips of a bar at one of four places that the last frame hides: the loss of the last frame falls below that of not knowing."""
    torch.manual_seed(1)
    network = UNet3D((8, 12))
    task = ClipTask(lane_loss)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)

    def batch() -> tuple[torch.Tensor, ...]:
        pixels = torch.randint(60, 100, (8, FRAMES, 3, 16, 32)).to(torch.uint8)
        target = torch.zeros(8, 1, 16, 32, dtype=torch.uint8)
        for index, place in enumerate(torch.randint(0, 4, (8,)).tolist()):
            pixels[index, :-1, :, :, 8 * place : 8 * place + 4] = 220
            target[index, :, :, 8 * place : 8 * place + 4] = 255
        return pixels, target, torch.full_like(target, 255), torch.full((8,), FRAMES)

    def last_frame_loss() -> float:
        pixels, target, weight, _ = batch()
        network.eval()
        with torch.inference_mode():
            logits = network((pixels.float() / 255 - 0.45) / 0.225)[:, -1]
        network.train()
        return float(lane_loss(logits, target.float() / 255, weight.float() / 255))

    unlearnt = last_frame_loss()
    for _ in range(40):
        loss = task.loss(network, batch())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # A quarter of the frame is bar: without memory, the best is to say so everywhere.
    ignorant = float(
        lane_loss(
            torch.full((1, 1, 16, 32), -np.log(7.0)),
            *(torch.zeros(1, 1, 16, 32).index_fill_(3, torch.arange(4), 1), torch.ones(1, 1, 16, 32)),
        )
    )
    assert last_frame_loss() < 0.3 * min(unlearnt, ignorant)


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_every_weight_learns_from_clips(stream: TrainingStream, bf16: bool) -> None:
    torch.manual_seed(0)
    network = UNet3D((4, 6, 8))
    torch.nn.init.normal_(network.head.weight)
    clips = (example for example in stream if example[-1] == FRAMES)
    batch = [torch.stack(parts) for parts in zip(*(next(clips) for _ in range(2)), strict=True)]
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        stream.task.loss(network, tuple(batch)).backward()  # type: ignore[no-untyped-call]
    assert not [name for name, weights in network.named_parameters() if weights.grad is None or not weights.grad.any()]


def test_a_sample_of_one_size_gives_clips_of_another(stream: TrainingStream) -> None:
    sample = Sample(np.zeros((50, 70, 3), np.uint8), np.zeros((50, 70), np.uint8), np.full((50, 70), 255, np.uint8))
    assert stream.task.example(sample, stream, np.random.default_rng(1))[0].shape == (FRAMES, 3, 64, 96)
