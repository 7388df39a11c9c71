"""What a search gives, and what a projection: nouns that all of this room share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Projected(NamedTuple):
    """Draws of a reference projected onto some of its terms.

    ``thetas`` are laid as the reference's are ``(draws, size)``, one array for each neuron: zero at
    the coefficients of terms that are left out, so that whatever reads the whole model reads them.
    ``kl`` is the divergence of each draw ``(draws,)``, in nats, added up over rows and neurons.
    """

    terms: tuple[str, ...]
    thetas: tuple[Array, ...]
    kl: Array


class Path(NamedTuple):
    """Terms in the order in which a search takes them, the forced ones first.

    ``kl`` is the mean divergence ``(len(terms) + 1,)`` of the reference from the model of the first
    k terms, in nats, as the search had it: of its few clusters of draws.
    """

    terms: tuple[str, ...]
    n_forced: int
    kl: Array

    def at(self, size: int) -> tuple[str, ...]:
        """Return the terms of the model of that size."""
        return self.terms[:size]
