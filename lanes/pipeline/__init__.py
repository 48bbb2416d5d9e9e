"""The streaming loop."""

from lanes.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]
