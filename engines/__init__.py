"""Engines: what runs a model, and the model files."""

import lanes  # noqa: F401 - which explains a missing OpenCV
