"""Positive hyperparameters as priors say them, before they are laid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


class Positive(NamedTuple):
    """A learned scale, or what else is learned above coefficients, with its own prior.

    ``kind`` is the name of that prior's record, ``numbers`` are its parameters as they were said;
    the entries are named as a coefficient's are.
    """

    kind: str
    numbers: Mapping[str, Any]
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Array] = {}
    part_of: Mapping[str, Array] = {}


class Shares(NamedTuple):
    """Positive numbers that add up to one, under a Dirichlet prior of one concentration."""

    concentration: float
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    coords: Mapping[str, Array]
    part_of: Mapping[str, Array] = {}
