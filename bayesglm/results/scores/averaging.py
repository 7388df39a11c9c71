"""Weights by which predictions of several models are averaged."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
BOOTSTRAPS = 1000  # of the samples, as ArviZ draws
SEED = 124  # of these, as ArviZ's, whose weights are so the same
DRAWN = 20_000_000  # numbers that are drawn at most; of more samples the limit is normal: chosen
PRECISE = 1e-12  # of the mean log score, to which stacking weights are best
STEPS = 1000  # of the solver at most, of which a dozen are common
TINY = np.finfo(float).tiny  # density of a mixture at least, so that its logarithm is finite
NEGLIGIBLE = 1e-9  # a weight below it is none


def stacking_weights(elpd_i: Array) -> Array:
    """Return the weights of the mixture that would have predicted the samples best.

        max over w of sum_i log sum_k w_k p(y_i | y_-i, model k),  w_k >= 0,  sum_k w_k = 1

    (Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917, eq. 5), of pointwise log
    densities ``(sample, model)``; the optimum is told by sum_i p_ik / (p w)_i <= n, with equality
    where a model has weight. Densities are taken relative to the best of each sample, which moves
    no weight and lets joint densities of many rows be as small as they are.

    >>> stacking_weights(np.log([[0.5, 0.1], [0.1, 0.5], [0.5, 0.1]])).round(4).tolist()
    [0.75, 0.25]
    """
    from scipy.optimize import minimize

    density = np.exp(elpd_i - elpd_i.max(axis=1, keepdims=True))
    n_models = density.shape[1]

    def loss(weights: Array) -> tuple[float, Array]:
        mixed = np.maximum(density @ weights, TINY)
        return -float(np.log(mixed).mean()), -(density / mixed[:, None]).mean(axis=0)

    best = minimize(
        loss,
        np.full(n_models, 1.0 / n_models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_models,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like},
        options={"ftol": PRECISE, "maxiter": STEPS},
    )
    weights = np.where(best.x < NEGLIGIBLE, 0.0, best.x)
    return weights / weights.sum()


def pseudo_bma_weights(elpd_i: Array) -> Array:
    """Return pseudo-BMA+ weights: exp(elpd) of each model, averaged over Bayesian bootstraps.

    mean_b exp(z_bk) / sum_k exp(z_bk),  z_bk = n sum_i g_bi elpd_ik,  g_b ~ Dirichlet(1, ..., 1)

    (Yao, Vehtari, Simpson & Gelman 2018, section 3.4). Of very many samples z_b is drawn from its
    normal limit.
    """
    n = len(elpd_i)
    rng = np.random.RandomState(SEED)
    if BOOTSTRAPS * n <= DRAWN:
        sums = n * rng.dirichlet(np.ones(n), BOOTSTRAPS) @ elpd_i
    else:
        away = elpd_i - elpd_i.mean(axis=0)
        spread = away.T @ away / (n + 1.0) * n
        sums = rng.multivariate_normal(elpd_i.sum(axis=0), spread, BOOTSTRAPS, check_valid="ignore")
    shares = np.exp(sums - sums.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
