"""Data to learn from: bundled recordings, each a function that returns a Dataset."""

from bayesglm.datasets.grasshopper_recording import grasshopper

__all__ = ["grasshopper"]
