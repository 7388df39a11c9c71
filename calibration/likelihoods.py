"""How responses of each family are drawn, and how likely they are, written by hand.

Dispersions come as a mapping by name, each an array that broadcasts against the rows; log densities
leave out what no parameter moves. Families of which responses of a level are labels have a linear
predictor for each level but the first, ``(..., levels - 1, rows)``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, i0e, logsumexp

import bayesglm as bg

Array = np.ndarray
type Data = Mapping[str, Array]
type Named = Mapping[str, Any]

LABELS = ("low", "middle", "high")
WIDTH = 2.5  # sd of a cutpoint's prior


@dataclass(frozen=True)
class Dispersion:
    """A parameter beside the mean's: its prior, and how it is drawn from it."""

    prior: Any
    draw: Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Likelihood:
    """One family: how it draws responses, and its log density up to a constant in the data.

    ``options`` are what `bg.GLM` is told beside; ``n_predictors`` is the number of linear
    predictors of a row.
    """

    respond: Callable[[np.random.Generator, Array, Data, Named], Array]
    log_density: Callable[[Array, Array, Data, Named], Array]
    dispersions: Mapping[str, Dispersion] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    n_predictors: int = 1


def _inverse_chi_square(rng: np.random.Generator) -> float:
    """Draw from InverseGamma(0.5, 0.5): one over a squared normal."""
    return float(1.0 / rng.normal() ** 2)


ANY_SIZE = Dispersion(bg.InverseGamma(0.5, 0.5), _inverse_chi_square)
ANY_SHARE = Dispersion(bg.Beta(1.0, 1.0), lambda rng: rng.random())
# A response next to 0 or 1 is no float of its own: kappa that leave none there, of mean 30.
CONCENTRATED = Dispersion(bg.InverseGamma(3.0, 60.0), lambda rng: 60.0 / rng.gamma(3.0))
FEW_DF = Dispersion(bg.HalfStudentT(1.0, df=4.0), lambda rng: abs(rng.standard_t(4.0)))


GAMMA_DF = Dispersion(bg.Gamma(2.0, 0.1), lambda rng: rng.gamma(2.0) / 0.1)


def _logistic(eta: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-eta))


def _negative_binomial(y: Array, eta: Array, alpha: Any) -> Array:
    """log p(y) of mean mu and variance mu + mu^2/alpha."""
    log_total = np.logaddexp(np.log(alpha), eta)
    counted = gammaln(y + alpha) - gammaln(alpha) + y * (eta - log_total)
    return counted + alpha * (np.log(alpha) - log_total)


def _mixed_counts(rng: np.random.Generator, eta: Array, alpha: Any) -> Array:
    """Draw Poisson counts whose mean is gamma distributed, of shape alpha."""
    return rng.poisson(np.exp(eta) * rng.gamma(alpha, size=len(eta)) / alpha) * 1.0


def _inflated(y: Array, log_p: Array, log_zero: Array, psi: Any) -> Array:
    """log p(y) of counts that are zero, from elsewhere, with 1 - psi."""
    zero = np.logaddexp(np.log1p(-psi), np.log(psi) + log_zero)
    return np.where(y == 0.0, zero, np.log(psi) + log_p)


def _poisson(y: Array, eta: Array) -> Array:
    return y * eta - np.exp(eta)


