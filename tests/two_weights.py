"""Two weights as the explorer has them: their priors, their model, and sums over a fine grid."""

import numpy as np
from scipy.special import exp1

import bayesglm as bg

DF, RATIO = 3.0, 0.5
PRIORS = {
    "normal": bg.Normal,
    "laplace": bg.Laplace,
    "student_t": lambda scale: bg.StudentT(scale, df=DF),
    "elastic_net": lambda scale: bg.ElasticNet(scale, RATIO),
}


def model_of(problem):
    """Return the model of a problem: no intercept, the noise known."""
    is_linear = problem["kind"] == "linear"
    prior = PRIORS[problem["prior"]["family"]](problem["prior"]["scale"])
    return bg.GLM(
        "y",
        bg.Linear("x", prior=prior),
        family="gaussian" if is_linear else "bernoulli",
        intercept=None,
        **({"dispersion": problem["noise"]} if is_linear else {}),
    )


def data_of(problem):
    """Return the data of a problem, as its model reads them."""
    return {"x": np.array(problem["x"]), "y": np.array(problem["y"])}


def log_prior(problem, w):
    """Return the log density of one weight, but for a constant."""
    family, scale = problem["prior"]["family"], problem["prior"]["scale"]
    if family == "horseshoe":
        u = (w / scale) ** 2 / 2
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(u < 100, u + np.log(exp1(np.minimum(u, 100))), -np.log(u + 1))
    return PRIORS[family](scale).logpdf(w)


def log_likelihood(problem, first, other):
    """Return the log likelihood, but for a constant, at weights that broadcast."""
    x, y = np.array(problem["x"]).reshape(-1, 2), np.array(problem["y"])
    total = np.zeros(np.broadcast_shapes(first.shape, other.shape))
    for (u, v), one in zip(x, y, strict=True):
        eta = u * first + v * other
        if problem["kind"] == "linear":
            total -= (one - eta) ** 2 / (2 * problem["noise"] ** 2)
        else:
            total -= np.logaddexp(0, -eta if one else eta)
    return total


def on_a_grid(problem, side=1200, reach=14.0):
    """Sum the posterior on a grid that is fine around zero: w = s sinh(t), by the midpoint rule.

    Return of both weights ``(2,)`` mean, sd, the 3% and 97% quantiles, P(w > 0) and P(|w| < 0.1).
    """
    unit = min(problem["prior"]["scale"], 1.0) / 5.0
    furthest = np.arcsinh(reach * max(problem["prior"]["scale"], 2.0) / unit)
    edges = np.linspace(-furthest, furthest, side + 1)
    t = (edges[1:] + edges[:-1]) / 2
    w, jacobian, ends = unit * np.sinh(t), unit * np.cosh(t), unit * np.sinh(edges)
    log = log_likelihood(problem, w[:, None], w[None])
    own = log_prior(problem, w) + np.log(jacobian)
    log = log + own[:, None] + own[None]
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    found = {name: [] for name in ("mean", "sd", "low", "high", "positive", "small")}
    for along in (mass.sum(axis=1), mass.sum(axis=0)):
        mean, below = along @ w, np.concatenate([[0.0], np.cumsum(along)])
        found["mean"].append(mean)
        found["sd"].append(np.sqrt(along @ (w - mean) ** 2))
        for name, share in (("low", 0.03), ("high", 0.97)):
            found[name].append(np.interp(share, below, ends))
        under, zero, above = np.interp([-0.1, 0.0, 0.1], ends, below)
        found["positive"].append(1.0 - zero)
        found["small"].append(above - under)
    return {name: np.array(values) for name, values in found.items()}
