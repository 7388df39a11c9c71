"""Every family against arithmetic of many digits: values, derivatives, means, draws, responses."""

import mpmath as mp
import numpy as np
import pytest
from families import (
    DISPERSED_KEYS,
    DISPERSION,
    DISPERSIONS,
    EXACT_KEYS,
    KEYS,
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
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

CASES = [(key, y) for key in EXACT_KEYS for y in responses_of(key)]
# Around every place where a formula changes, and where exp() over- or underflows.
ETAS = [
    *(-1e5, -745.2, -700.1, -699.9, -300.0, -41.0, -39.0, -37.1, -36.9, -26.0, -21.0, -5.2, -4.01),
    *(-3.99, -3.3, -2.31, -2.29, -0.7, -0.69, -0.36, -0.35, -0.1, -1e-9, 0.0, 1e-9, 0.5, 2.0, 3.99),
    *(4.01, 6.5, 6.7, 20.0, 37.1, 100.0, 300.0, 709.0, 710.0, 1e5),
]


def decimals(low, high):
    """Numbers of six decimals: differences of functions cannot resolve an argument of 1e-150."""
    return st.integers(int(low * 1e6), int(high * 1e6)).map(lambda k: k / 1e6)


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
    if abs(exact) > 1.7e308 or (abs(exact) > 1e308 and np.isinf(found)):
        assert float(found) == float(mp.sign(exact)) * np.inf
    else:
        assert abs(mp.mpf(float(found)) - exact) <= tolerance * size + mp.mpf("5e-308"), (
            f"{float(found)!r}, not {mp.nstr(exact, 18)}"
        )


def call(function, key, y, eta, phi=None):
    phi = phi_of(key) if phi is None else phi
    return function(np.array([y]), np.array([eta]), phi, trials_of(key[0]))


def exact(key, y, eta, phi=None):
    phi = phi_of(key) if phi is None else phi
    return exact_terms(key, mp.mpf(y), eta, tuple(map(mp.mpf, phi)), mp.mpf(TRIALS))


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


def check_against_many_digits(key, y, eta):
    family = OneChannel(key)
    d = call(family.derivatives, key, y, eta)
    # Differences of log p cancel down to p q, which may be as small as exp(-745).
    is_short = abs(eta) < 20 or key[0] not in WITHOUT_ENDS
    with mp.workdps(100 if is_short else 250 if abs(eta) < 50 else 900):
        for order, found in enumerate((d.value, d.eta, d.eta_eta)):
            terms = exact_derivative(lambda x: exact(key, y, x), mp.mpf(eta), order)
            cancels = LOG_DENSITIES[key[0]].exponent is not None and np.isfinite(found)
            if order == 2 and (cancels or key[0] not in WITHOUT_ENDS):
                square = mp.mpf(float(np.squeeze(d.eta))) ** 2  # log p'' is p'' / p less it
                terms += [square, -square]
            check_close(found[0], terms, 1e-14 + conditioning(key, eta))
    np.testing.assert_allclose(
        call(family.log_likelihood, key, y, eta), d.value, rtol=1e-14, atol=5e-324
    )


@pytest.mark.parametrize(("key", "y"), CASES, ids=str)
def test_values_and_derivatives_at_extreme_eta(key, y):
    for eta in exact_etas(key, ETAS):
        check_against_many_digits(key, y, eta)


@pytest.mark.parametrize("key", EXACT_KEYS, ids="-".join)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_values_and_derivatives_at_any_eta(key, data):
    y = data.draw(st.sampled_from(responses_of(key)))
    etas = decimals(-45, 45).filter(lambda eta: len(exact_etas(key, [eta])) == 1)
    check_against_many_digits(key, y, data.draw(etas))


def any_response(key):
    """Any number, where a family's responses are such; else one of its examples."""
    is_real = FAMILIES[key].valid(np.array([-0.123456]), trials_of(key[0]))[0]
    return decimals(-5, 20) if is_real else st.sampled_from(responses_of(key))


@pytest.mark.parametrize("key", DISPERSED_KEYS, ids="-".join)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_derivatives_in_the_dispersions(key, data):
    y, names = data.draw(any_response(key)), FAMILIES[key].dispersion_names
    values = [phi_of(key, data.draw(decimals(0.001, 1000), name)) for name in names]
    phi = tuple(one[k] for k, one in enumerate(values))
    etas = decimals(-20, 4).filter(lambda eta: len(exact_etas(key, [eta])) == 1)
    eta = data.draw(etas, "eta")
    d = call(OneChannel(key).derivatives, key, y, eta, phi)
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


@pytest.mark.parametrize("key", [key for key in KEYS if key[0] in DISTRIBUTIONS])
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
STRAIGHT = [key for key in KEYS if key[0] in DISTRIBUTIONS and not FAMILY_NAMES[key[0]].circular]


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


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_cumulative_distributions_add_up_the_likelihood(key):
    family, (y, step) = OneChannel(key), all_responses(key)
    phi, trials = phi_of(key), trials_of(key[0])
    eta = moderate(key, [-2.0, -0.5, 0.1, 0.8])[:, None]
    share = np.exp(family.log_likelihood(y, eta, phi, trials))
    cdf, below = (f(y, eta, phi, trials) for f in (family.cdf, family.below))
    np.testing.assert_allclose(cdf + family.survival(y, eta, phi, trials), 1.0, rtol=1e-12)
    assert np.all(np.diff(cdf, axis=1) >= -1e-15)
    if FAMILY_NAMES[key[0]].discrete:
        np.testing.assert_allclose(cdf - below, share, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(below[:, 0], 0.0)
    else:
        np.testing.assert_array_equal(cdf, below)
        grown = 0.5 * (step * share)[:, 1:] + 0.5 * (step * share)[:, :-1]
        np.testing.assert_allclose(np.diff(cdf, axis=1)[:, 1:-1], grown[:, 1:-1], atol=3e-5)


def all_responses(key):
    """Every response of a family that is not all but impossible, and the step between two."""
    words, trials = FAMILY_NAMES[key[0]], trials_of(key[0])

    def is_valid(y):
        return FAMILIES[key].valid(np.atleast_1d(y), trials)

    if words.discrete:
        y = np.arange(4000.0)
        return y[is_valid(y)], np.ones(is_valid(y).sum())
    if words.circular:
        y = np.linspace(-np.pi, np.pi, 20001)
        return y, np.r_[0.5, np.ones(19999), 0.5] * (y[1] - y[0])
    t = np.arange(-10240, 5120) / 128.0
    if is_valid(-1.0):
        y, rate = np.sinh(0.2 * t + 4.0), 0.2 * np.cosh(0.2 * t + 4.0)
    elif is_valid(40.0):
        t = np.arange(-20480, 3328) / 256.0
        y = rate = np.exp(t)
    else:
        y, rate = special.expit(t), special.expit(t) * special.expit(-t)
    keep, weight = is_valid(y), rate * (t[1] - t[0])
    y, weight = y[keep], weight[keep]
    return (np.r_[0.0, y], np.r_[1.0, weight]) if is_valid(0.0) and y[0] > 0.0 else (y, weight)


def moderate(key, eta):
    """Those linear predictors at which a link is defined, and no mean is next to an end."""
    eta = inside(key, eta)
    mean = OneChannel(key).mean(eta, phi_of(key), trials_of(key[0]))
    if key[0] in WITHOUT_ENDS:
        return eta
    is_share = not FAMILIES[key].valid(np.array([1.5]), None)[0]
    return eta[np.abs(mean - 0.5) < 0.46] if is_share else eta[mean < 15.0]


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_log_likelihoods_sum_to_one_and_responses_to_their_mean(key):
    family, (y, step) = OneChannel(key), all_responses(key)
    eta = moderate(key, [-3.0, -2.0, -0.2, 0.3, 0.9, 1.5, 2.5])
    phi, trials = phi_of(key), trials_of(key[0])
    share = step[:, None] * np.exp(family.log_likelihood(y[:, None], eta, phi, trials))
    mean = family.mean(eta, phi, trials)
    np.testing.assert_allclose(share.sum(axis=0), 1.0, rtol=1e-12)
    if FAMILY_NAMES[key[0]].circular:
        direction = np.exp(1j * (y[:, None] - mean)) * share
        np.testing.assert_allclose(direction.sum(axis=0).imag, 0.0, atol=1e-12)
    else:
        np.testing.assert_allclose(y @ share, mean, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
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


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_the_saturated_kernel_is_the_largest_of_all(key):
    family, phi, trials = OneChannel(key), phi_of(key), trials_of(key[0])
    far = np.geomspace(1e-3, 100.0, 16_001)
    eta = inside(key, np.r_[-far[::-1], far])
    mean = family.mean(eta, phi, trials)
    for y in np.array(responses_of(key)):
        kernel = family.kernel(y, eta, phi, trials, 0).value
        left = float(family.saturated(y, phi, trials)) - np.max(kernel)
        assert left > -1e-9
        if mean.min() <= y <= mean.max():
            assert left < 1e-2


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_deviances_are_proportional_to_the_powers_of_dispersions(key):
    family, powers = OneChannel(key), FAMILY_NAMES[key[0]].deviance_powers
    assert len(powers) == len(family.dispersions)
    y, trials = np.array(responses_of(key)), trials_of(key[0])
    eta = inside(key, [-1.0, 0.5])[:, None]

    def deviance(phi):
        return family.saturated(y, phi, trials) - family.kernel(y, eta, phi, trials, 0).value

    for k, power in enumerate(powers):
        phi, others = list(phi_of(key, 1.0)), phi_of(key, 3.0)
        one, ratio = deviance(phi), others[k] / phi[k]
        phi[k] = others[k]
        assert power == 0.0 or np.allclose(deviance(phi), one * ratio**power, rtol=1e-10)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_draws_have_the_mean_and_are_admissible(key):
    family, rng = OneChannel(key), np.random.default_rng(1)
    eta = moderate(key, [-2.0, -0.5, 0.1, 1.4])[:3]
    eta = np.broadcast_to(eta, (40_000, len(eta)))
    phi, trials = phi_of(key), trials_of(key[0], np.array([3.0, 7.0, 11.0])[: eta.shape[1]])
    y = family.draw(rng, eta, phi, trials)
    assert y.shape == eta.shape
    assert y.dtype == np.float64
    assert np.all(family.valid(y, trials))
    mean = family.mean(eta[0], phi, trials)
    away = np.sin(y - mean) if FAMILY_NAMES[key[0]].circular else y - mean
    standard_error = y.std(axis=0) / np.sqrt(len(y))
    error = np.abs(away.mean(axis=0))
    assert np.all(error < 4.5 * standard_error)
    again = family.draw(np.random.default_rng(1), eta, phi, trials)
    np.testing.assert_array_equal(y, again)


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


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_shapes_broadcast(key):
    family = OneChannel(key)
    y = np.array(responses_of(key))[:, None]
    phi = phi_of(key, np.array([0.5, 1.0, 2.0, 3.0]))
    trials = trials_of(key[0], np.full(len(y), TRIALS)[:, None])
    eta = np.resize(inside(key, [-1.0, 0.0, 0.6, 1.0, 2.0]), 4)
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


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_one_eta_for_many_responses(key):
    """An intercept-only model: every derivative still has the shape of y."""
    family = OneChannel(key)
    y = np.array(responses_of(key))
    eta = inside(key, [0.4, -0.4])[0]
    d = call(family.derivatives, key, y[0], eta)
    many = family.derivatives(y, np.array([eta]), phi_of(key), trials_of(key[0]))
    for part, first in zip(many[:3], d[:3], strict=True):
        assert part.shape == y.shape
        assert part[0] == first[0]


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
    ("von_mises", "tan_half", None, [np.pi, -np.pi, 4.0, np.nan], [True, True, False, False]),
    *(
        (name, "log", None, [1e-300, 7.0, 0.0, -1.0, np.inf], [True, True, *[False] * 3])
        for name in ("gamma", "inverse_gaussian", "exponential", "weibull")
    ),
]


@pytest.mark.parametrize(("name", "link", "trials", "y", "expected"), VALIDITY)
def test_admissible_responses(name, link, trials, y, expected):
    assert FAMILIES[name, link].valid(np.array(y, dtype=float), trials).tolist() == expected
