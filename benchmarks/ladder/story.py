"""The words that the page and docs/ladder.md share: what stands above the figures, and each rung's best and worst frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.ladder.candidates import ALL
from benchmarks.ladder.rungs import BY_NAME
from benchmarks.ladder.show import common_engine, cost_of, count, ms, order

TITLE = "The ladder: how the field learnt to see lanes"

INTRODUCTION = (
    "Where is the lane paint in this picture? For fifty years that was answered by rules, then by a network asked once for every pixel, "
    "then by one network for the whole picture, and then by U-Net and its family. Each answer was made because of what was wrong with "
    "the one before.",
    "Here they all run: the same frames, the same data, the same seconds of training, the same program (`run_video.py --model NAME`), "
    "measured by one yardstick.",
)

SHOTS = {
    "day": "a motorway on a fine afternoon",
    "night": "the same by its own headlights",
    "rain": "wet, in mist, drops on the windscreen",
    "bend": "a country road that turns, paint worn",
    "shadow": "trees over the road, and a low sun",
    "none": "no lane paint: cracks, tar seals and kerbs only",
}
"""What each rendered frame is."""

COLOURS_WORDS = "green: paint that was found; red: paint that was missed; magenta: paint that is not there"

DEFINITIONS = (
    (
        "sees",
        "the receptive field, the window of the input that one pixel of the output depends on; `all` where that is the whole picture",
    ),
    ("memory", "the most that a process with this rung alone had resident, Python and libraries and all"),
    ("relaxed F1", "of paint within 5 px at a width of 1280; IoU to the pixel; both the mean over sources"),
    (
        "edge error",
        "mean distance of the mask's edges from the label's and back, in pixels at a width of 1280; nothing counts for more than 20",
    ),
    (
        "flicker",
        "share of paint that both neighbours of a frame have and it has not, and of its paint that neither has, together, in the masks of "
        "a run: what was paint stays paint at half the threshold, but with unet3d, which has its own memory (`python -m lanes.flicker`)",
    ),
)
"""What the table's columns mean."""


HOW = (
    "`python -m benchmarks.ladder` trains nothing: it measures the bundled rungs, and each part of this page can be measured by itself. "
    "Thresholds were chosen on a part of the training data, never on what is scored here. The command that measured last:"
)


PRODUCT = ("unet", "unet-large")
"""The models that were trained longer and on more."""

NEAR = 0.02
"""Relaxed F1 within which a cheaper rung is named beside the best."""


def caption(figures: dict[str, Any]) -> str:
    """Of one tile, in a few words."""
    if figures["relaxed_f1"] is None:
        return ""
    if not figures["paint"]:
        return "nothing seen" if not figures["false_area"] else f"{figures['false_area']:.2%} of the frame is called paint"
    return f"F1 {figures['relaxed_f1']:.2f}"


def best_and_worst(by_shot: dict[str, dict[str, Any]]) -> str:
    """One sentence on where a rung does well and where it fails, from the figures of its frames; empty where they have no labels."""
    painted = {name: each["relaxed_f1"] for name, each in by_shot.items() if each["paint"]}
    if not painted:
        return ""
    best, worst = max(painted, key=lambda name: painted[name]), min(painted, key=lambda name: painted[name])
    if painted[best] == 0:
        return "It finds no paint in any of these frames."
    missed, wrong = 1 - by_shot[worst]["relaxed_recall"], 1 - by_shot[worst]["relaxed_precision"]
    why = f"it misses {missed:.0%} of the paint" if missed >= wrong else f"{wrong:.0%} of what it marks is no paint"
    sentences = [f"Best of the six: {best} (F1 {painted[best]:.2f}). Worst: {worst} (F1 {painted[worst]:.2f}), where {why}."]
    for each in by_shot.values():
        if each["paint"] is False:
            seen = f"it calls {each['false_area']:.2%} of the frame paint" if each["false_area"] else "it rightly sees nothing"
            sentences.append(f"Where there is no paint, {seen}.")
    return " ".join(sentences)


