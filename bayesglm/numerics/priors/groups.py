"""Groups of coefficients, of each of which a prior sees the length alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import Apart, Parameters

Array = np.ndarray


class Groups(Apart):
    """Coefficients in groups; the prior's record is one of a group's length and its size.

    ``labels`` ``(q,)`` are the numbers of the groups, from 0 on.

    >>> groups = Groups(np.array([0, 0, 1]))
    >>> groups.lengths(np.array([3.0, 4.0, 2.0])).tolist(), groups.sizes.tolist()
    ([5.0, 2.0], [2.0, 1.0])
    """

    name: ClassVar[str] = "groups"
    of_levels: ClassVar[bool] = False

    def __init__(self, labels: Array) -> None:
        self.labels = labels
        self._order = np.argsort(labels, kind="stable")
        self._starts = np.searchsorted(labels[self._order], np.arange(labels.max() + 1))

    @cached_property
    def groups(self) -> tuple[Array, ...]:  # type: ignore[override]
        """The members of each group."""
        return tuple(np.split(self._order, self._starts[1:]))

    @cached_property
    def sizes(self) -> Array:
        """How many coefficients each group has."""
        return np.bincount(self.labels).astype(float)

    def lengths(self, x: Array) -> Array:
        """Return the Euclidean lengths ``(..., groups)`` of arrays ``(..., q)``."""
        squares = np.square(x[..., self._order])
        return np.sqrt(np.add.reduceat(squares, self._starts, axis=-1))

    def of_groups(self, parameters: Parameters) -> Parameters:
        """Return the parameters of each group, its size among them; they are alike inside one."""
        first = self._order[self._starts]
        taken = {key: self._take(value, first) for key, value in parameters.items()}
        return {**taken, "size": self.sizes}

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters with the size of each coefficient's group."""
        return {**parameters, "size": self.sizes[self.labels]}

    def _take(self, value: Any, first: Array) -> Any:
        wide = np.ndim(value) and np.shape(value)[-1] == len(self.labels)
        return value[..., first] if wide else value

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the sum over the groups."""
        each = prior.log_density(self.lengths(x), **self.of_groups(parameters))
        return each.sum(axis=-1)

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the slope of each length, along its group; 0 at a kink."""
        lengths = self.lengths(x)
        slopes = prior.gradient(lengths, **self.of_groups(parameters))
        rate = np.divide(slopes, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
        return rate[..., self.labels] * x

    def penalty(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the sum over the groups."""
        assert prior.penalty is not None
        return prior.penalty(self.lengths(x), **self.of_groups(parameters)).sum(axis=-1)

    def prox(self, prior: Prior, x: Array, step: float, parameters: Parameters) -> Array:
        """Return each group along its direction, its length being the record's prox."""
        assert prior.prox is not None
        lengths = self.lengths(x)
        after = prior.prox(lengths, step, **self.of_groups(parameters))
        share = np.divide(after, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
        return share[..., self.labels] * x

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return ``(..., q)``: lengths of the record, in directions that are all alike."""
        assert prior.draw is not None
        x = rng.standard_normal(shape)
        lengths = self.lengths(x)
        wanted = prior.draw(rng, lengths.shape, **self.of_groups(parameters))
        return (wanted / lengths)[..., self.labels] * x
