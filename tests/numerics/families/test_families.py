"""Every family against arithmetic of many digits: values, derivatives, means, draws, responses."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayesglm.numerics.families.family import FAMILIES

KEYS = sorted(FAMILIES)
SIGMA = 0.7
TRIALS = 7.0
RESPONSES = {
    "gaussian": (-3.5, 0.0, 12.25),
    "bernoulli": (0.0, 1.0),
    "binomial": (0.0, 2.0, 7.0),
    "poisson": (0.0, 1.0, 40.0),
}
CASES = [(key, y) for key in KEYS for y in RESPONSES[key[0]]]
# Around every place where a formula changes, and where exp() over- or underflows.
ETAS = [
    *(-1e5, -745.2, -700.1, -699.9, -300.0, -41.0, -39.0, -37.1, -36.9, -26.0, -21.0, -5.2, -4.01),
    *(-3.99, -3.3, -2.31, -2.29, -0.7, -0.69, -0.36, -0.35, -0.1, -1e-9, 0.0, 1e-9, 0.5, 2.0, 3.99),
    *(4.01, 6.5, 6.7, 20.0, 37.1, 100.0, 300.0, 709.0, 710.0, 1e5),
]


def decimals(low, high):
    """Numbers of six decimals: differences of functions cannot resolve an argument of 1e-150."""
    return st.integers(int(low * 1e6), int(high * 1e6)).map(lambda k: k / 1e6)


def exact_binary_logs(link, eta):
    """log p and log(1 - p), each from its own small number."""
    if link == "logit":
        return -mp.log1p(mp.exp(-eta)), -mp.log1p(mp.exp(eta))
    if link == "probit":
        below, above = (mp.erfc(sign * eta / mp.sqrt(2)) / 2 for sign in (-1, 1))
        return (mp.log1p(-above), mp.log(above)) if eta > 0 else (mp.log(below), mp.log1p(-below))
    hazard = mp.exp(eta)
    if hazard > 1e6:
        return mp.mpf(0), -hazard
    return (mp.log1p(-mp.exp(-hazard)) if hazard > 1 else mp.log(-mp.expm1(-hazard))), -hazard


def exact_mean(link, eta):
    if link == "identity":
        return eta
    return mp.exp(eta) if link == "log" else mp.log1p(mp.exp(eta))


def exact_terms(key, y, eta, sigma=SIGMA):
    """The addends of log p(y | eta, sigma); rounding is measured against the sum of their sizes."""
    name, link = key
    if name in ("bernoulli", "binomial"):
        n = TRIALS if name == "binomial" else 1.0
        log_p, log_q = exact_binary_logs(link, eta)
        return [y * log_p, (n - y) * log_q, mp.log(mp.binomial(int(n), int(y)))]
    mu = exact_mean(link, eta)
    if name == "poisson":
        return [y * mp.log(mu) if y else mp.mpf(0), -mu, -mp.loggamma(y + 1)]
    s = sigma * sigma
    return [
        -y * y / (2 * s),
        y * mu / s,
        -mu * mu / (2 * s),
        -mp.log(sigma),
        -mp.log(2 * mp.pi) / 2,
    ]


def exact_derivative(terms, at, order):
    """The same of the addends of a derivative, by central differences in many digits."""
    h = mp.mpf(10) ** -(mp.mp.dps // 4)
    low, here, high = terms(at - h), terms(at), terms(at + h)
    if order == 0:
        return here
    if order == 1:
        return [(c - a) / (2 * h) for a, c in zip(low, high, strict=True)]
    return [(a - 2 * b + c) / h**2 for a, b, c in zip(low, here, high, strict=True)]


def check_close(found, terms, tolerance):
    exact, size = mp.fsum(terms), mp.fsum(map(abs, terms))
    if abs(exact) > 1.7e308:
        assert float(found) == float(mp.sign(exact)) * np.inf
    else:
        assert abs(mp.mpf(float(found)) - exact) <= tolerance * size + mp.mpf("5e-308"), (
            f"{float(found)!r}, not {mp.nstr(exact, 18)}"
        )


def call(function, key, y, eta, sigma=SIGMA):
    phi = (sigma,) if FAMILIES[key].dispersions else ()
    return function(np.array([y]), np.array([eta]), phi, TRIALS if key[0] == "binomial" else None)


def conditioning(link, eta):
    """exp(-x) inherits the rounding of x: eta^2 / 2 in probit, exp(eta) in cloglog."""
    exponent = {"probit": lambda: eta * eta / 2, "cloglog": lambda: np.exp(min(eta, 7.0))}
    return 4e-16 * min(exponent.get(link, lambda: 0.0)(), 750.0)


def check_against_many_digits(key, y, eta):
    family = FAMILIES[key]
    d = call(family.derivatives, key, y, eta)
    # Differences of log p cancel down to p q, which may be as small as exp(-745).
    with mp.workdps(100 if abs(eta) < 20 else 250 if abs(eta) < 50 else 900):
        for order, found in enumerate((d.value, d.eta, d.eta_eta)):
            terms = exact_derivative(lambda x: exact_terms(key, y, x), mp.mpf(eta), order)
            check_close(found[0], terms, 1e-14 + conditioning(key[1], eta))
    np.testing.assert_allclose(
        call(family.log_likelihood, key, y, eta), d.value, rtol=1e-14, atol=5e-324
    )


@pytest.mark.parametrize(("key", "y"), CASES)
def test_values_and_derivatives_at_extreme_eta(key, y):
    for eta in ETAS:
        check_against_many_digits(key, y, eta)


@pytest.mark.parametrize("key", KEYS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_values_and_derivatives_at_any_eta(key, data):
    y = data.draw(st.sampled_from(RESPONSES[key[0]]))
    check_against_many_digits(key, y, data.draw(decimals(-45, 45)))


@pytest.mark.parametrize("key", [key for key in KEYS if FAMILIES[key].dispersions])
@settings(max_examples=60, deadline=None)
@given(y=decimals(-5, 20), eta=decimals(-20, 4), sigma=decimals(0.001, 1000))
def test_derivatives_in_the_dispersion(key, y, eta, sigma):
    d = call(FAMILIES[key].derivatives, key, y, eta, sigma)
    with mp.workdps(100):
        y, eta, sigma = mp.mpf(y), mp.mpf(eta), mp.mpf(sigma)

        def in_sigma(order):
            return lambda x: exact_derivative(lambda s: exact_terms(key, y, x, s), sigma, order)

        check_close(d.phi[0][0], in_sigma(1)(eta), 1e-13)
        check_close(d.phi_phi[0][0][0], in_sigma(2)(eta), 1e-13)
        check_close(d.eta_phi[0][0], exact_derivative(in_sigma(1), eta, 1), 1e-13)


@pytest.mark.parametrize("key", KEYS)
def test_the_constants_are_scipys(key):
    family, eta = FAMILIES[key], np.linspace(-3.0, 1.5, 9)
    phi, trials = ((SIGMA,), None) if family.dispersions else ((), TRIALS)
    trials = trials if key[0] == "binomial" else None
    mu = family.mean(eta, phi, trials)
    for y in RESPONSES[key[0]]:
        expected = {
            "gaussian": lambda y=y: stats.norm.logpdf(y, mu, SIGMA),
            "bernoulli": lambda y=y: stats.bernoulli.logpmf(y, mu),
            "binomial": lambda y=y: stats.binom.logpmf(y, TRIALS, mu / TRIALS),
            "poisson": lambda y=y: stats.poisson.logpmf(y, mu),
        }[key[0]]()
        found = family.log_likelihood(y, eta, phi, trials)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("key", KEYS)
def test_log_likelihoods_sum_to_one(key):
    family = FAMILIES[key]
    if family.dispersions:
        y = np.linspace(-60.0, 60.0, 20001)
        weight = y[1] - y[0]
    else:
        y = np.arange({"bernoulli": 2, "binomial": TRIALS + 1, "poisson": 200}[key[0]])
        weight = 1.0
    eta = np.array([-2.0, 0.3, 1.5])
    phi = (SIGMA,) if family.dispersions else ()
    trials = TRIALS if key[0] == "binomial" else None
    total = weight * np.exp(family.log_likelihood(y[:, None] * 1.0, eta, phi, trials)).sum(axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


@pytest.mark.parametrize("key", KEYS)
def test_log_concave_says_the_sign_of_the_curvature(key):
    family = FAMILIES[key]
    eta = np.linspace(-30.0, 6.0, 400)
    bends = np.concatenate(
        [call(family.derivatives, key, y, e).eta_eta for y in RESPONSES[key[0]] for e in eta]
    )
    assert np.all(bends <= 0.0) == family.log_concave


@pytest.mark.parametrize("key", KEYS)
def test_the_mean_is_where_the_expected_score_vanishes(key):
    """E[y] = mean: the score, which is affine in y, must be zero at y = mean.

    A bernoulli's y is 0 or 1, and the mean of its score that over both.
    """
    family = FAMILIES[key]
    phi = (SIGMA,) if family.dispersions else ()
    trials = TRIALS if key[0] == "binomial" else None
    for eta in (-3.0, -0.2, 0.9, 2.5):
        mu = family.mean(np.array([eta]), phi, trials)
        if key[0] == "bernoulli":
            of_0, of_1 = family.derivatives(np.array([0.0, 1.0]), np.full(2, eta), phi, None).eta
            score = mu[0] * of_1 + (1.0 - mu[0]) * of_0
        else:
            score = family.derivatives(mu, np.array([eta]), phi, trials).eta[0]
        assert abs(score) < 1e-12 * (1.0 + abs(mu[0]))


@pytest.mark.parametrize("key", KEYS)
def test_draws_have_the_mean_and_are_admissible(key):
    family, rng = FAMILIES[key], np.random.default_rng(1)
    eta = np.broadcast_to(np.array([-2.0, 0.1, 1.4]), (40_000, 3))
    phi = (SIGMA,) if family.dispersions else ()
    trials = np.array([3.0, 7.0, 11.0]) if key[0] == "binomial" else None
    y = family.draw(rng, eta, phi, trials)
    assert y.shape == eta.shape
    assert y.dtype == np.float64
    assert np.all(family.valid(y, trials))
    standard_error = y.std(axis=0) / np.sqrt(len(y))
    error = np.abs(y.mean(axis=0) - family.mean(eta[0], phi, trials))
    assert np.all(error < 4.5 * standard_error)
    again = family.draw(np.random.default_rng(1), eta, phi, trials)
    np.testing.assert_array_equal(y, again)


def test_gaussian_draws_have_the_standard_deviation_and_the_shape_of_sigma():
    draw = FAMILIES["gaussian", "identity"].draw
    sigma = np.array([[0.5], [4.0]])
    y = draw(np.random.default_rng(0), np.zeros(50_000), (sigma,), None)
    np.testing.assert_allclose(y.std(axis=1), sigma[:, 0], rtol=0.02)
    assert abs(np.corrcoef(y)[0, 1]) < 0.02


def test_poisson_draws_beyond_numpys_range():
    draw = FAMILIES["poisson", "log"].draw
    eta = np.log(np.array([3.0, 1e17, 1e6, 1e22, 1e300]))
    y = np.array([draw(np.random.default_rng(k), eta, (), None) for k in range(400)])
    mu = np.exp(eta)
    assert np.all(np.abs(y.mean(axis=0) - mu) < 5 * np.sqrt(mu / 400) + 1e-12 * mu)
    np.testing.assert_allclose(y[:, 1].std(), np.sqrt(mu[1]), rtol=0.15)


@pytest.mark.parametrize("key", KEYS)
def test_shapes_broadcast(key):
    family = FAMILIES[key]
    y = np.array(RESPONSES[key[0]])[:, None]
    phi = (np.array([0.5, 1.0, 2.0, 3.0]),) if family.dispersions else ()
    trials = np.full(len(y), TRIALS)[:, None] if key[0] == "binomial" else None
    eta = np.array([-1.0, 0.0, 1.0, 2.0])
    both = family.derivatives(y, eta, phi, trials)
    shape = (len(y), 4)
    assert family.log_likelihood(y, eta, phi, trials).shape == shape
    for part in (*both[:3], *both.phi, *both.eta_phi, *(p for row in both.phi_phi for p in row)):
        assert part.shape == shape
    for i, j in np.ndindex(shape):
        one = family.derivatives(
            y[i],
            eta[[j]],
            tuple(p[[j]] for p in phi),
            None if trials is None else trials[i],
        )
        for part, single in zip(both[:3], one[:3], strict=True):
            assert part[i, j] == single[0]


@pytest.mark.parametrize("key", KEYS)
def test_one_eta_for_many_responses(key):
    """An intercept-only model: every derivative still has the shape of y."""
    family = FAMILIES[key]
    y = np.array(RESPONSES[key[0]])
    d = call(family.derivatives, key, y[0], 0.4)
    phi = (SIGMA,) if family.dispersions else ()
    trials = TRIALS if key[0] == "binomial" else None
    many = family.derivatives(y, np.array([0.4]), phi, trials)
    for part, first in zip(many[:3], d[:3], strict=True):
        assert part.shape == y.shape
        assert part[0] == first[0]


def test_bernoulli_is_binomial_with_one_trial():
    y, eta = np.array([[0.0], [1.0]]), np.linspace(-50.0, 50.0, 41)
    for link in ("logit", "probit", "cloglog"):
        one = FAMILIES["bernoulli", link].derivatives(y, eta, (), None)
        many = FAMILIES["binomial", link].derivatives(y, eta, (), np.ones((2, 1)))
        for a, b in zip(one[:3], many[:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("n", [16.0, 40.0, 5e3, 1e6, 1e12])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.01, 0.5, 0.99, 1.0])
def test_binomial_probabilities_of_large_counts(n, share):
    y, eta = np.ceil(share * n), 0.4
    log_likelihood = FAMILIES["binomial", "logit"].log_likelihood
    value = log_likelihood(np.array([y]), np.array([eta]), (), np.array([n]))
    with mp.workdps(60):
        log_p, log_q = exact_binary_logs("logit", mp.mpf(eta))
        gammas = [mp.loggamma(mp.mpf(k) + 1) for k in (n, y, n - y)]
        choose = gammas[0] - gammas[1] - gammas[2]
        check_close(value[0], [choose, y * log_p, (n - y) * log_q], 3e-15)


VALIDITY = [
    ("gaussian", "identity", None, [0.0, -1e300, np.inf, np.nan], [True, True, False, False]),
    ("bernoulli", "logit", None, [0, 1, 2, -1, 0.5, np.nan], [True, True, *[False] * 4]),
    ("binomial", "logit", 3.0, [0, 3, 4, -1, 1.5, np.inf], [True, True, *[False] * 4]),
    ("poisson", "log", None, [0, 1e9, -1, 0.5, np.inf, np.nan], [True, True, *[False] * 4]),
]


@pytest.mark.parametrize(("name", "link", "trials", "y", "expected"), VALIDITY)
def test_admissible_responses(name, link, trials, y, expected):
    assert FAMILIES[name, link].valid(np.array(y, dtype=float), trials).tolist() == expected


def test_the_table_is_what_the_design_allows():
    links = {
        "gaussian": ("identity", "log", "softplus"),
        "bernoulli": ("logit", "probit", "cloglog"),
        "binomial": ("logit", "probit", "cloglog"),
        "poisson": ("log", "softplus"),
    }
    assert {(name, link) for name in links for link in links[name]} == set(FAMILIES)
    for (name, link), family in FAMILIES.items():
        assert (family.name, family.link) == (name, link)
        assert family.dispersions == (("sigma",) if name == "gaussian" else ())
        separable = {"gaussian": "positive mean", "poisson": "positive mean"}
        expected = None if link == "identity" else separable.get(name, "binomial")
        assert family.separable == expected