def size_line(parts: dict[str, Any], name: str) -> str:
    """A rung's size in a few words; empty where it is not known."""
    facts = parts.get("facts", {}).get("by_rung", {}).get(name)
    if not facts:
        return ""
    words = []
    if BY_NAME[name].learned and facts.get("parameters"):
        words.append(f"{count(facts['parameters'])} parameters")
    if facts.get("operations"):
        words.append(f"{count(facts['operations'])} multiply-adds a frame")
    field = facts.get("receptive_field")
    if field is not None:
        words.append("a pixel sees the whole picture" if field == ALL else f"a pixel sees {field} px of an input {facts['width']} px wide")
    taught = (parts.get("cost") or {}).get("taught")
    if name == "patch" and taught:
        every, strided = taught["ms"] / 1000, taught["strided"]
        words.append(
            f"{taught['patches']:,} patches of {taught['side']}x{taught['side']} px take {every:.2g} s, one for every "
            f"{strided['stride']}th pixel and row "
            f"{strided['ms'] / 1000:.2g} s, the dense twin {taught['dense_ms'] / 1000:.2g} s, all in {taught['engine']}"
        )
    return ", ".join(words)


def in_short(parts: dict[str, Any]) -> str:
    """The outcome in two sentences, from the figures; empty where cost or accuracy was not measured."""
    scores = parts.get("accuracy", {}).get("by_rung", {})
    times = {name: entry["ms"]["p50"] for name in order(parts) if (entry := cost_of(parts, name)) is not None}
    f1 = {name: scores[name]["scores"]["mean"]["relaxed_f1"] for name in times if name in scores and name not in PRODUCT}
    if len(f1) < 2:
        return ""
    best = max(f1, key=lambda name: f1[name])
    near = min((name for name in f1 if f1[name] >= f1[best] - NEAR), key=lambda name: times[name])
    text = f"Of the rungs with the same training, {best} sees best: relaxed F1 {f1[best]:.3f} at {ms(times[best])} ms a frame."
    if near != best:
        text += f" {near} comes within {NEAR} of it at {ms(times[near])} ms."
    product = [
        f"{name} {scores[name]['scores']['mean']['relaxed_f1']:.3f} at {ms(times[name])} ms"
        for name in PRODUCT
        if name in scores and name in times
    ]
    return text + (f" The product, trained longer and on more: {', '.join(product)}." if product else "")


def shown(parts: dict[str, Any]) -> list[str]:
    """The rungs that have a story on the page: those that anything was measured of."""
    return order(parts)


def machine_line(result: dict[str, Any]) -> str:
    """Where the times were taken."""
    machine = result["machine"]
    return f"{machine.get('processor', 'a machine that is not known')}, {machine.get('cores', '?')} cores"


def missing_line(missing: dict[str, str], everything: Sequence[str]) -> str:
    """Which rungs are not on the page; empty where all are."""
    absent = [name for name in everything if name in missing]
    return f"Not measured, for they were not there: {', '.join(absent)}." if absent else ""


def measured_line(result: dict[str, Any]) -> str:
    """What the table's times and scores were taken on."""
    parts = result["parts"]
    sentences = []
    common = common_engine(parts)
    if common is not None:
        cost = parts["cost"]
        sentences.append(
            f"Milliseconds and memory: {' '.join(common)} on {machine_line(result)}; {cost['interval']}, of "
            f"{cost['frame']['width']}x{cost['frame']['height']}; "
            f"{cost['rounds']} interleaved rounds in fresh processes."
        )
    if "accuracy" in parts:
        data = parts["accuracy"]["data"]
        sentences.append(f"Scores: {data['frames']} labelled frames of {', '.join(data['sources'])}, split {data['split']}.")
    if "flicker" in parts:
        sentences.append(f"Flicker: {', '.join(parts['flicker']['clips'])}.")
    return " ".join(sentences)


def learning_line(parts: dict[str, Any]) -> str:
    """What the learning curves were made of."""
    learning = parts.get("learning")
    if not learning:
        return ""
    settings = learning["settings"]
    text = (
        f"Every point is {settings['seeds']} trainings of {settings['curve_seconds']:.0f} seconds of one processor core each, from "
        "frames drawn by the seed; all see the same crops and are scored on the same drives. The larger the number of frames, the more "
        "sources and drives are among them."
    )
    curves = [points for points in learning["curves"].values() if len(points) > 1]
    if curves and all(points[-1]["mean"] - points[0]["mean"] <= points[-1]["std"] + points[0]["std"] for points in curves):
        text += " None rises by more than its bands from the fewest frames to the most: in so short a training time is the limit, not data."
    scores = {name: rung["scores"]["mean"]["relaxed_f1"]["mean"] for name, rung in learning["rungs"].items() if name in learning["curves"]}
    if scores:
        found = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
        text += f" With {settings['seconds']:.0f} seconds and all frames they reach: {found}."
    return text


def grid_line(parts: dict[str, Any]) -> str:
    """What the still shows."""
    video = parts.get("video")
    return "" if video is None else f"One frame of {video['clip']}; the whole is in {video['file']}, which the command writes."
