"""What a method of inference returns for one neuron, before it becomes part of a tree."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian at the mode of the unconstrained density, its raw draws and their check.

    ``mode``, ``covariance`` and ``raw`` are on the unconstrained scale (log sigma); ``raw`` is
    ``(chain, draw, size)`` with its log densities ``log_p`` (target) and ``log_q`` (proposal).
    """

    mode: Array
    covariance: Array
    raw: Array
    log_p: Array
    log_q: Array
    khat: float
    kish: float
    ess: float
    accepted: bool
    why: str


@dataclass(frozen=True)
class Draws:
    """Posterior draws of theta, ``(chain, draw, size)``, with how they were made.

    ``log_posterior`` is that of the mode, where the method found one.
    """

    theta: Array
    method: str
    why: str
    log_posterior: float | None
    lp: Array
    stats: dict[str, Array] = field(default_factory=dict)
    solution: dict[str, float | str] = field(default_factory=dict)
    gaussian: Gaussian | None = None
