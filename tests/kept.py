"""Fits whose effects of levels are kept as marginals, made of fits that keep all draws."""

import time
from dataclasses import replace

import numpy as np

from bayesglm.inference.draws import PROBS, Effects
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.tree.posterior import posterior_tree


def both_ways(model, data, name, draws=250, chains=2, checks=None, n_whole=0):
    """Return a fit with all draws, and the same with the effects of a group as marginals.

    The first ``n_whole`` neurons keep all draws of themselves.
    """
    problems = open_posteriors(model, data)
    made = sample(problems, draws, chains, 0)
    apart = [
        one if k < n_whole else replace(_apart(problem, one, name), checks=checks or {})
        for k, (problem, one) in enumerate(zip(problems, made, strict=True))
    ]
    began = time.perf_counter()
    return tuple(posterior_tree(problems, one, 0, began) for one in (made, apart))


def _apart(problem, one, name):
    place = problem.places[name]
    blocks = problem.design.predictors.blocks
    *effects, levels = next(block.shape for block in blocks if block.name == name)
    own = one.theta[..., place].reshape(-1, place.stop - place.start)
    kept = Effects(
        place,
        (int(np.prod(effects, dtype=int)), levels),
        own.mean(axis=0),
        own.std(axis=0, ddof=1),
        np.quantile(own, PROBS, axis=0),
    )
    gaussian = one.gaussian
    if gaussian is not None:
        rest = np.delete(np.arange(len(gaussian.mode)), place)
        gaussian = replace(
            gaussian,
            mode=gaussian.mode[rest],
            covariance=gaussian.covariance[np.ix_(rest, rest)],
            raw=np.delete(gaussian.raw, place, axis=-1),
        )
    theta = np.delete(one.theta, place, axis=-1)
    return replace(one, theta=theta, effects=kept, gaussian=gaussian)
