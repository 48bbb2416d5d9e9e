"""Training: the loss on small cases made by hand, and a run that learns, stops and goes on."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from engines.export import load_checkpoint  # noqa: E402
from lanes.errors import InputError  # noqa: E402
from lanes.models import Network  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.pretrained import PretrainedUNet  # noqa: E402
from lanes.models.unet import UNet  # noqa: E402
from lanes.models.widen import widen  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.command import parse  # noqa: E402
from lanes.train.module import LaneTraining  # noqa: E402
from lanes.train.plots import draw_curves  # noqa: E402
from lanes.train.run import train  # noqa: E402


@pytest.mark.parametrize("stride", [1, 2])
def test_the_network_keeps_the_size_and_names_the_nearest_that_fits(stride: int) -> None:
    network = UNet((4, 8, 8), stem_stride=stride)
    side = network.divisor
    assert network(torch.zeros(2, 3, 2 * side, 3 * side)).shape == (2, 1, 2 * side, 3 * side)
    with pytest.raises(ValueError, match=rf"multiples of {side}, as in {3 * side}x{2 * side}"):
        network(torch.zeros(1, 3, 2 * side, 3 * side + 1))


def test_a_network_of_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two levels"):
        UNet((16,))
    with pytest.raises(ValueError, match="stem_stride"):
        UNet((4, 8), stem_stride=3)


@pytest.mark.parametrize("widths", [(8, 4, 16), (8, 8, 16), (4, 4, 8)])
def test_a_widened_network_calculates_the_same(widths: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    narrow = UNet((4, 4, 8), stem_stride=2)
    for module in narrow.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(narrow.head.weight)
    pictures = torch.randn(2, 3, 32, 32)
    wide = widen(narrow, widths, noise=0)
    assert wide.config["widths"] == list(widths)
    torch.testing.assert_close(wide.eval()(pictures), narrow.eval()(pictures), rtol=1e-4, atol=1e-4)


def test_a_decoder_is_widened_and_the_encoder_stays_as_it_is() -> None:
    torch.manual_seed(3)
    narrow = PretrainedUNet(encoder="efficientnet-lite0", blocks=5, widths=[4, 6])
    torch.nn.init.normal_(narrow.head.weight)
    pictures = torch.randn(2, 3, 32, 32)
    wide = widen(narrow, [8, 18], noise=0)
    assert wide.config["widths"] == [8, 18]
    torch.testing.assert_close(wide.eval()(pictures), narrow.eval()(pictures), rtol=1e-4, atol=1e-4)


def test_the_copies_in_a_widened_network_are_set_apart() -> None:
    weight = widen(UNet((4, 4)), (8, 4)).stem[0].weight
    assert not torch.equal(weight[:4], weight[4:])


@pytest.mark.parametrize("widths", [(4, 4), (6, 4, 8), (2, 4, 8)])
def test_a_network_that_cannot_grow_to_the_widths_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="whole multiple"):
        widen(UNet((4, 4, 8)), widths)


def test_training_runs_saves_and_resumes(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network({"widths": [4, 4, 8], "stem_stride": 2}, (128, 64))})
    few = ["--crop", "64", "64", "--batch", "2", "--workers", "0", "--val-stride", "200", "--val-every", "2"]
    base = ["--data", str(shared / "lanedata"), "--out", str(tmp_path), *few]
    monkeypatch.setattr("lanes.train.callbacks.CHECKPOINT_EVERY", 2)
    monkeypatch.setattr("lanes.train.run.list_frames", lambda root, split: every_hundredth(root, split))
    train(parse([*base, "--steps", "4"]))
    checkpoint = train(parse([*base, "--steps", "6", "--resume"]))
    saved = torch.load(checkpoint, weights_only=True)
    network = build_network(saved["network"])
    network.load_state_dict(saved["state_dict"])
    assert saved["metadata"]["transform"]["width"] == 128
    logs = [tmp_path / f"log/version_{run}/metrics.csv" for run in (0, 1)]
    steps = [[int(row["step"]) for row in csv.DictReader(log.open())] for log in logs]
    assert [max(run) for run in steps] == [3, 5]
    assert (tmp_path / "best.ckpt").exists()
    assert "IoU" in (tmp_path / "log/curves.svg").read_text()


def test_training_starts_from_given_weights(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a narrower network here, with a rate so low that nothing moves: what comes out calculates what went in."""
    monkeypatch.setattr("lanes.train.run.list_frames", lambda root, split: every_hundredth(root, split))
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network({"widths": [8, 8, 16], "stem_stride": 2}, (128, 64))})
    narrow = UNet((4, 4, 8), stem_stride=2)
    metadata = {"name": "tiny", "transform": FrameTransform(128, 64).to_dict(), "threshold": 0.5, "classes": ["lane"]}
    metadata |= {"label_definition": "", "training_data": [], "licences": []}
    torch.save({"network": narrow.config, "state_dict": narrow.state_dict(), "metadata": metadata}, tmp_path / "narrow.pt")
    base = ["--data", str(shared / "lanedata"), "--crop", "64", "64", "--batch", "2", "--workers", "0"]
    base += ["--val-stride", "200", "--steps", "2", "--val-every", "2", "--learning-rate", "1e-12"]
    trained = torch.load(train(parse([*base, "--out", str(tmp_path / "run"), "--weights", str(tmp_path / "narrow.pt")])), weights_only=True)
    wide = build_network(trained["network"])
    wide.load_state_dict(trained["state_dict"])
    assert wide.config["widths"] == [8, 8, 16]
    assert torch.allclose(wide.stem[0].weight[:4], narrow.stem[0].weight, atol=0.2)
    with pytest.raises(InputError, match="no checkpoint"):
        train(parse([*base, "--out", str(tmp_path / "other"), "--weights", str(tmp_path / "run" / "log" / "version_0" / "metrics.csv")]))


