"""Dispersions as channels: the chain rule of every family whose dispersions may be predicted."""

import numpy as np
import pytest
from families import KEYS, phi_of, responses_of, trials_of

from bayesglm.numerics.families.predicted import predicted
from bayesglm.numerics.families.record import Derivatives, Dispersion, of_one_channel
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES, FamilyName

OF_ONE_MEAN = [key for key in KEYS if len(FAMILIES[key].channels) == 1]
CASES = [
    (key, names)
    for key in OF_ONE_MEAN
    for every in [FAMILIES[key].dispersion_names]
    for names in dict.fromkeys((every, every[:1], every[-1:]))
    if names and all(FAMILY_NAMES[key[0]].link_of(name) for name in names)
]
STEP = 1e-5


def case(key, names):
    """Return the family, responses, linear predictors and what is left of its dispersions."""
    plain = FAMILIES[key]
    y = np.array(responses_of(key))
    rng = np.random.default_rng(3)
    transforms = [plain.dispersion_named(name).transform for name in names]
    values = dict(zip(plain.dispersion_names, phi_of(key), strict=True))
    inner = [t.inner(np.array([values[n]])) for t, n in zip(transforms, names, strict=True)]
    eta = np.stack([0.3 + 0.1 * rng.random(len(y)), *(u + 0.1 * rng.random(len(y)) for u in inner)])
    return plain, y, eta, [value for name, value in values.items() if name not in names]


@pytest.mark.parametrize(("key", "names"), CASES, ids=str)
def test_the_density_is_that_of_the_family_at_the_natural_values(key, names):
    plain, y, eta, phi = case(key, names)
    family, trials = predicted(plain, names), trials_of(key[0])
    every = dict(zip(family.dispersion_names, phi, strict=True))
    for name, own in zip(names, eta[1:], strict=True):
        every[name] = plain.dispersion_named(name).transform.natural(own)
    natural = [every[name] for name in plain.dispersion_names]
    for one, other in zip(family.every_phi(eta, phi), natural, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        family.log_likelihood(y, eta, phi, trials),
        plain.log_likelihood(y, eta[:1], natural, trials),
    )
    np.testing.assert_array_equal(
        family.mean(eta, phi, trials), plain.mean(eta[:1], natural, trials)
    )
    np.testing.assert_array_equal(
        family.survival(y, eta, phi, trials), plain.survival(y, eta[:1], natural, trials)
    )
    draws = [
        one.draw(np.random.default_rng(1), e, p, trials)
        for one, e, p in ((family, eta, phi), (plain, eta[:1], natural))
    ]
    np.testing.assert_array_equal(*draws)


def check_derivatives(family, y, eta, phi, trials):
    """Assert that derivatives in channels and dispersions are differences of the ones before."""
    d = family.kernel(y, eta, phi, trials, 2)
    first = family.kernel(y, eta, phi, trials, 1)
    np.testing.assert_array_equal(first.eta, d.eta)
    for c in range(len(eta)):
        step = np.zeros_like(eta)
        step[c] = STEP
        above, below = (family.kernel(y, eta + sign * step, phi, trials, 2) for sign in (1.0, -1.0))
        close = {"rtol": 1e-6, "atol": 1e-6 * np.abs(d.eta_eta).max()}
        np.testing.assert_allclose(d.eta[c], (above.value - below.value) / (2 * STEP), **close)
        np.testing.assert_allclose(d.eta_eta[c], (above.eta - below.eta) / (2 * STEP), **close)
        for k in range(len(phi)):
            slopes = (above.phi[k] - below.phi[k]) / (2 * STEP)
            np.testing.assert_allclose(d.eta_phi[k][c], slopes, rtol=1e-5, atol=1e-5)
    for k in range(len(phi)):
        ends = [
            family.kernel(y, eta, [*phi[:k], phi[k] + sign * STEP, *phi[k + 1 :]], trials, 2)
            for sign in (1.0, -1.0)
        ]
        slopes = (ends[0].value - ends[1].value) / (2 * STEP)
        np.testing.assert_allclose(d.phi[k], slopes, rtol=1e-5, atol=1e-5)
        bends = (ends[0].phi[k] - ends[1].phi[k]) / (2 * STEP)
        np.testing.assert_allclose(d.phi_phi[k][k], bends, rtol=1e-5, atol=1e-5)
    assert len(d.phi) == len(d.eta_phi) == len(d.phi_phi) == len(phi)


