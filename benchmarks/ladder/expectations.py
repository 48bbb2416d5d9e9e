"""What theory predicts, and whether it was found: one verdict a prediction, from the figures alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PATCHES_SLOWER = 100
"""Patches are slower than `fcn` by two orders of magnitude."""

STEADIER = 0.7
"""Flicker of `unet3d` as a share of that of `unet_plain`, at most."""

SAME_ACCURACY = 0.02
"""Relaxed F1 by which two rungs may differ and still be as accurate as each other."""

Parts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """A prediction beside what was found.

    Attributes:
        claim: what theory predicts, in words.
        asked: the same as a figure.
        found: whether it was found; None where it was not measured.
        value: what was found, in words and figures.
    """

    claim: str
    asked: str
    found: bool | None
    value: str

    @property
    def word(self) -> str:
        """`found`, `not found` or `not measured`."""
        return "not measured" if self.found is None else "found" if self.found else "not found"


def verdicts(parts: Parts) -> list[Verdict]:
    """All of them, in the order of the ladder."""
    return [_patches(parts), _dense(parts), _skips(parts), _time(parts)]


def fp32_ms(parts: Parts, rung: str) -> dict[str, float]:
    """Median milliseconds of a rung in fp32 by engine."""
    entries = parts.get("cost", {}).get("entries", [])
    return {entry["engine"]: entry["ms"]["p50"] for entry in entries if entry["rung"] == rung and entry["precision"] == "fp32"}


def _patches(parts: Parts) -> Verdict:
    claim, asked = "Patches cost more than one network on the whole picture, by two orders of magnitude", f"patch / fcn >= {PATCHES_SLOWER}"
    taught, fcn = parts.get("cost", {}).get("taught"), fp32_ms(parts, "fcn")
    if not taught or not fcn:
        return Verdict(claim, asked, None, _missing(patch=taught, fcn=fcn))
    engine = taught["engine"] if taught["engine"] in fcn else next(iter(fcn))
    ratio = taught["ms"] / fcn[engine]
    value = f"a patch for every pixel takes {_seconds(taught['ms'])}, fcn {_seconds(fcn[engine])} ({engine}, fp32): {ratio:.3g} times"
    return Verdict(claim, asked, ratio >= PATCHES_SLOWER, value)


def _dense(parts: Parts) -> Verdict:
    claim, asked = "The dense twin of the patches gives the same heatmap in a fraction of the time", "difference <= 1e-4, and faster"
    taught = parts.get("cost", {}).get("taught")
    if not taught:
        return Verdict(claim, asked, None, _missing(patch=taught))
    times = f"{_seconds(taught['ms'])} against {_seconds(taught['dense_ms'])} ({taught['engine']}, fp32)"
    value = f"they differ by {taught['difference']:.1g} at most; {times}: {taught['ms'] / taught['dense_ms']:.3g} times as fast"
    return Verdict(claim, asked, taught["difference"] <= 1e-4 and taught["dense_ms"] < taught["ms"], value)


def _skips(parts: Parts) -> Verdict:
    claim, asked = "With few labelled frames, skips are better than none", "relaxed F1 of unet_plain > unet_noskip at the fewest frames"
    curves = parts.get("learning", {}).get("curves", {})
    both = {name: {point["frames"]: point for point in curves.get(name, [])} for name in ("unet_plain", "unet_noskip")}
    shared = sorted(both["unet_plain"].keys() & both["unet_noskip"].keys())
    if not shared:
        return Verdict(claim, asked, None, _missing(**both))
    fewest = shared[0]
    with_skips, without = both["unet_plain"][fewest], both["unet_noskip"][fewest]
    value = f"from {fewest} frames {_spread(with_skips)} with, {_spread(without)} without"
    difference = with_skips["mean"] - without["mean"]
    if abs(difference) < with_skips["std"] + without["std"]:
        value += "; the bands of the seeds overlap, so that it may be chance"
    return Verdict(claim, asked, difference > 0, value)


def _time(parts: Parts) -> Verdict:
    claim = "Memory of earlier frames makes the masks steadier at the same accuracy"
    asked = f"flicker of unet3d <= {STEADIER} of unet_plain's, relaxed F1 within {SAME_ACCURACY}"
    rows = {name: parts.get("flicker", {}).get("by_rung", {}).get(name) for name in ("unet3d", "unet_plain")}
    scores = {name: parts.get("accuracy", {}).get("by_rung", {}).get(name) for name in rows}
    if not all(rows.values()):
        return Verdict(claim, asked, None, _missing(**rows))
    flicker = {name: row["mean"]["flicker"] for name, row in rows.items() if row}
    ratio = flicker["unet3d"] / flicker["unet_plain"] if flicker["unet_plain"] else float("inf")
    value = f"flicker {flicker['unet3d']:.2%} against {flicker['unet_plain']:.2%}: {ratio:.2f} of it"
    steadier = ratio <= STEADIER
    if not all(scores.values()):
        return Verdict(claim, asked, None, f"{value}; accuracy was not measured")
    f1 = {name: row["scores"]["mean"]["relaxed_f1"] for name, row in scores.items() if row}
    value += f"; relaxed F1 {f1['unet3d']:.3f} against {f1['unet_plain']:.3f}"
    return Verdict(claim, asked, steadier and f1["unet3d"] >= f1["unet_plain"] - SAME_ACCURACY, value)


def _missing(**needed: Any) -> str:
    return "no figures of " + ", ".join(name for name, given in needed.items() if not given)


def _spread(point: dict[str, Any]) -> str:
    return f"{point['mean']:.3f} ± {point['std']:.3f}"


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"
