"""Priors of parameters with bounds, carried to where the parameter stands without bounds.

A parameter x = T(u) with the density p has, as one of u, the density p(T(u)) |dT/du|. So a
coefficient on the link of a dispersion says what a prior says of the dispersion itself.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from bayesglm.numerics.priors.record import Array, Prior
from bayesglm.numerics.theta.transforms import Transform


@lru_cache(maxsize=64)  # pairs of a prior's record and a transform: few are in use at a time
def carried(prior: Prior, transform: Transform) -> Prior:
    """Return the record of u, of which ``prior`` is that of x = T(u), elementwise.

    One that says nothing of x says nothing of u: the mode is that of the likelihood.

    >>> from bayesglm.numerics.priors.table import PRIORS
    >>> from bayesglm.numerics.theta.transforms import LOG
    >>> carried(PRIORS["Exponential"], LOG).log_density(np.zeros(1), scale=1.0)
    array([-1.])
    """

    if not prior.proper:
        return prior
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # far out

    @quiet
    def log_density(u: Array, **parameters: Any) -> Array:
        of_natural = prior.log_density(transform.natural(u), **parameters)
        return of_natural + transform.log_jacobian(np.asarray(u)[..., None])

    @quiet
    def gradient(u: Array, **parameters: Any) -> Array:
        slope = prior.gradient(transform.natural(u), **parameters)
        return transform.pull(u, slope) + transform.jacobian_slope(u)

    @quiet
    def curvature(u: Array, **parameters: Any) -> Array:
        x, square = transform.natural(u), transform.pull(u, transform.pull(u, 1.0))
        bend = prior.curvature(x, **parameters) * square
        bend = bend + transform.second(u, prior.gradient(x, **parameters))
        own = np.reshape(u, (-1, 1))
        of_jacobian = [transform.jacobian_bend(one)[0, 0] for one in own]
        return bend + np.reshape(of_jacobian, np.shape(u))

    def draw(rng: np.random.Generator, size: tuple[int, ...], /, **parameters: Any) -> Array:
        assert prior.draw is not None
        return transform.inner(prior.draw(rng, size, **parameters))

    return Prior(
        support="real",
        draw=draw,
        log_density=log_density,
        gradient=gradient,
        curvature=curvature,
        proper=prior.proper,
        log_concave=False,
        curved=prior.curved,
    )
