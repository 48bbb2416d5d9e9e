"""The curve of a line: the simplest that explains its paint, where it leads, and how much paint supports it."""

from __future__ import annotations

import math

import numpy as np

from lanes.geometry.strokes import Floats, Line

POLE = 0.25
"""How far above a line's highest paint the pole of its curve lies, in spans of the line (found best on real bends)."""

RIDGE = [1e-6 * np.eye(terms) for terms in range(5)]


def fit(line: Line) -> None:
    """Fit the simplest curve that explains the paint to a fifth of a cell, or that a richer one improves little; outliers lose weight.

    In perspective a bend of constant curvature is a hyperbola whose pole is the horizon; on a hill or in a bend that tightens
    a parabola comes nearer. The two together follow both.
    """
    t = (line.y - line.high) / line.span
    basis = np.stack([np.ones_like(t), t])
    line.error = math.inf
    for terms in range(2, 5):
        if terms > 2:
            basis = np.concatenate([basis, (t * t if terms == 3 else 1.0 / (t + POLE))[None]])
        weighted = basis
        for _ in range(3):
            solution = np.linalg.solve(weighted @ basis.T + RIDGE[terms], weighted @ line.x)
            residual = np.abs(solution @ basis - line.x)
            if float(residual.max()) < 1.5:
                break
            weighted = basis / (1.0 + residual**2)
        bounded = np.minimum(residual, 4.0)
        error = math.sqrt(float(bounded @ bounded) / len(t))
        if error < 0.7 * line.error:
            line.error = error
            line.coefficients = (*solution.tolist(), *[0.0] * (4 - terms))
        # A few dashes do not distinguish a bend from a counter-bend: the pole is for lines that are mostly paint.
        if error < 0.2 or len(t) < 8 * terms or (terms == 3 and len(t) < 0.6 * line.span):
            break


def x_at(line: Line, y: Floats) -> Floats:
    """x of the fitted curve at y. Beyond its paint it goes on alongside its guide, or straight: the fit is not constrained there."""
    a, b, c, d = line.coefficients
    guide = line.guide
    x: Floats
    if guide is not None and line.is_alongside:
        x = x_at(guide, y) + (a - b * line.horizon) + b * y
        return x
    if guide is None and c == 0.0 and d == 0.0:
        slope = b / line.span
        x = (a - slope * line.high) + slope * y
        return x
    inside = np.minimum(np.maximum(y, line.high), line.low)
    t = (inside - line.high) / line.span
    end = a + t * (b + t * c) + d / (t + POLE)
    beyond = y - inside
    if not beyond.any():
        return end
    if guide is None:
        x = end + beyond * np.where(beyond > 0, _slope(line, 1.0 - 1.0 / line.span), _slope(line, 0.0))
        return x
    # Beyond its paint apart from the guide in proportion to the distance from the horizon, as at its own nearest paint.
    share = np.maximum(y - line.horizon, 0.0) / np.maximum(inside - line.horizon, 1.0)
    on_guide = x_at(guide, np.array([y, inside]))
    x = np.where(beyond != 0, on_guide[0] + (end - on_guide[1]) * share, end)
    return x


def _slope(line: Line, t: float) -> float:
    """dx/dy of the curve where it is t of the line's span below its highest paint."""
    _, b, c, d = line.coefficients
    return (b + 2.0 * t * c - d / (t + POLE) ** 2) / line.span


def heading_near(line: Line) -> tuple[float, float, float]:
    """(x, y, slope dx/dy) near the lower end: in a bend only what is near points to where the road is heading at the car."""
    a, b, c, d = line.coefficients
    t = 0.8
    return a + t * (b + t * c) + d / (t + POLE), line.high + t * line.span, _slope(line, t)


def support(line: Line, rows: int) -> float:
    """0 to 1, from the length of the paint (a fifth of the frame's height is enough), its share of the line's span, and the fit's error."""
    length = min(1.0, line.length / (0.2 * rows))
    share = min(1.0, 2.0 * len(line.y) / line.span)
    return length * share / (1.0 + 0.3 * line.error**2)


def confidence(line: Line, rows: int) -> float:
    """Share of the lines with as much support that lay on a boundary, on labelled real and rendered frames: how certain a line is."""
    return round(0.6 + 0.37 * support(line, rows), 3)
