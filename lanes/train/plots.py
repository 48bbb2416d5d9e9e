"""The plot of a training run: loss and IoU, on validation drives beside frames that were trained on."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from matplotlib.figure import Figure


class Curves(Callback):
    """Draws `curves.svg` beside the log after every validation."""

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning gives it
        if trainer.is_global_zero and isinstance(trainer.logger, CSVLogger):
            trainer.logger.save()
            folder = Path(trainer.logger.root_dir)
            logs = sorted(folder.glob("version_*/metrics.csv"), key=lambda log: int(log.parent.name.removeprefix("version_")))
            draw_curves(logs, folder / "curves.svg")


def draw_curves(logs: Sequence[Path], out: Path) -> None:
    """Draws a run: the loss, and IoU of each source, of validation drives (solid) and of frames trained on (dashed).

    Args:
        logs: Lightning's `metrics.csv`, one for each time that the run was resumed, in order; a later one takes over from its first step.
        out: the plot, in a format that its suffix names.
    """
    points: dict[str, dict[float, float]] = defaultdict(dict)
    for log in logs:
        with log.open(newline="") as file:
            rows = list(csv.DictReader(file))
        rows = [row for row in rows if (row.get("step") or "").isdecimal()]  # a kill may leave half a line
        start = float(rows[0]["step"]) if rows else math.inf
        for name, values in points.items():
            points[name] = {step: value for step, value in values.items() if step < start}
        for row in rows:
            for name, value in row.items():
                if name and value and name not in ("step", "epoch"):
                    points[name][float(row["step"])] = float(value)
    series = defaultdict(lambda: ([], []), {name: ([*values], [*values.values()]) for name, values in points.items()})
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    loss, iou = figure.subplots(1, 2)
    for name, colour, label in (
        ("train_loss", "0.75", "augmented examples"),
        ("seen_loss", "tab:orange", "frames trained on"),
        ("val_loss", "tab:blue", "validation drives"),
    ):
        if name in series:
            loss.plot(*series[name], color=colour, label=label)
    loss.set(title="Loss", xlabel="step", yscale="log")
    sources = sorted(name.partition("/")[2] for name in series if "_iou/" in name)
    for index, source in enumerate(dict.fromkeys(sources)):
        iou.plot(*series[f"val_iou/{source}"], color=f"C{index}", label=source)
        iou.plot(*series[f"seen_iou/{source}"], color=f"C{index}", linestyle="--")
    dashed = ", trained on (dashed)" if any(name.startswith("seen_iou/") for name in points) else ""
    iou.set(title=f"IoU: validation (solid){dashed}", xlabel="step", ylim=(0, 1))
    for axes in (loss, iou):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(out)
