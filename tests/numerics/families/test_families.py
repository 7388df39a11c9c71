"""Every family against arithmetic of many digits and scipy: values, derivatives, draws, responses.

That its parts agree with one another is in tests/testing/test_check_family.py.
"""

from functools import lru_cache

import mpmath as mp
import numpy as np
import pytest
from families import (
    DISPERSED_KEYS,
    DISPERSION,
    DISPERSIONS,
    EVERY_EXACT_KEY,
    EVERY_KEY,
    LINKS,
    LOG_DENSITIES,
    TRIALS,
    WITHOUT_ENDS,
    OneChannel,
    exact_etas,
    exact_terms,
    inside,
    phi_of,
    responses_of,
    trials_of,
)
from scipy import special, stats

from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

# Around every place where a formula changes, and where exp() over- or underflows.
ETAS = [
    *(-1e5, -745.2, -700.1, -699.9, -300.0, -41.0, -39.0, -37.1, -36.9, -26.0, -21.0, -5.2, -4.01),
    *(-3.99, -3.3, -2.31, -2.29, -0.7, -0.69, -0.36, -0.35, -0.1, -1e-9, 0.0, 1e-9, 0.5, 2.0, 3.99),
    *(4.01, 6.5, 6.7, 20.0, 37.1, 100.0, 300.0, 709.0, 710.0, 1e5),
]
RNG = np.random.default_rng(1)
# Up to 45 on either side, every third of them of any size.
ANY_ETAS = RNG.uniform(-45.0, 45.0, 66)
ANY_ETAS[::3] *= np.exp(RNG.uniform(np.log(1e-6), 0.0, 22))


