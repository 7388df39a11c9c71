"""Data to learn from: bundled, fetched or simulated, each by a function that returns a Dataset."""

from bayesglm.datasets.grasshopper_recording import grasshopper
from bayesglm.datasets.recordings import retina, steinmetz
from bayesglm.datasets.simulated import simulate_choices, simulate_population, simulate_retina

__all__ = [
    "grasshopper",
    "retina",
    "simulate_choices",
    "simulate_population",
    "simulate_retina",
    "steinmetz",
]
