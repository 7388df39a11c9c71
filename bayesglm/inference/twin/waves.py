"""Coefficients in PyMC that are sums of waves, whose amplitudes are the variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.kernels import LOG_LEAST
from bayesglm.numerics.priors.spectra import FieldScale, UnequalScale
from bayesglm.numerics.theta.waves import Waves

type Tensor = Any


def wave_amplitudes(
    name: str,
    waves: Waves,
    population: tuple[str, ...],
    make: Callable[[str, tuple[str, ...]], Tensor],
) -> Tensor:
    """Return the amplitudes of waves ``([neuron,] waves)``, a variable that ``make`` makes."""
    import pymc as pm

    own = f"{name}_wave"
    pm.modelcontext(None).add_coord(f"{own}_number", np.arange(waves.size))
    return make(own, (*population, f"{own}_number"))


def summed(
    name: str, waves: Waves, z: Tensor, shape: tuple[int, ...], dims: tuple[str, ...]
) -> Tensor:
    """Return coefficients ``([neuron,] *shape)`` of amplitudes, under the name that they have."""
    import pymc as pm

    w = z @ waves.matrix.T
    lead = (w.shape[0],) if len(dims) > len(shape) else ()
    return pm.Deterministic(name, w.reshape((*lead, *shape)), dims=dims)


def wave_scale(
    problems: Sequence[Problem],
    spectra: Sequence[UnequalScale | FieldScale],
    variable: Callable[[str], Tensor],
    lead: tuple[int, ...],
    shape: tuple[int, ...],
) -> Tensor:
    """Return the scales of waves ``(*lead, waves)``, of which something is learned."""
    import pytensor.tensor as pt

    first = spectra[0]
    if isinstance(first, UnequalScale):
        units = [one.log_unit for one in spectra if isinstance(one, UnequalScale)]
        unit = np.exp(np.stack(units)).reshape((*lead, *shape))
        return variable("scale") * unit
    above = np.exp(first.common) if isinstance(first.common, float) else variable("scale")
    of_lengths, place, log_spectrum = variable("lengthscale"), 0, 0.0
    for known, rates in zip(first.log_lengths, first.field.frequencies, strict=True):
        length = np.exp(known)
        if np.isnan(known):
            alone = len(first.log_lengths) == 1
            length = of_lengths if alone else of_lengths[..., place][..., None]
            place += 1
        log_spectrum = log_spectrum + SPECTRA[first.field.kernel.name](pt.sqr(rates * length))
    log_spectrum = pt.logaddexp(log_spectrum, LOG_LEAST)
    total = pt.logsumexp(log_spectrum, axis=-1, keepdims=True) - np.log(first.field.n_apart)
    return above * pt.exp(0.5 * (log_spectrum - total))


def _matern(nu: float) -> Callable[[Tensor], Tensor]:
    def log_spectrum(square: Tensor) -> Tensor:
        import pytensor.tensor as pt

        return -(nu + 0.5) * pt.log1p(square / (2.0 * nu))

    return log_spectrum


# Logarithms of kernels' spectral densities at squares of frequencies, by the kernels' names.
SPECTRA: dict[str, Callable[[Tensor], Tensor]] = {
    "squared_exponential": lambda square: -0.5 * square,
    "matern32": _matern(1.5),
    "matern52": _matern(2.5),
}
