"""Examples of every family, by which the conformance tests run over the package's own table.

Responses, trials and dispersions are made from the facts of a family's own record. What no record
can say of itself, its log density in as many digits as are asked for, is one entry in
`LOG_DENSITIES` (and of a new link one in `LINKS`); these share no code with the package.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

import bayesglm as bg
from bayesglm.numerics.families.record import Derivatives
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

EVERY_KEY = sorted(FAMILIES)
# Of some links a linear predictor may leave the domain; `KEYS` are those with the others.
WALLED = [key for key in EVERY_KEY if not FAMILIES[key].domain.is_real_line]
KEYS = [key for key in EVERY_KEY if key not in WALLED]
# Families whose responses are numbers, or may be: their records need no levels.
OF_NUMBERS = {name: of for name, of in FAMILY_NAMES.items() if (name, of.links[0]) in FAMILIES}
DISPERSION = 0.7  # of every dispersion, where nothing else is asked for
TRIALS = 7.0
# Of these, a family's examples are the first and the last two that are responses of it.
NUMBERS = (-3.5, 0.0, 0.001, 0.25, 0.5, 0.75, 0.999, 1.0, 2.0, 7.0, 12.25, 40.0)


# Of families whose responses have no mean, or crowd at the ends of their range, at `DISPERSION`.
DISPERSIONS = {"student_t": (DISPERSION, 9.0), "beta": (40.0,), "tweedie": (DISPERSION, 1.7)}


def phi_of(key: tuple[str, str], value: Any = None) -> tuple:
    """Return a value for each dispersion of a family; of one with bounds, one between them."""
    if value is None and key[0] in DISPERSIONS:
        return DISPERSIONS[key[0]]
    value = DISPERSION if value is None else value
    values = [one.transform.natural(np.log(value)) for one in FAMILIES[key].dispersions]
    return tuple(float(one) if np.ndim(one) == 0 else one for one in values)


def _takes_any_number(name: str) -> bool:
    family = FAMILIES[name, FAMILY_NAMES[name].links[0]]
    return bool(family.valid(np.array([-100.0]), trials_of(name))[0])


def trials_of(name: str, trials: Any = TRIALS) -> Any:
    """Return the trials where a family needs them, and None elsewhere."""
    return trials if FAMILY_NAMES[name].needs_trials else None


# Families whose responses are any real numbers, whatever their mean.
OF_REALS = [name for name in OF_NUMBERS if _takes_any_number(name)]


class OneChannel:
    """A family's record as functions of its one linear predictor, without an axis of channels."""

    def __init__(self, key: tuple[str, str]):
        self.record = FAMILIES[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    def log_likelihood(self, y: Any, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.log_likelihood(y, eta[None], phi, trials)

    def kernel(self, y: Any, eta: Any, phi: Sequence, trials: Any, order: int) -> Derivatives:
        return self._plain(self.record.kernel(y, eta[None], phi, trials, order))

    def derivatives(self, y: Any, eta: Any, phi: Sequence, trials: Any) -> Derivatives:
        return self._plain(self.record.derivatives(y, eta[None], phi, trials))

    def _plain(self, d: Derivatives) -> Derivatives:
        slope, bend = (None if one is None else one[0] for one in (d.eta, d.eta_eta))
        bend = None if bend is None else bend[0]
        return d._replace(eta=slope, eta_eta=bend, eta_phi=tuple(one[0] for one in d.eta_phi))

    def mean(self, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.mean(eta[None], phi, trials)

    def draw(self, rng: np.random.Generator, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.draw(rng, eta[None], phi, trials)

    def cdf(self, y: Any, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.cdf(y, eta[None], phi, trials)

    def survival(self, y: Any, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.survival(y, eta[None], phi, trials)

    def below(self, y: Any, eta: Any, phi: Sequence, trials: Any) -> Any:
        return self.record.below(y, eta[None], phi, trials)


def responses_of(key: tuple[str, str]) -> tuple[float, ...]:
    """Return a few responses of a family, of `TRIALS` trials where it needs them."""
    family = FAMILIES[key]
    valid = [y for y in NUMBERS if family.valid(np.array([y]), trials_of(key[0]))[0]]
    return tuple(dict.fromkeys([*valid[:2], *valid[-2:]]))


def inside(key: tuple[str, str], eta: Any) -> np.ndarray:
    """Return those linear predictors at which a family's link is defined."""
    eta = np.asarray(eta)
    return eta[FAMILIES[key].domain.holds(eta)]


# Families whose density is right even where their mean is no float.
WITHOUT_ENDS = ("gaussian", *(name for name, words in FAMILY_NAMES.items() if words.discrete))


def exact_etas(key: tuple[str, str], etas: Any) -> np.ndarray:
    """Return those linear predictors at which a density has all its digits."""
    etas = inside(key, etas)
    if key[0] in WITHOUT_ENDS:
        return etas
    if FAMILY_NAMES[key[0]].circular:
        # Angles of many turns, or next to half a turn, lose their digits.
        return etas[np.abs(etas) < (10.0 if key[1] == "identity" else 50.0)]
    family = OneChannel(key)
    mean = np.abs(family.mean(etas, phi_of(key), None))
    is_share = not family.valid(np.array([1.5]), None)[0]
    return etas[(mean > 1e-100) & (mean < (1.0 - 1e-9 if is_share else 1e100))]


def drawn(name: str, eta: Any, trials: Any = None, seed: int = 0) -> np.ndarray:
    """Draw responses of a family under its own link, at any linear predictors."""
    key = (name, FAMILY_NAMES[name].links[0])
    rng = np.random.default_rng(seed)
    eta = np.asarray(eta, dtype=float)
    return OneChannel(key).draw(rng, eta, phi_of(key), trials_of(name, trials))


def model_of(key: tuple[str, str], terms: Any, **options: Any) -> bg.GLM:
    """Return a model of the response that bears the family's name, with its trials."""
    family, link = key
    if FAMILY_NAMES[family].needs_trials:
        options["trials"] = "trials"
    return bg.GLM(family, terms, family=family, link=link, **options)


class Mean(NamedTuple):
    """A mean in many digits; its logarithm, and of a probability that of the rest, log(1 - mu)."""

    mu: Any
    log: Any
    log_rest: Any = None


def _logit(eta: Any) -> Mean:
    log_p, log_q = -mp.log1p(mp.exp(-eta)), -mp.log1p(mp.exp(eta))
    return Mean(mp.exp(log_p), log_p, log_q)


def _probit(eta: Any) -> Mean:
    """Take each logarithm from its own small number."""
    p, q = (mp.erfc(sign * eta / mp.sqrt(2)) / 2 for sign in (-1, 1))
    return Mean(p, mp.log1p(-q), mp.log(q)) if eta > 0 else Mean(p, mp.log(p), mp.log1p(-p))


def _cloglog(eta: Any) -> Mean:
    hazard = mp.exp(eta)
    if hazard > 10**6:  # exp(-hazard) is zero in as many digits as are ever asked for
        return Mean(mp.mpf(1), mp.mpf(0), -hazard)
    p = -mp.expm1(-hazard)
    return Mean(p, mp.log1p(-mp.exp(-hazard)) if hazard > 1 else mp.log(p), -hazard)


def _softplus(eta: Any) -> Mean:
    mu = mp.log1p(mp.exp(eta))
    return Mean(mu, mp.log(mu))


def _loglog(eta: Any) -> Mean:
    mirrored = _cloglog(-eta)
    return Mean(1 - mirrored.mu, mirrored.log_rest, mirrored.log)


def _cauchit(eta: Any) -> Mean:
    p, q = (mp.mpf(1) / 2 + side * mp.atan(eta) / mp.pi for side in (1, -1))
    return Mean(p, mp.log(p), mp.log(q))


def _log(eta: Any) -> Mean:
    return Mean(mp.exp(eta), eta, mp.log(-mp.expm1(eta)) if eta < 0 else None)


def _identity(eta: Any) -> Mean:
    return Mean(eta, mp.log(eta) if eta > 0 else None, mp.log1p(-eta) if 0 < eta < 1 else None)


LINKS: dict[str, Callable[[Any], Mean]] = {
    "identity": _identity,
    "log": _log,
    "softplus": _softplus,
    "logit": _logit,
    "probit": _probit,
    "cloglog": _cloglog,
    "loglog": _loglog,
    "cauchit": _cauchit,
    "sqrt": lambda eta: Mean(eta * eta, 2 * mp.log(eta)),
    "inverse": lambda eta: Mean(1 / eta, -mp.log(eta)),
    "tan_half": lambda eta: Mean(2 * mp.atan(eta), None),
}


class LogDensity(NamedTuple):
    """log p(y): what depends on parameters, and what does not, each as addends in many digits.

    ``kernel(mean, y, phi, n)`` takes a `Mean`, and ``constant(y, n)``; n is the number of trials.
    Rounding is measured against the sum of the addends' sizes. Where it is the logarithm of a sum,
    ``exponent(mean, phi)`` is that of the smaller addend: exp(x) inherits the rounding of x, and
    second derivatives cancel against squares of the first. ``quick`` says that there is time to
    differentiate it in dispersions by differences in many digits.
    """

    kernel: Callable[[Mean, Any, Sequence, Any], list]
    constant: Callable[[Any, Any], list]
    exponent: Callable[[Mean, Sequence], Any] | None = None
    quick: bool = True


def _binomial(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    # What never happened counts nothing, be it impossible or not.
    return [y * mean.log if y else mp.mpf(0), (n - y) * mean.log_rest if y != n else mp.mpf(0)]


def _gaussian(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (sigma,) = phi
    s = sigma * sigma
    return [-y * y / (2 * s), y * mean.mu / s, -mean.mu * mean.mu / (2 * s), -mp.log(sigma)]


def _student_t(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    sigma, nu = phi
    r = (y - mean.mu) / sigma
    gammas = [mp.loggamma((nu + 1) / 2), -mp.loggamma(nu / 2), -mp.log(nu / 2) / 2]
    tail = mp.log1p(r * r / nu)
    return [*gammas, -mp.log(sigma), -nu / 2 * tail, -tail / 2]


def _log_rising(first: Any, count: int) -> Any:
    """log of first (first + 1) ... of so many factors."""
    if count <= 200:
        return mp.log(mp.fprod(first + j for j in range(count)))
    with mp.extradps(40):  # which the difference of two larger logarithms may cost
        return mp.loggamma(first + count) - mp.loggamma(first)


def _negative_binomial(mean: Mean, y: Any, alpha: Any) -> list:
    return [
        _log_rising(alpha, int(y)),
        y * mean.log if y else mp.mpf(0),
        -y * mp.log(alpha + mean.mu),
        -alpha * mp.log1p(mean.mu / alpha),
    ]


def _negative_binomial1(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (spread,) = phi
    # The first factor alone may leave the digits of a sum.
    first = [mean.log - mp.log(spread)] if y else []
    return [
        *first,
        _log_rising(mean.mu / spread + 1, max(int(y) - 1, 0)),
        y * mp.log(spread),
        -y * mp.log1p(spread),
        -mean.mu / spread * mp.log1p(spread),
    ]


def _minus_exp(x: Any) -> Any:
    """exp(-x), and 0 where that is zero in as many digits as are ever asked for."""
    return mp.mpf(0) if x > 10**6 else mp.exp(-x)


def _inflated(terms: list, y: Any, psi: Any) -> list:
    if y:
        return [mp.log(psi), *terms]
    chance = _minus_exp(-mp.fsum(terms))
    if chance < mp.mpf("1e-20"):
        return [mp.log(1 - psi), mp.log1p(psi / (1 - psi) * chance)]
    return [mp.log((1 - psi) + psi * chance)]


def _zero_inflated_poisson(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    return _inflated([y * mean.log if y else mp.mpf(0), -mean.mu], y, phi[0])


def _zero_inflated_negative_binomial(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    return _inflated(_negative_binomial(mean, y, phi[1]), y, phi[0])


def _hurdle_poisson(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    if not y:
        return [mp.log(1 - phi[0])]
    at_all = mp.log(-mp.expm1(-mean.mu)) if mean.mu < 10**6 else mp.mpf(0)
    return [mp.log(phi[0]), y * mean.log, -mean.mu, -at_all]


@lru_cache(maxsize=8)
def _logs(first: Any, count: int, digits: int) -> list:
    """log of first, first + 1, ... so many."""
    with mp.workdps(digits):
        return [mp.log(first + j) for j in range(count)]


def _beta_binomial(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (kappa,) = phi
    few = n <= 200
    terms = (
        [-one for one in _logs(kappa, int(n), mp.mp.dps)] if few else [-_log_rising(kappa, int(n))]
    )
    for log_share, log_rest, count in (
        (mean.log, mean.log_rest, y),
        (mean.log_rest, mean.log, n - y),
    ):
        if not count:
            continue
        terms += [mp.log(kappa), log_share]
        # From the smaller of the two shares, in which no digits are lost.
        share, rest = kappa * _minus_exp(-log_share), kappa * _minus_exp(-log_rest)
        if not few:
            terms.append(_log_rising(share + 1, int(count) - 1))
            continue
        for j in range(1, int(count)):
            if share < rest:
                terms += [mp.log(share + j), mp.mpf(0)]
            else:
                terms += [mp.log(kappa + j), mp.log1p(-rest / (kappa + j))]
    return terms


def _of_counts(y: Any, n: Any) -> list:
    return [-mp.loggamma(y + 1)]


def _gamma(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (alpha,) = phi
    gammas = [alpha * mp.log(alpha), -mp.loggamma(alpha), alpha * mp.log(y)]
    return [*gammas, -alpha * mean.log, -alpha * y / mean.mu]


def _inverse_gaussian(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (lam,) = phi
    parts = [-lam * y / (2 * mean.mu**2), lam / mean.mu, -lam / (2 * y)]
    return [mp.log(lam) / 2, *parts]


def _weibull(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (alpha,) = phi
    gamma, log_ratio = alpha * mp.loggamma(1 + 1 / alpha), alpha * (mp.log(y) - mean.log)
    return [mp.log(alpha), gamma, log_ratio, -mp.exp(gamma + log_ratio)]


def _beta(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (kappa,) = phi
    p, q = mp.exp(mean.log), mp.exp(mean.log_rest)
    gammas = [mp.loggamma(kappa), -mp.loggamma(p * kappa), -mp.loggamma(q * kappa)]
    return [*gammas, p * kappa * mp.log(y), q * kappa * mp.log1p(-y)]


def _von_mises(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    (kappa,) = phi
    return [kappa * mp.cos(y - mean.mu), -mp.log(mp.besseli(0, kappa))]


@cache
def _log_tweedie_sum(y: Any, phi: Any, p: Any, digits: int) -> Any:
    """Return log of the sum over j of densities of j gamma variables, but for what mu moves."""
    with mp.workdps(digits):
        a = (2 - p) / (p - 1)
        log_z = a * (mp.log(y) - mp.log(p - 1)) - (1 + a) * mp.log(phi) - mp.log(2 - p)
        largest = y ** (2 - p) / ((2 - p) * phi)
        term, total, j = mp.mpf(1), mp.mpf(0), 0
        while j <= largest or term > total * mp.mpf(10) ** -digits:
            j += 1
            term = mp.exp(j * log_z - mp.loggamma(j + 1) - mp.loggamma(j * a))
            total += term
        return mp.log(total)


def _tweedie(mean: Mean, y: Any, phi: Sequence, n: Any) -> list:
    scale, p = phi
    parts = [-mp.exp((2 - p) * mean.log) / (2 - p) / scale]
    if y:
        parts += [-y * mp.exp((1 - p) * mean.log) / (p - 1) / scale]
        parts += [_log_tweedie_sum(y, scale, p, mp.mp.dps)]
    return parts


LOG_DENSITIES: dict[str, LogDensity] = {
    "gaussian": LogDensity(_gaussian, lambda y, n: [-mp.log(2 * mp.pi) / 2]),
    "student_t": LogDensity(_student_t, lambda y, n: [-mp.log(2 * mp.pi) / 2]),
    "bernoulli": LogDensity(_binomial, lambda y, n: [mp.mpf(0)]),
    "binomial": LogDensity(
        _binomial,
        lambda y, n: [mp.log(mp.binomial(n, y))],
    ),
    "poisson": LogDensity(
        lambda mean, y, phi, n: [y * mean.log if y else mp.mpf(0), -mean.mu],
        lambda y, n: [-mp.loggamma(y + 1)],
    ),
    "negative_binomial": LogDensity(
        lambda mean, y, phi, n: _negative_binomial(mean, y, phi[0]), _of_counts
    ),
    "negative_binomial1": LogDensity(_negative_binomial1, _of_counts),
    "zero_inflated_poisson": LogDensity(
        _zero_inflated_poisson, _of_counts, exponent=lambda mean, phi: -mean.mu
    ),
    "zero_inflated_negative_binomial": LogDensity(
        _zero_inflated_negative_binomial,
        _of_counts,
        exponent=lambda mean, phi: -phi[1] * mp.log1p(mean.mu / phi[1]),
    ),
    "hurdle_poisson": LogDensity(_hurdle_poisson, _of_counts),
    "beta_binomial": LogDensity(_beta_binomial, lambda y, n: [mp.log(mp.binomial(n, y))]),
    "gamma": LogDensity(_gamma, lambda y, n: [-mp.log(y)]),
    "inverse_gaussian": LogDensity(
        _inverse_gaussian, lambda y, n: [-mp.log(2 * mp.pi) / 2, -3 * mp.log(y) / 2]
    ),
    "exponential": LogDensity(
        lambda mean, y, phi, n: [-mean.log, -y / mean.mu], lambda y, n: [mp.mpf(0)]
    ),
    "weibull": LogDensity(_weibull, lambda y, n: [-mp.log(y)]),
    "beta": LogDensity(_beta, lambda y, n: [-mp.log(y), -mp.log1p(-y)]),
    "tweedie": LogDensity(_tweedie, lambda y, n: [-mp.log(y) if y else mp.mpf(0)], quick=False),
    "von_mises": LogDensity(_von_mises, lambda y, n: [-mp.log(2 * mp.pi)]),
}
EVERY_EXACT_KEY = [key for key in EVERY_KEY if key[0] in LOG_DENSITIES and key[1] in LINKS]
EXACT_KEYS = [key for key in EVERY_EXACT_KEY if key in KEYS]
DISPERSED_KEYS = [
    key for key in EVERY_EXACT_KEY if FAMILIES[key].dispersions and LOG_DENSITIES[key[0]].quick
]


def exact_terms(key: tuple[str, str], y: Any, eta: Any, phi: Sequence, n: Any) -> list:
    """Return the addends of log p(y | eta, phi), of n trials, in the digits of mpmath's context."""
    kernel, n = LOG_DENSITIES[key[0]].kernel, trials_of(key[0], n) or mp.mpf(1)
    digits = mp.mp.dps
    return [*kernel(_mean(key[1], eta, digits), y, phi, n), *_constant(key[0], y, n, digits)]


@lru_cache(maxsize=2**12)  # families of one link are asked at the same places
def _mean(link: str, eta: Any, digits: int) -> Mean:
    with mp.workdps(digits):
        return LINKS[link](eta)


@lru_cache(maxsize=2**8)
def _constant(name: str, y: Any, n: Any, digits: int) -> list:
    with mp.workdps(digits):
        return LOG_DENSITIES[name].constant(y, n)


def _student_below(y: Any, mean: Mean, phi: Sequence) -> Any:
    sigma, nu = phi
    t = (y - mean.mu) / sigma
    tail = mp.betainc(nu / 2, mp.mpf(1) / 2, 0, nu / (nu + t * t), regularized=True) / 2
    return tail if t < 0 else 1 - tail


# Distribution functions in closed form, of continuous responses; those of others are integrals.
DISTRIBUTIONS: dict[str, Callable[[Any, Mean, Sequence], Any]] = {
    "gaussian": lambda y, mean, phi: mp.ncdf((y - mean.mu) / phi[0]),
    "student_t": _student_below,
    "exponential": lambda y, mean, phi: -mp.expm1(-y / mean.mu),
    "weibull": lambda y, mean, phi: (
        -mp.expm1(-((y * mp.gamma(1 + 1 / phi[0]) / mean.mu) ** phi[0]))
    ),
    "gamma": lambda y, mean, phi: mp.gammainc(phi[0], 0, phi[0] * y / mean.mu, regularized=True),
    "inverse_gaussian": lambda y, mean, phi: (
        mp.ncdf(mp.sqrt(phi[0] / y) * (y / mean.mu - 1))
        + mp.exp(2 * phi[0] / mean.mu) * mp.ncdf(-mp.sqrt(phi[0] / y) * (y / mean.mu + 1))
    ),
    "beta": lambda y, mean, phi: mp.betainc(
        mp.exp(mean.log) * phi[0], mp.exp(mean.log_rest) * phi[0], 0, y, regularized=True
    ),
}
INTERVAL_KEYS = [
    key
    for key in EXACT_KEYS
    if FAMILY_NAMES[key[0]].labels is None
    and not FAMILY_NAMES[key[0]].circular
    and not FAMILY_NAMES[key[0]].has_atoms
]


def exact_mass(key: tuple[str, str], below: Any, upto: Any, eta: Any, phi: Sequence) -> Any:
    """Return P(below < Y <= upto) in the digits of mpmath's context, of `TRIALS` trials."""
    words, n = FAMILY_NAMES[key[0]], trials_of(key[0])

    def density(y: Any) -> Any:
        return mp.exp(mp.fsum(exact_terms(key, y, eta, phi, None if n is None else mp.mpf(n))))

    if words.discrete:
        if upto == mp.inf:
            return 1 - mp.fsum(density(mp.mpf(k)) for k in range(int(below) + 1))
        first = 0 if below == -mp.inf else max(int(below) + 1, 0)
        return mp.fsum(density(mp.mpf(k)) for k in range(first, int(upto) + 1))
    if key[0] in DISTRIBUTIONS:
        mean = LINKS[key[1]](eta)
        least = -mp.inf if FAMILIES[key].valid(np.array([-1.0]), None)[0] else mp.mpf(0)
        share = 0 if below <= least else DISTRIBUTIONS[key[0]](below, mean, phi)
        return (1 if upto == mp.inf else DISTRIBUTIONS[key[0]](upto, mean, phi)) - share
    ends = [max(mp.mpf(0), below), mp.mpf("0.1"), mp.mpf(1), mp.mpf(4), mp.mpf(20), mp.mpf(200)]
    places = [y for y in ends if max(mp.mpf(0), below) <= y < upto]
    return mp.quad(density, [*places, upto])