def exact_derivative(terms, at, order):
    """The same of the addends of a derivative, by central differences in many digits."""
    if order == 0:
        return terms(at)
    h = mp.mpf(10) ** -(mp.mp.dps // 4)
    low, high = terms(at - h), terms(at + h)
    if order == 1:
        return [(c - a) / (2 * h) for a, c in zip(low, high, strict=True)]
    # Of what is straight only rounding is left, which is divided by h^2.
    rounding, here = mp.mpf(10) ** (2 - mp.mp.dps), terms(at)
    bends = [(a - 2 * b + c, rounding * abs(b)) for a, b, c in zip(low, here, high, strict=True)]
    return [bend / h**2 if abs(bend) > lost else mp.mpf(0) for bend, lost in bends]


def check_close(found, terms, tolerance):
    exact, size = mp.fsum(terms), mp.fsum(map(abs, terms))
    if abs(exact) > 1.7e308 or (abs(exact) > 1e308 and np.isinf(found)):
        assert float(found) == float(mp.sign(exact)) * np.inf
    else:
        assert abs(mp.mpf(float(found)) - exact) <= tolerance * size + mp.mpf("5e-308"), (
            f"{float(found)!r}, not {mp.nstr(exact, 18)}"
        )


def call(function, key, y, etas, phi=None):
    phi = phi_of(key) if phi is None else phi
    return function(np.full(len(etas), y), etas, phi, trials_of(key[0]))


def exact(key, y, eta, phi=None):
    phi = phi_of(key) if phi is None else phi
    return _exact(key, y, eta, tuple(map(mp.mpf, phi)), mp.mp.dps)


@lru_cache(maxsize=32)  # the places around one, which derivatives of every order share
def _exact(key, y, eta, phi, digits):
    with mp.workdps(digits):
        return tuple(exact_terms(key, mp.mpf(y), eta, phi, mp.mpf(TRIALS)))


def conditioning(key, eta):
    """exp(-x) inherits the rounding of x: eta^2 / 2 in probit, exp(eta) in cloglog."""
    exponent = {
        "probit": lambda: eta * eta / 2,
        "cloglog": lambda: np.exp(min(eta, 7.0)),
        "loglog": lambda: np.exp(min(-eta, 7.0)),
    }
    of_link = min(exponent.get(key[1], lambda: 0.0)(), 750.0)
    of_family = LOG_DENSITIES[key[0]].exponent
    if of_family is not None:
        mean = LINKS[key[1]](mp.mpf(eta))
        of_link += float(min(abs(of_family(mean, tuple(map(mp.mpf, phi_of(key))))), 750))
    return 4e-16 * of_link


def check_against_many_digits(key, y, etas):
    family = OneChannel(key)
    d = call(family.derivatives, key, y, etas)
    for eta, *parts in zip(etas, *np.broadcast_arrays(d.value, d.eta, d.eta_eta), strict=True):
        # Differences of log p cancel down to p q, which may be as small as exp(-745), and are
        # divided by h^2, which takes as many digits once more.
        is_short = abs(eta) < 20 or key[0] not in WITHOUT_ENDS
        with mp.workdps(100 if is_short else max(250, int(100 + min(abs(eta), 750.0) / 1.1))):
            for order, found in enumerate(parts):
                terms = exact_derivative(lambda x: exact(key, y, x), mp.mpf(eta), order)
                cancels = LOG_DENSITIES[key[0]].exponent is not None and np.isfinite(found)
                if order == 2 and (cancels or key[0] not in WITHOUT_ENDS):
                    square = mp.mpf(float(parts[1])) ** 2  # log p'' is p'' / p less it
                    terms += [square, -square]
                check_close(found, terms, 1e-14 + conditioning(key, eta))
    np.testing.assert_allclose(
        call(family.log_likelihood, key, y, etas), d.value, rtol=1e-14, atol=5e-324
    )


@pytest.mark.parametrize("key", EVERY_EXACT_KEY, ids="-".join)
def test_values_and_derivatives_at_extreme_eta(key):
    """Responses take turns with every other one of the places."""
    responses = responses_of(key)
    turns = min(2, len(responses))
    for k, y in enumerate(responses):
        check_against_many_digits(key, y, exact_etas(key, ETAS[k % turns :: turns]))


@pytest.mark.parametrize("key", EVERY_EXACT_KEY, ids="-".join)
def test_values_and_derivatives_at_any_eta(key):
    responses = responses_of(key)
    for k, y in enumerate(responses):
        check_against_many_digits(key, y, exact_etas(key, ANY_ETAS[k :: len(responses)]))


PLACES = 32
# Linear predictors, dispersions of any size between 0.001 and 1000, and places among responses.
SOME_ETAS = RNG.uniform(-20.0, 4.0, PLACES)
SIZES = np.exp(RNG.uniform(np.log(1e-3), np.log(1e3), (PLACES, 2)))
SHARES = RNG.random(PLACES)


def response_at(key, share):
    """Any number, where a family's responses are such; else one of its examples."""
    is_real = FAMILIES[key].valid(np.array([-0.123456]), trials_of(key[0]))[0]
    examples = responses_of(key)
    return -5.0 + 25.0 * share if is_real else examples[int(share * len(examples))]


@pytest.mark.parametrize("key", DISPERSED_KEYS, ids="-".join)
def test_derivatives_in_the_dispersions(key):
    n_dispersions = len(FAMILIES[key].dispersion_names)
    for eta, sizes, share in zip(SOME_ETAS, SIZES, SHARES, strict=True):
        values = [phi_of(key, size) for size in sizes[:n_dispersions]]
        phi = tuple(one[k] for k, one in enumerate(values))
        check_derivatives_in_dispersions(key, response_at(key, share), np.array([eta]), phi)


def check_derivatives_in_dispersions(key, y, eta, phi):
    if len(exact_etas(key, eta)) == 0:
        return
    family = OneChannel(key)
    d = call(family.derivatives, key, y, eta, phi)
    # Differences of differences resolve nothing smaller, and of exp(230) few digits are known.
    if np.abs(family.mean(eta, phi, trials_of(key[0]))) < 1e-40 or abs(d.value) > 1e100:
        return
    eta = float(eta[0])
    tolerance = 1e-13 + conditioning(key, eta)
    with mp.workdps(160):
        eta = mp.mpf(eta)
        for k, value in enumerate(phi):

            def in_phi(order, k=k, value=value):
                def at(x, one):
                    return exact(key, y, x, (*phi[:k], one, *phi[k + 1 :]))

                return lambda x: exact_derivative(lambda one: at(x, one), mp.mpf(value), order)

            check_close(d.phi[k][0], in_phi(1)(eta), tolerance)
            check_close(d.phi_phi[k][k][0], in_phi(2)(eta), tolerance)
            check_close(d.eta_phi[k][0], exact_derivative(in_phi(1), eta, 1), tolerance)

            def in_others(x, k=k):
                def at(one, other):
                    moved = {k: one, 1 - k: other}
                    return exact(key, y, eta, tuple(moved[i] for i in range(2)))

                return exact_derivative(lambda one: at(one, x), mp.mpf(phi[k]), 1)

            if len(phi) == 2:
                crossed = exact_derivative(in_others, mp.mpf(phi[1 - k]), 1)
                check_close(d.phi_phi[k][1 - k][0], crossed, 1e-13)


DISTRIBUTIONS = {
    "gaussian": lambda mu: stats.norm(mu, DISPERSION),
    "student_t": lambda mu: stats.t(DISPERSIONS["student_t"][1], mu, DISPERSION),
    "bernoulli": stats.bernoulli,
    "binomial": lambda mu: stats.binom(TRIALS, mu / TRIALS),
    "poisson": stats.poisson,
    "gamma": lambda mu: stats.gamma(DISPERSION, scale=mu / DISPERSION),
    "inverse_gaussian": lambda mu: stats.invgauss(mu / DISPERSION, scale=DISPERSION),
    "exponential": lambda mu: stats.expon(scale=mu),
    "weibull": lambda mu: stats.weibull_min(
        DISPERSION, scale=mu / special.gamma(1.0 + 1.0 / DISPERSION)
    ),
    "beta": lambda mu: stats.beta(*(DISPERSIONS["beta"][0] * one for one in (mu, 1.0 - mu))),
    "von_mises": lambda mu: stats.vonmises(DISPERSION, mu),
}


@pytest.mark.parametrize("key", [key for key in EVERY_KEY if key[0] in DISTRIBUTIONS])
def test_the_constants_are_scipys(key):
    family, eta = OneChannel(key), inside(key, np.linspace(-3.0, 1.5, 9))
    phi, trials = phi_of(key), trials_of(key[0])
    mu = family.mean(eta, phi, trials)
    for y in responses_of(key):
        found = family.log_likelihood(y, eta, phi, trials)
        theirs = DISTRIBUTIONS[key[0]](mu)
        log_density = theirs.logpmf if FAMILY_NAMES[key[0]].discrete else theirs.logpdf
        np.testing.assert_allclose(found, log_density(y), rtol=1e-10, atol=1e-14)


# Angles are counted from -pi, scipy's from half a turn below mu.
STRAIGHT = [
    key for key in EVERY_KEY if key[0] in DISTRIBUTIONS and not FAMILY_NAMES[key[0]].circular
]


@pytest.mark.parametrize("key", STRAIGHT)
def test_cumulative_distributions_are_scipys(key):
    """In both tails, each to its own digits."""
    family, eta = OneChannel(key), moderate(key, np.linspace(-6.0, 2.5, 18))
    phi, trials = phi_of(key), trials_of(key[0])
    theirs = DISTRIBUTIONS[key[0]](family.mean(eta, phi, trials))
    for y in (-1.0, *responses_of(key), TRIALS + 1.0):
        given = (y, eta, phi, trials)
        np.testing.assert_allclose(family.cdf(*given), theirs.cdf(y), rtol=1e-9)
        np.testing.assert_allclose(family.survival(*given), theirs.sf(y), rtol=1e-9)


def moderate(key, eta):
    """Those linear predictors at which a link is defined, and no mean is next to an end."""
    eta = inside(key, eta)
    mean = OneChannel(key).mean(eta, phi_of(key), trials_of(key[0]))
    if key[0] in WITHOUT_ENDS:
        return eta
    is_share = not FAMILIES[key].valid(np.array([1.5]), None)[0]
    return eta[np.abs(mean - 0.5) < 0.46] if is_share else eta[mean < 15.0]


@pytest.mark.parametrize("key", EVERY_KEY, ids="-".join)
def test_log_concave_says_the_sign_of_the_curvature(key):
    family = OneChannel(key)
    eta = inside(key, np.linspace(-30.0, 6.0, 400))
    bends = np.concatenate(
        [
            call(family.derivatives, key, y, eta, phi_of(key, value)).eta_eta
            for y in responses_of(key)
            for value in (DISPERSION, 100.0)
        ],
        axis=None,
    )
    assert np.all(bends <= 0.0) == family.log_concave


def test_gaussian_draws_have_the_standard_deviation_and_the_shape_of_sigma():
    draw = OneChannel(("gaussian", "identity")).draw
    sigma = np.array([[0.5], [4.0]])
    y = draw(np.random.default_rng(0), np.zeros(50_000), (sigma,), None)
    np.testing.assert_allclose(y.std(axis=1), sigma[:, 0], rtol=0.02)
    assert abs(np.corrcoef(y)[0, 1]) < 0.02


def test_poisson_draws_beyond_numpys_range():
    draw = OneChannel(("poisson", "log")).draw
    eta = np.log(np.array([3.0, 1e17, 1e6, 1e22, 1e300]))
    y = np.array([draw(np.random.default_rng(k), eta, (), None) for k in range(400)])
    mu = np.exp(eta)
    assert np.all(np.abs(y.mean(axis=0) - mu) < 5 * np.sqrt(mu / 400) + 1e-12 * mu)
    np.testing.assert_allclose(y[:, 1].std(), np.sqrt(mu[1]), rtol=0.15)


def test_bernoulli_is_binomial_with_one_trial():
    y, eta = np.array([[0.0], [1.0]]), np.linspace(-50.0, 50.0, 41)
    for link in ("logit", "probit", "cloglog"):
        one = OneChannel(("bernoulli", link)).derivatives(y, eta, (), None)
        many = OneChannel(("binomial", link)).derivatives(y, eta, (), np.ones((2, 1)))
        for a, b in zip(one[:3], many[:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("y", [11_080.0, 6e8])
@pytest.mark.parametrize("eta", [-80.0, -3.0, 60.0, 124.6, 290.0])
@pytest.mark.parametrize("log_alpha", [-28.0, -9.0, 25.0, 62.0, 103.0])
def test_large_counts_keep_their_digits_however_far_their_mean(y, eta, log_alpha):
    alpha = float(np.exp(log_alpha))
    family = FAMILIES["negative_binomial", "log"]
    found = family.log_likelihood(np.array([y]), np.array([[eta]]), (alpha,), None)[0]
    with mp.workdps(200):
        total, mu = mp.mpf(alpha) + y, mp.exp(mp.mpf(eta))
        expected = mp.loggamma(total) - mp.loggamma(alpha) - mp.loggamma(y + 1.0)
        expected += y * mp.mpf(eta) + alpha * mp.log(alpha) - total * mp.log(alpha + mu)
    assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("n", [16.0, 40.0, 5e3, 1e6, 1e12])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.01, 0.5, 0.99, 1.0])
def test_binomial_probabilities_of_large_counts(n, share):
    y, eta = np.ceil(share * n), 0.4
    log_likelihood = FAMILIES["binomial", "logit"].log_likelihood
    value = log_likelihood(np.array([y]), np.array([eta]), (), np.array([n]))
    with mp.workdps(60):
        _, log_p, log_q = LINKS["logit"](mp.mpf(eta))
        gammas = [mp.loggamma(mp.mpf(k) + 1) for k in (n, y, n - y)]
        choose = gammas[0] - gammas[1] - gammas[2]
        check_close(value[0], [choose, y * log_p, (n - y) * log_q], 3e-15)


VALIDITY = [
    ("gaussian", "identity", None, [0.0, -1e300, np.inf, np.nan], [True, True, False, False]),
    ("student_t", "log", None, [0.0, -1e300, np.inf, np.nan], [True, True, False, False]),
    ("bernoulli", "logit", None, [0, 1, 2, -1, 0.5, np.nan], [True, True, *[False] * 4]),
    ("binomial", "logit", 3.0, [0, 3, 4, -1, 1.5, np.inf], [True, True, *[False] * 4]),
    ("poisson", "log", None, [0, 1e9, -1, 0.5, np.inf, np.nan], [True, True, *[False] * 4]),
    ("beta", "logit", None, [0.5, 0.0, 1.0, -1.0, np.nan], [True, *[False] * 4]),
    ("tweedie", "log", None, [0.0, 1e-300, -1e-300, np.inf], [True, True, False, False]),
    ("von_mises", "tan_half", None, [np.pi, -np.pi, 4.0, np.nan], [True, True, False, False]),
    *(
        (name, "log", None, [1e-300, 7.0, 0.0, -1.0, np.inf], [True, True, *[False] * 3])
        for name in ("gamma", "inverse_gaussian", "exponential", "weibull")
    ),
]


@pytest.mark.parametrize(("name", "link", "trials", "y", "expected"), VALIDITY)
def test_admissible_responses(name, link, trials, y, expected):
    assert FAMILIES[name, link].valid(np.array(y, dtype=float), trials).tolist() == expected
