"""Priors that sort coefficients into kinds: those that matter, and those that are next to zero."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, entries, frozen_number, pairs
from bayesglm.spec.prior.positive import prior_of
from bayesglm.spec.prior.traits import Shown, Traits, check_scale


@noun
class SpikeSlab(Shown):
    """Prior of coefficients of which few matter: a narrow normal, the spike, and a wide one.

    log p(w) = log((1 - probability) N(w; 0, spike) + probability N(w; 0, scale)) for every
    coefficient, the indicator that says which of the two it is from being summed out (George &
    McCulloch 1993; Mitchell & Beauchamp 1988, whose spike is a point). It is not
    log-concave, with up to 2^p modes: the MAP of `fit_map` is a local one. `fit` draws the
    indicators themselves, many walkers at once, and the coefficients given them.

    Every posterior holds ``<term>_inclusion``, of each draw the probability that a coefficient is
    from the slab, probability N(w; 0, scale) / exp(log p(w)); its mean is the posterior inclusion
    probability.

    Parameters
    ----------
    scale : float or array
        Standard deviation of the slab: how large coefficients are that matter, in units of the
        coefficient. An array must broadcast against the coefficient's dims.
    spike : float or array
        Standard deviation of the spike, below ``scale``: what is as good as zero. A twentieth of
        ``scale`` is common; coefficients of two or three
        spikes are from either.
    probability : float or array
        Prior probability of the slab, above 0 and below 1: the share of coefficients expected to
        matter.

    Raises
    ------
    ModelError
        A scale or a spike that is not positive and finite, or is a prior itself; a spike that is
        not below its scale; a probability that is not between 0 and 1.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.SpikeSlab(1.0, spike=0.05, probability=0.2)
    SpikeSlab(1.0, 0.05, probability=0.2)
    >>> data = {"y": [0.0, 1.1, 1.9, 3.0], "x": [[0, 1], [1, 0], [2, 1], [3, 0]]}
    >>> term = bg.Linear("x", prior=bg.SpikeSlab(1.0, spike=0.05))
    >>> fitted = bg.fit(bg.GLM("y", term, dispersion=0.1), data)
    >>> fitted["posterior"]["x_inclusion"].mean(("chain", "draw")).round(1).values.tolist()
    [1.0, 0.2]
    """

    traits: ClassVar[Traits] = Traits(has_scale=False)

    scale: Number
    spike: Number
    probability: Number = 0.5

    def __post_init__(self) -> None:
        for name in ("scale", "spike", "probability"):
            if prior_of(getattr(self, name)) is not None or hasattr(getattr(self, name), "traits"):
                raise ModelError(
                    f"SpikeSlab {name} is a number, or one for each coefficient, and cannot be "
                    f"learned; got {getattr(self, name)!r}. Horseshoe learns how many coefficients "
                    "matter."
                )
        check_scale(self)
        spike = frozen_number("SpikeSlab spike", self.spike, positive=True)
        for narrow, wide in pairs(spike, self.scale):
            if not narrow < wide:
                raise ModelError(
                    f"SpikeSlab spike must be below its scale, got a spike of {narrow:g} and a "
                    f"scale of {wide:g}: the scale is that of coefficients that matter. Give a "
                    f"spike of {wide / 20:g}, say."
                )
        probability = frozen_number("SpikeSlab probability", self.probability)
        for entry in entries(probability):
            if not 0 < entry < 1:
                raise ModelError(
                    f"SpikeSlab probability must lie above 0 and below 1, got {entry!r}; at 0 the "
                    "prior is Normal(spike), at 1 Normal(scale): use those."
                )
        put(self, spike=spike, probability=probability)
