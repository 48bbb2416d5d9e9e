"""The latency report as a JSON file: its fields are in docs/outputs.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lanes.files import write_atomically
from lanes.telemetry.report import Report


def make_report(report: Report) -> dict[str, Any]:
    """The report, of JSON's types. Times in milliseconds; a stage that never ran is left out."""
    figures = report.figures
    frames = figures.frames
    made: dict[str, Any] = {
        "frames": {
            "captured": frames.captured,
            "processed": frames.processed,
            "dropped": sum(frames.dropped.values()),
            "corrupt": frames.corrupt,
        },
        "dropped_by_reason": frames.dropped,
        "suspect_frames": frames.suspect,
        "warmup_frames": figures.warmup_frames,
        "stages": {stage: asdict(summary) for stage, summary in figures.stages.items()},
        "end_to_end": asdict(figures.end_to_end),
    }
    if figures.frame_age is not None:
        made["frame_age"] = asdict(figures.frame_age)
    return made | {
        "throughput_fps": figures.throughput_fps,
        "engine": asdict(report.engine),
        "machine": report.machine,
        "source": {"name": report.source.name, "files": list(report.source.files), "live": report.source.live},
    }


def write_report(path: Path, report: Report) -> None:
    """Writes the report, whole or not at all. Folders on the way are made.

    Raises:
        OutputError: it cannot be written, as on a full disk.
    """
    write_atomically(path, json.dumps(make_report(report), indent=2) + "\n")