@pytest.fixture
def tiny(rendered_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of a run that takes seconds: two small sources, and a network of hundreds of weights."""
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network({"widths": [4, 4, 8], "stem_stride": 2}, (128, 64))})
    few = ["--crop", "64", "64", "--batch", "2", "--workers", "0", "--val-every", "2", "--steps", "4"]
    return ["--data", str(rendered_sources), "--out", str(tmp_path / "run"), *few]


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return weights


def test_a_finished_run_that_is_resumed_keeps_its_average(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is the average over the steps; the last step's own weights are in the checkpoint too, and are others."""
    monkeypatch.setattr("lanes.train.callbacks.CHECKPOINT_EVERY", 2)
    tiny[tiny.index("--steps") + 1] = "5"
    checkpoint = train(parse([*tiny, "--learning-rate", "0.1"]))
    kept = weights_of(checkpoint)
    last_step = torch.load(checkpoint.parent / "last.ckpt", weights_only=True)["current_model_state"]
    assert not torch.equal(kept["stem.0.weight"], last_step["network.stem.0.weight"])
    resumed = weights_of(train(parse([*tiny, "--learning-rate", "0.1", "--resume"])))
    assert all(torch.equal(resumed[name], value) for name, value in kept.items())


@pytest.mark.parametrize(
    ("options", "which"),
    [
        (["--size", "64", "64"], "--size"),
        (["--leave-out", "south"], "--data, --weights or --leave-out"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(tiny: list[str], tmp_path: Path, options: list[str], which: str) -> None:
    before = train(parse(tiny)).read_bytes()
    with pytest.raises(InputError, match=f"of another request: give the same {which} as before"):
        train(parse([*tiny, *options, "--resume"]))
    assert (tmp_path / "run/unet.pt").read_bytes() == before


def test_what_is_looked_at_early_has_learnt_already(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long run the average begins late; before that Lightning shows the network as it was made."""
    monkeypatch.setattr("lanes.train.callbacks.CHECKPOINT_EVERY", 4)
    tiny[tiny.index("--steps") + 1] = "100"
    tiny[tiny.index("--val-every") + 1] = "4"
    validated: dict[int, torch.Tensor] = {}

    def validate(module: LaneTraining, *_: object) -> None:
        validated[module.global_step] = module.network.stem[0].weight.clone()
        if len(validated) == 2:
            raise InputError("seen enough")

    monkeypatch.setattr(LaneTraining, "validation_step", validate)
    with pytest.raises(InputError, match="seen enough"):
        train(parse([*tiny, "--learning-rate", "0.1"]))
    assert not torch.equal(*validated.values())


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_an_interrupted_run_says_so(rendered_sources: Path, tmp_path: Path) -> None:
    few = ["--crop", "64", "64", "--size", "64", "64", "--batch", "1", "--workers", "0", "--model", "unet"]
    command = [sys.executable, "-m", "lanes.train", "--data", str(rendered_sources), "--out", str(tmp_path / "run"), *few]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert any("Epoch 0" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    assert process.wait(60) == 130, printed
    assert "lanes.train: interrupted" in printed.splitlines()
    assert "Traceback" not in printed


def test_a_run_is_not_begun_in_the_folder_of_another_one(tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanes.train.callbacks.CHECKPOINT_EVERY", 2)
    train(parse(tiny))
    before = (tmp_path / "run/unet.pt").read_bytes()
    with pytest.raises(InputError, match="holds a run already: --resume"):
        train(parse(tiny))
    (tmp_path / "run/last.ckpt").write_bytes(b"half")
    with pytest.raises(InputError, match=r"last\.ckpt is damaged"):
        train(parse([*tiny, "--resume"]))
    assert (tmp_path / "run/unet.pt").read_bytes() == before


def test_a_run_stopped_early_leaves_a_checkpoint_that_can_be_exported(tiny: list[str], tmp_path: Path) -> None:
    train(parse(tiny))
    network, metadata = load_checkpoint(tmp_path / "run/best.ckpt")
    assert network.config["widths"] == [4, 4, 8]
    assert metadata.name == "unet"


def test_what_the_first_weights_were_trained_on_stays_known(tiny: list[str], tmp_path: Path) -> None:
    first = train(parse([*tiny, "--leave-out", "south"]))
    second = train(parse([*tiny, "--out", str(tmp_path / "second"), "--leave-out", "north", "--weights", str(first)]))
    _, metadata = load_checkpoint(second)
    assert set(metadata.training_data) == {"north", "south", "synthetic"}
    assert metadata.licences == ["north's own", "south's own"]


def test_a_checkpoint_says_how_it_was_trained_and_where_its_threshold_comes_from(tiny: list[str]) -> None:
    saved = torch.load(train(parse(tiny)), weights_only=True)
    recipe, metadata = saved["recipe"], saved["metadata"]
    assert build_network(recipe["network"]).config == saved["network"]
    assert (recipe["steps"], recipe["loss"], recipe["optimiser"]) == (parse(tiny).steps, "entropy_dice", "AdamW")
    assert metadata["threshold_drives"] in (["north/valing"], ["south/valing"])
    assert 0 <= metadata["threshold"] <= 1


def test_data_of_one_drive_trains_without_a_score(tiny: list[str], rendered_sources: Path, tmp_path: Path) -> None:
    for source in ("north", "south"):
        shutil.rmtree(rendered_sources / source / "val")
    metadata = torch.load(train(parse(tiny)), weights_only=True)["metadata"]
    assert not (tmp_path / "run/best.ckpt").exists()
    assert (metadata["threshold"], metadata["threshold_drives"]) == (0.5, [])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_frames_beyond_the_memory_are_read_as_they_are_drawn(
    tiny: list[str], rendered_sources: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setattr("lanes.train.loaders.MEMORY", 0)
    for picture in rendered_sources.glob("*/train/images/*"):
        picture.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"^[^\n]*ing_\d\.png cannot be decoded as an image$"):
        train(parse([*tiny, "--workers", workers]))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--leave-out", "nort"], "no such source, but north, south"),
        (["--size", "100", "64"], "--size 100 64: give multiples of"),
        (["--crop", "64", "70"], "--crop 64 70: give multiples of"),
        (["--accelerator", "gpu", "--devices", "64"], "."),
        (["--out", "/proc/version"], "cannot use /proc/version"),
    ],
)
def test_options_that_cannot_be_used_are_reported_in_one_line(tiny: list[str], tmp_path: Path, options: list[str], why: str) -> None:
    with pytest.raises(InputError, match=why) as refusal:
        train(parse([*tiny, *options]))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [["--steps", "0"], ["--batch", "-1"], ["--val-every", "0"], ["--val-stride", "0"], ["--seed", "-1"], ["--precision", "8"]]
)
def test_numbers_that_mean_nothing_are_refused(tiny: list[str], options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse([*tiny, *options])
    assert options[0] in capsys.readouterr().err


def test_curves_of_a_run_that_was_killed_in_the_middle_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,train_loss\n0,19,0.5\n0,39,0.4\n0,5")
    draw_curves([log], tmp_path / "curves.svg")
    assert "Loss" in (tmp_path / "curves.svg").read_text()


def test_half_a_line_of_a_resumed_run_takes_nothing_from_what_came_before(tmp_path: Path) -> None:
    header = "epoch,step,train_loss\n"
    logs = [tmp_path / "first.csv", tmp_path / "second.csv"]
    logs[0].write_text(header + "".join(f"0,{step},0.{step}\n" for step in range(100, 400, 20)))
    segments = []
    for end in ("", "0,4"):
        logs[1].write_text(header + "0,400,0.4\n0,420,0.3\n" + end)
        draw_curves(logs, tmp_path / "curves.svg")
        segments.append((tmp_path / "curves.svg").read_text().count("\nL "))
    assert segments[0] == segments[1] > len(range(100, 400, 20))


@pytest.mark.slow
def test_two_processes_train_together(shared: Path, tmp_path: Path) -> None:
    """As two GPUs do: each on examples of its own, the validation frames shared out between them."""
    few = ["--size", "128", "64", "--crop", "64", "64", "--batch", "2", "--workers", "0", "--val-stride", "40", "--val-every", "2"]
    command = [sys.executable, "-m", "lanes.train", "--data", str(shared / "lanedata"), "--out", str(tmp_path), *few]
    both = [*command, "--steps", "4", "--accelerator", "cpu", "--devices", "2"]
    printed = subprocess.run(both, check=True, timeout=600, stdout=subprocess.PIPE, text=True).stdout
    assert printed.splitlines().count(str(tmp_path / "unet.pt")) == 1
    assert (tmp_path / "unet.pt").exists()


def every_hundredth(root: Path, split: str) -> list[object]:
    """A few frames of every source: enough to run, quick to read."""
    from lanes.data.open import list_frames

    return list_frames(root, split)[::100]
