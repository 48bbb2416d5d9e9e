"""The page that shows what quantising did: fp32 and int8 side by side."""

from __future__ import annotations

from calibration.report import Report


def write_page(report: Report) -> str:
    return ""