def _zero_inflated_negative_binomial(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    log_p = _negative_binomial(y, eta, phi["alpha"])
    return _inflated(y, log_p, _negative_binomial(0.0 * y, eta, phi["alpha"]), phi["psi"])


def _positive_counts(rng: np.random.Generator, mean: Array) -> Array:
    """Draw Poisson counts given that they are not zero: of events, the first is where it is.

    In a stretch of length ``mean`` the first event is exponential, given that there is one; the
    rest are as many as come after it.
    """
    first = -np.log1p(rng.random(len(mean)) * np.expm1(-mean))
    return 1.0 + rng.poisson(np.maximum(mean - first, 0.0))


def _hurdle_poisson(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    mean = np.exp(eta)
    counted = np.log(phi["psi"]) + y * eta - mean - np.log(-np.expm1(-mean))
    return np.where(y == 0.0, np.log1p(-phi["psi"]), counted)


def _beta_binomial(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    a, b = _logistic(eta) * phi["kappa"], _logistic(-eta) * phi["kappa"]
    return betaln(y + a, data["trials"] - y + b) - betaln(a, b)


def _mixed_trials(rng: np.random.Generator, eta: Array, data: Data, phi: Named) -> Array:
    chance = rng.beta(_logistic(eta) * phi["kappa"], _logistic(-eta) * phi["kappa"])
    return rng.binomial(data["trials"], chance) * 1.0


def _gamma(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    alpha = phi["alpha"]
    ratio = alpha * (np.log(alpha) - eta) - gammaln(alpha)
    return ratio + (alpha - 1.0) * np.log(y) - alpha * y * np.exp(-eta)


def _inverse_gaussian(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    away = (y - np.exp(eta)) ** 2 / (2.0 * np.exp(2.0 * eta) * y)
    return 0.5 * np.log(phi["lam"]) - phi["lam"] * away


def _weibull(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    alpha = phi["alpha"]
    log_scaled = np.log(y) - eta + gammaln(1.0 + 1.0 / alpha)
    return np.log(alpha) + alpha * log_scaled - np.exp(alpha * log_scaled)


def _draw_weibull(rng: np.random.Generator, eta: Array, data: Data, phi: Named) -> Array:
    log_scale = eta - gammaln(1.0 + 1.0 / phi["alpha"])
    return np.exp(log_scale + np.log(rng.exponential(size=len(eta))) / phi["alpha"])


def _beta(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    a, b = _logistic(eta) * phi["kappa"], _logistic(-eta) * phi["kappa"]
    return (a - 1.0) * np.log(y) + (b - 1.0) * np.log1p(-y) - betaln(a, b)


def _student_t(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    nu, sigma = phi["nu"], phi["sigma"]
    constant = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * np.log(nu) - np.log(sigma)
    return constant - 0.5 * (nu + 1.0) * np.log1p(((y - eta) / sigma) ** 2 / nu)


def _von_mises(y: Array, eta: Array, data: Data, phi: Named) -> Array:
    kappa = np.asarray(phi["kappa"])
    return kappa * (np.cos(y - 2.0 * np.arctan(eta)) - 1.0) - np.log(i0e(kappa))


def _turned(rng: np.random.Generator, eta: Array, data: Data, phi: Named) -> Array:
    return np.angle(np.exp(1j * (2.0 * np.arctan(eta) + rng.vonmises(0.0, phi["kappa"], len(eta)))))


def _level(y: Array) -> Array:
    return np.array([LABELS.index(label) for label in y])


def _log_shares(eta: Array) -> Array:
    """Return log shares ``(..., levels, rows)`` where the first level's linear predictor is 0."""
    every = np.concatenate([np.zeros_like(eta[..., :1, :]), eta], axis=-2)
    return every - logsumexp(every, axis=-2, keepdims=True)


def _picked(log_shares: Array, y: Array) -> Array:
    return np.take_along_axis(
        log_shares, np.broadcast_to(_level(y), (*log_shares.shape[:-2], 1, len(y))), axis=-2
    )[..., 0, :]


def _pick(rng: np.random.Generator, log_shares: Array) -> Array:
    """Draw labels by the largest of shares that are each disturbed (Gumbel)."""
    return np.array(LABELS)[np.argmax(log_shares + rng.gumbel(size=log_shares.shape), axis=-2)]


def _ordered_shares(eta: Array, cutpoint: Array) -> Array:
    """Return log shares ``(..., levels, rows)``; cutpoints ``(..., levels - 1, 1)``."""
    up_to = _logistic(np.asarray(cutpoint) - eta[..., None, :])
    ends = np.zeros_like(up_to[..., :1, :])
    with np.errstate(divide="ignore"):
        return np.log(np.diff(np.concatenate([ends, up_to, ends + 1.0], axis=-2), axis=-2))


_EQUAL_SHARES = (-np.log(2.0), np.log(2.0))  # cutpoints of three levels that are as frequent


def _cutpoints(rng: np.random.Generator) -> Array:
    """Draw normals until they are in their order."""
    while True:
        drawn = np.array(_EQUAL_SHARES) + WIDTH * rng.normal(size=2)
        if drawn[0] < drawn[1]:
            return drawn


LIKELIHOODS = {
    "gaussian": Likelihood(
        lambda rng, eta, data, phi: eta + phi["sigma"] * rng.normal(size=len(eta)),
        lambda y, eta, data, phi: -0.5 * ((y - eta) / phi["sigma"]) ** 2 - np.log(phi["sigma"]),
    ),
    "student_t": Likelihood(
        lambda rng, eta, data, phi: eta + phi["sigma"] * rng.standard_t(phi["nu"], len(eta)),
        _student_t,
        {"sigma": FEW_DF, "nu": GAMMA_DF},
    ),
    "bernoulli": Likelihood(
        lambda rng, eta, data, phi: rng.binomial(1, _logistic(eta)),
        lambda y, eta, data, phi: y * eta - np.logaddexp(0.0, eta),
    ),
    "binomial": Likelihood(
        lambda rng, eta, data, phi: rng.binomial(data["trials"], _logistic(eta)),
        lambda y, eta, data, phi: y * eta - data["trials"] * np.logaddexp(0.0, eta),
        options={"trials": "trials"},
    ),
    "poisson": Likelihood(
        lambda rng, eta, data, phi: rng.poisson(np.exp(eta)),
        lambda y, eta, data, phi: _poisson(y, eta),
    ),
    "negative_binomial": Likelihood(
        lambda rng, eta, data, phi: _mixed_counts(rng, eta, phi["alpha"]),
        lambda y, eta, data, phi: _negative_binomial(y, eta, phi["alpha"]),
        {"alpha": ANY_SIZE},
    ),
    "negative_binomial1": Likelihood(
        lambda rng, eta, data, phi: _mixed_counts(rng, eta, np.exp(eta) / phi["phi"]),
        lambda y, eta, data, phi: _negative_binomial(y, eta, np.exp(eta) / phi["phi"]),
        {"phi": FEW_DF},
    ),
    "zero_inflated_poisson": Likelihood(
        lambda rng, eta, data, phi: (
            rng.poisson(np.exp(eta)) * (rng.random(len(eta)) < phi["psi"]) * 1.0
        ),
        lambda y, eta, data, phi: _inflated(y, _poisson(y, eta), -np.exp(eta), phi["psi"]),
        {"psi": ANY_SHARE},
    ),
    "zero_inflated_negative_binomial": Likelihood(
        lambda rng, eta, data, phi: (
            _mixed_counts(rng, eta, phi["alpha"]) * (rng.random(len(eta)) < phi["psi"])
        ),
        _zero_inflated_negative_binomial,
        {"psi": ANY_SHARE, "alpha": ANY_SIZE},
    ),
    "hurdle_poisson": Likelihood(
        lambda rng, eta, data, phi: (
            _positive_counts(rng, np.exp(eta)) * (rng.random(len(eta)) < phi["psi"])
        ),
        _hurdle_poisson,
        {"psi": ANY_SHARE},
    ),
    "beta_binomial": Likelihood(
        _mixed_trials, _beta_binomial, {"kappa": ANY_SIZE}, {"trials": "trials"}
    ),
    "gamma": Likelihood(
        lambda rng, eta, data, phi: (
            np.exp(eta) * rng.gamma(phi["alpha"], size=len(eta)) / phi["alpha"]
        ),
        _gamma,
        {"alpha": ANY_SIZE},
    ),
    "inverse_gaussian": Likelihood(
        lambda rng, eta, data, phi: rng.wald(np.exp(eta), phi["lam"]),
        _inverse_gaussian,
        {"lam": ANY_SIZE},
    ),
    "exponential": Likelihood(
        lambda rng, eta, data, phi: np.exp(eta) * rng.exponential(size=len(eta)),
        lambda y, eta, data, phi: -eta - y * np.exp(-eta),
    ),
    "weibull": Likelihood(_draw_weibull, _weibull, {"alpha": ANY_SIZE}),
    "beta": Likelihood(
        lambda rng, eta, data, phi: rng.beta(
            _logistic(eta) * phi["kappa"], _logistic(-eta) * phi["kappa"]
        ),
        _beta,
        {"kappa": CONCENTRATED},
    ),
    "von_mises": Likelihood(_turned, _von_mises, {"kappa": ANY_SIZE}),
    "categorical": Likelihood(
        lambda rng, eta, data, phi: _pick(rng, _log_shares(eta)),
        lambda y, eta, data, phi: _picked(_log_shares(eta), y),
        options={"levels": LABELS},
        n_predictors=len(LABELS) - 1,
    ),
    "ordinal": Likelihood(
        lambda rng, eta, data, phi: _pick(rng, _ordered_shares(eta, phi["cutpoint"])),
        lambda y, eta, data, phi: _picked(_ordered_shares(eta, phi["cutpoint"]), y),
        {"cutpoint": Dispersion(bg.Normal(WIDTH, loc=_EQUAL_SHARES), _cutpoints)},
        {"levels": LABELS, "intercept": None},
    ),
}
