"""Positive parameters beside the coefficients, as they were said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.design.blocks import entry_label

Array = np.ndarray


@dataclass(frozen=True)
class Positive:
    """A positive parameter, which theta holds as a logarithm: a dispersion, or a learned scale.

    ``kind`` is the name of its prior's record, ``numbers`` that prior's parameters as they were
    said; its entries are named as a coefficient's are.
    """

    kind: str
    numbers: Mapping[str, Any]
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    def labels(self, name: str) -> list[str]:
        """Return a name for every entry, for messages."""
        named = (name, self.shape, self.dims, self.coords)
        return [entry_label(*named, k) for k in range(self.size)]