@pytest.mark.parametrize(("key", "names"), CASES, ids=str)
def test_derivatives_by_finite_differences(key, names):
    plain, y, eta, phi = case(key, names)
    check_derivatives(predicted(plain, names), y, eta, phi, trials_of(key[0]))


def shifted(y, eta, phi, trials, order):
    """log p(y) of a normal response around eta + shift, with sd width."""
    width, shift = phi
    r = (y - eta - shift) / width
    first, bend, both = r / width, 0.0 * r - 1.0 / width**2, -2.0 * r / width**2
    return Derivatives(
        -0.5 * r * r - np.log(width),
        first,
        bend,
        ((r * r - 1.0) / width, first),
        (both, bend),
        (((1.0 - 3.0 * r * r) / width**2, both), (both, bend)),
    )


@pytest.mark.parametrize("names", [("width",), ("shift",), ("width", "shift")], ids=str)
def test_some_of_several_dispersions(names, monkeypatch):
    words = FamilyName(links=("identity",), dispersions=("width", "shift"))
    monkeypatch.setitem(FAMILY_NAMES, "shifted", words)
    positive = Dispersion(lambda spread: ("Exponential", {"scale": 1.0}), lambda y: 1.0)
    gaussian = FAMILIES["gaussian", "identity"]
    plain = of_one_channel(
        shifted,
        lambda eta, phi, trials: eta + phi[1],
        name="shifted",
        link="identity",
        constant=lambda y, trials: 0.0,
        saturated=gaussian.saturated,
        draw=lambda rng, eta, phi, trials: eta,
        cdf=lambda y, eta, phi, trials: eta,
        survival=lambda y, eta, phi, trials: eta,
        valid=gaussian.valid,
        support="real numbers",
        dispersions=(positive, positive),
    )
    family, rng = predicted(plain, names), np.random.default_rng(2)
    y, eta = rng.normal(size=6), 0.5 * rng.normal(size=(1 + len(names), 6))
    phi = [value for name, value in (("width", 0.8), ("shift", 0.3)) if name not in names]
    assert family.channels == ("mu", *names)
    check_derivatives(family, y, eta, phi, None)


def test_where_no_probability_lies_there_is_no_density_and_no_slope():
    family = predicted(FAMILIES["gaussian", "identity"], ("sigma",))
    y, eta = np.zeros(3), np.array([[0.1, 0.1, 0.1], [0.5, -800.0, 800.0]])
    d = family.kernel(y, eta, (), None, 2)
    assert np.isfinite(d.value[0])
    np.testing.assert_array_equal(d.value[1:], -np.inf)
    np.testing.assert_array_equal(d.eta[:, 1:], 0.0)
    np.testing.assert_array_equal(d.eta_eta[..., 1:], 0.0)
    alone = family.kernel(y[:1], eta[:, :1], (), None, 2)
    np.testing.assert_array_equal(d.eta_eta[..., :1], alone.eta_eta)


@pytest.mark.parametrize("key", OF_ONE_MEAN, ids="-".join)
def test_words_and_transforms_name_the_same_links(key):
    family = FAMILIES[key]
    for name, record in zip(family.dispersion_names, family.dispersions, strict=True):
        link = FAMILY_NAMES[key[0]].link_of(name)
        if link:
            assert record.transform.elementwise
            assert record.transform.label == f"{link} {{}}"


def test_nothing_predicted_is_the_family_itself():
    plain = FAMILIES["gaussian", "identity"]
    assert predicted(plain, ()) is plain
    one = predicted(plain, ("sigma",))
    assert one is predicted(plain, ("sigma",))
    assert not one.log_concave
    assert not one.quadratic
