"""Registries of parameters for objectives that are made by hand."""

from itertools import pairwise

from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.registry import Theta
from bayesglm.numerics.theta.transforms import IDENTITY, LOG


def theta_of(p, dispersions=(), scales=(), jacobian=False, transforms=(), family=None):
    """Return p coefficients, then dispersions and scales.

    Dispersions are numbers, or priors of free ones, which stand as those of the ``family`` do where
    one is given, else under their logarithms; ``scales`` are pairs of a shape and a prior.
    ``transforms`` are pairs of a run of coefficients and how it stands; the rest stand as they are.
    """
    ends = sorted({0, p, *(end for run, _ in transforms for end in (run.start, run.stop))})
    how = {run.start: transform for run, transform in transforms}
    parameters = [
        Parameter(f"w{start}", "coefficients", slice(start, stop), how.get(start, IDENTITY))
        for start, stop in pairwise(ends)
    ]
    at = p
    for k, one in enumerate(dispersions):
        if isinstance(one, Distribution):
            place, at = slice(at, at + 1), at + 1
            stands = LOG if family is None else family.dispersions[k].transform
            parameters.append(Parameter(f"phi{k}", "dispersion", place, stands, prior=one))
        else:
            parameters.append(Parameter(f"phi{k}", "dispersion", fixed=one))
    for k, (shape, prior) in enumerate(scales):
        size = int(shape or 1)
        place, at = slice(at, at + size), at + size
        dims = {"shape": (size,), "dims": ("k",), "coords": {"k": range(size)}} if shape else {}
        parameters.append(Parameter(f"scale{k}", "scale", place, LOG, prior=prior, **dims))
    return Theta(tuple(parameters), jacobian)
