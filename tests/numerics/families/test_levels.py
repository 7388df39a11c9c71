"""Families of labels: log densities in many digits, derivatives, shares and draws."""

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesglm.numerics.families.binary_links import BINARY_LINKS
from bayesglm.numerics.families.categorical import categorical, softmax
from bayesglm.numerics.families.multinomial import multinomial
from bayesglm.numerics.families.ordinal import at_share, ordinal

DIGITS = 60
LINKS = ("logit", "probit", "cloglog", "cauchit", "loglog")
REFERENCES = (0, 1, 3, None)
LABELS = np.array([0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 0.0, 3.0, 2.0])
COUNTS = np.random.default_rng(6).integers(0, 5, (4, 9)).astype(float)

F: dict[str, Callable[[Any], Any]] = {
    "logit": lambda x: 1 / (1 + mp.exp(-x)),
    "probit": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    "cloglog": lambda x: -mp.expm1(-mp.exp(x)),
    "cauchit": lambda x: mp.mpf(1) / 2 + mp.atan(x) / mp.pi,
    "loglog": lambda x: mp.exp(-mp.exp(-x)),
}


def exact_shares(eta, reference):
    every = [mp.exp(mp.mpf(float(one))) for one in eta]
    if reference is not None:
        every.insert(reference, mp.mpf(1))
    return [one / sum(every) for one in every]


def exact_ordinal(link, y, eta, cuts):
    below = [mp.mpf(0), *(F[link](mp.mpf(float(c)) - mp.mpf(float(eta))) for c in cuts), mp.mpf(1)]
    return mp.log(below[y + 1] - below[y])


def bumps(function, x):
    """Return the central differences of a function of a vector, ``(len(x), ...)``."""
    step = 1e-6
    moves = step * np.eye(len(x))
    return np.array([(function(x + one) - function(x - one)) / (2 * step) for one in moves])


@pytest.mark.parametrize("reference", REFERENCES)
@given(eta=st.lists(st.floats(-40, 40), min_size=3, max_size=3))
def test_a_label_has_its_share_of_the_softmax(reference, eta):
    eta = np.array(eta if reference is not None else [*eta, 0.5])
    family, n = categorical(4, reference), 4
    y = np.arange(float(n))
    with mp.workdps(DIGITS):
        exact = exact_shares(eta, reference)
        logs = np.array([float(mp.log(one)) for one in exact])
        rest = np.array([float(1 - one) for one in exact])
    at = np.repeat(eta[:, None], n, axis=1)
    found = family.derivatives(y, at, (), None)
    np.testing.assert_allclose(found.value, logs, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(family.mean(at, (), None)[:, 0], np.exp(logs), rtol=1e-12)
    hit = [k for k in range(n) if k != reference]
    for c, level in enumerate(hit):
        slopes = np.where(y == level, rest[level], -np.exp(logs[level]))
        np.testing.assert_allclose(found.eta[c], slopes, rtol=1e-12)
        bend = -np.exp(logs[level]) * rest[level]
        np.testing.assert_allclose(found.eta_eta[c, c], bend, rtol=1e-12)


@pytest.mark.parametrize("reference", REFERENCES)
@given(eta=st.lists(st.floats(-4, 4), min_size=3, max_size=3), y=st.integers(0, 3))
def test_derivatives_of_a_label_are_those_of_finite_differences(reference, eta, y):
    eta = np.array(eta if reference is not None else [*eta, 0.5])
    family, y = categorical(4, reference), np.array([float(y)])
    found = family.derivatives(y, eta[:, None], (), None)
    value = bumps(lambda e: family.log_likelihood(y, e[:, None], (), None)[0], eta)
    np.testing.assert_allclose(found.eta[:, 0], value, atol=1e-8)
    slope = bumps(lambda e: family.derivatives(y, e[:, None], (), None).eta[:, 0], eta)
    np.testing.assert_allclose(found.eta_eta[:, :, 0], slope, atol=1e-8)


@pytest.mark.parametrize("reference", REFERENCES)
@given(
    eta=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    counts=st.lists(st.integers(0, 300), min_size=4, max_size=4),
)
def test_counts_of_levels_are_multinomial(reference, eta, counts):
    eta = np.array(eta if reference is not None else [*eta, 0.5])
    family, y = multinomial(4, reference), np.array(counts, dtype=float)[:, None]
    with mp.workdps(DIGITS):
        shares = exact_shares(eta, reference)
        addends = [
            mp.loggamma(sum(counts) + 1),
            *(-mp.loggamma(k + 1) for k in counts),
            *(k * mp.log(share) for k, share in zip(counts, shares, strict=True)),
        ]
        exact, size = float(sum(addends)), float(sum(map(abs, addends)))
    found = family.derivatives(y, eta[:, None], (), None)
    assert abs(found.value[0] - exact) <= 1e-14 * (1 + size)
    value = bumps(lambda e: family.log_likelihood(y, e[:, None], (), None)[0], eta)
    np.testing.assert_allclose(found.eta[:, 0], value, rtol=1e-6, atol=1e-5)
    slope = bumps(lambda e: family.derivatives(y, e[:, None], (), None).eta[:, 0], eta)
    np.testing.assert_allclose(found.eta_eta[:, :, 0], slope, rtol=1e-6, atol=1e-5)
    best = family.saturated(y, (), None)[0]
    assert found.value[0] - family.constant(y, None)[0] <= best + 1e-9 * (1 + abs(best))


@pytest.mark.parametrize("link", LINKS)
@settings(max_examples=30)  # mpmath takes long over the digits that exp(-exp(x)) asks for
@given(
    eta=st.floats(-12, 12),
    first=st.floats(-4, 4),
    steps=st.lists(st.floats(0.01, 4), min_size=2, max_size=2),
)
def test_a_label_in_an_order_lies_between_its_cutpoints(link, eta, first, steps):
    family, cuts = ordinal(link, 4), first + np.array([0.0, *np.cumsum(steps)])
    y, at = np.arange(4.0), np.full((1, 4), eta)
    with mp.workdps(2000 if link in ("cloglog", "loglog") else DIGITS + 60):
        exact = np.array([float(exact_ordinal(link, k, eta, cuts)) for k in range(4)])
    kept = np.isfinite(exact)
    found = family.log_likelihood(y, at, tuple(cuts), None)
    np.testing.assert_allclose(found[kept], exact[kept], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("link", LINKS)
@given(eta=st.floats(-3, 3), first=st.floats(-2, 0), y=st.integers(0, 3))
def test_derivatives_in_an_order_are_those_of_finite_differences(link, eta, first, y):
    family, y = ordinal(link, 4), np.array([float(y)])
    x = np.array([eta, *(first + np.array([0.0, 0.7, 1.9]))])

    def value(x):
        return family.log_likelihood(y, x[:1, None], tuple(x[1:]), None)[0]

    def slopes(x):
        d = family.derivatives(y, x[:1, None], tuple(x[1:]), None)
        return np.array([d.eta[0, 0], *(one[0] for one in d.phi)])

    found = family.derivatives(y, x[:1, None], tuple(x[1:]), None)
    np.testing.assert_allclose(slopes(x), bumps(value, x), rtol=2e-6, atol=1e-7)
    bends = np.array([[one[0] for one in line] for line in found.phi_phi])
    across = np.array([one[0, 0] for one in found.eta_phi])
    whole = np.block([[found.eta_eta[0, 0], across[None]], [across[:, None], bends]])
    np.testing.assert_allclose(whole, bumps(slopes, x), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("link", LINKS)
def test_lines_have_cutpoints_of_their_own(link):
    family, rng = ordinal(link, 3), np.random.default_rng(0)
    eta, y = rng.normal(size=(1, 2, 5)), np.array([0.0, 1.0, 2.0, 1.0, 0.0])
    cuts = np.array([[-1.0, 0.5], [0.2, 0.9]])
    together = family.derivatives(y, eta, tuple(cuts.T[..., None]), None)
    for k in range(2):
        alone = family.derivatives(y, eta[:, k], tuple(cuts[k]), None)
        np.testing.assert_allclose(together.value[k], alone.value)
        np.testing.assert_allclose(together.phi[1][k], alone.phi[1])
        np.testing.assert_allclose(together.phi_phi[0][1][k], alone.phi_phi[0][1])


FAMILIES = [
    (categorical(4, 1), ()),
    (categorical(4, None), ()),
    *((ordinal(link, 4), (-0.8, 0.1, 1.1)) for link in LINKS),
]


@pytest.mark.parametrize(("family", "cuts"), FAMILIES, ids=lambda one: getattr(one, "link", ""))
def test_means_are_the_shares_and_draws_have_them(family, cuts):
    n, rng = 40_000, np.random.default_rng(3)
    one = rng.normal(size=(len(family.channels), 1))
    eta = np.repeat(one, n, axis=1)
    shares = family.mean(eta, cuts, None)[:, 0]
    likelihoods = [
        np.exp(family.log_likelihood(np.array([float(k)]), one, cuts, None)[0]) for k in range(4)
    ]
    np.testing.assert_allclose(shares, likelihoods, rtol=1e-12)
    assert abs(shares.sum() - 1.0) < 1e-12
    drawn = family.draw(rng, eta, cuts, None)
    counts = np.array([(drawn == k).mean() for k in range(4)])
    assert np.all(np.abs(counts - shares) < 4.5 * np.sqrt(shares * (1 - shares) / n))


def test_draws_of_counts_have_their_mean():
    family, rng = multinomial(3, None), np.random.default_rng(4)
    eta = np.repeat([[0.2], [-1.0], [0.7]], 20_000, axis=1)
    trials = np.full(20_000, 5.0)
    drawn, mean = family.draw(rng, eta, (), trials), family.mean(eta, (), trials)
    assert np.all(drawn.sum(axis=0) == 5.0)
    share = mean[:, 0] / 5.0
    error = np.sqrt(5.0 * share * (1 - share) / 20_000)
    assert np.all(np.abs(drawn.mean(axis=1) - mean[:, 0]) < 4.5 * error)


@pytest.mark.parametrize("link", LINKS)
def test_cumulative_shares_are_those_of_the_levels(link):
    family, cuts, eta = ordinal(link, 4), (-0.8, 0.1, 1.1), np.array([[0.3]])
    shares = family.mean(eta, cuts, None)[:, 0]
    for k in range(-1, 5):
        y = np.array([float(k)])
        below = shares[: k + 1].sum() if k >= 0 else 0.0
        np.testing.assert_allclose(family.cdf(y, eta, cuts, None), below, atol=1e-14)
        np.testing.assert_allclose(family.survival(y, eta, cuts, None), 1 - below, atol=1e-14)


@pytest.mark.parametrize("link", LINKS)
def test_cutpoints_start_at_the_levels_own_shares(link):
    family, y = ordinal(link, 3), np.repeat([0.0, 1.0, 2.0], [200, 500, 300])
    cuts = family.dispersions[0].start(y)
    shares = family.mean(np.zeros((1, 1)), tuple(cuts), None)[:, 0]
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=1e-3)
    equal = BINARY_LINKS[link].probability(at_share(BINARY_LINKS[link], np.array([0.25, 0.75])))
    np.testing.assert_allclose(equal, [0.25, 0.75], rtol=1e-12)


def test_linear_predictors_far_out_leave_no_nan():
    far = np.array([[800.0, -800.0, 3000.0]])
    family = categorical(2, 0)
    for y in (0.0, 1.0):
        d = family.derivatives(np.full(3, y), far, (), None)
        assert all(np.isfinite(one).all() for one in (d.value, d.eta, d.eta_eta))
    np.testing.assert_allclose(softmax(far, 0).share.sum(axis=0), 1.0)


@pytest.mark.parametrize("far", [1.0, 900.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("family", "y", "cuts"),
    [
        (categorical(4, 0), LABELS, ()),
        (categorical(4, 2), LABELS, ()),
        (categorical(4, None), LABELS, ()),
        (multinomial(4, 1), COUNTS, ()),
        (multinomial(4, None), COUNTS, ()),
        (ordinal("logit", 4), LABELS, np.array([[-0.8, 0.1, 1.1], [-2.0, 0.3, 0.31]])),
        (ordinal("probit", 4), LABELS, np.array([[-0.8, 0.1, 1.1], [-2.0, 0.3, 0.31]])),
    ],
)
def test_sums_over_rows_are_those_of_the_rows(family, y, cuts, weighted, far):
    rng = np.random.default_rng(8)
    eta = rng.normal(size=(len(family.channels), 2, 9))
    eta[0, 0, 3] = far
    phi = [one[:, None] for one in np.transpose(cuts)] if len(cuts) else []
    weights = rng.choice([0.5, 1.0, 2.0], 9) if weighted else None
    of_rows = family.kernel(y, eta, phi, None, 0).value
    exact = (of_rows * (1.0 if weights is None else weights)).sum(axis=-1)
    found = family.summed(y, eta.copy(), phi, None, weights)
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-13)


def test_a_level_without_width_or_responses_counts_nothing():
    family, eta = ordinal("logit", 4), np.zeros((1, 1, 3))
    phi = [np.array([[-1.0]]), np.array([[0.5]]), np.array([[0.5]])]
    y = np.array([0.0, 1.0, 3.0])
    expected = family.kernel(y, eta, phi, None, 0).value.sum(axis=-1)
    np.testing.assert_allclose(family.summed(y, eta.copy(), phi, None, None), expected, rtol=1e-13)
    y[0] = 2.0
    assert family.summed(y, eta.copy(), phi, None, None).tolist() == [-np.inf]
