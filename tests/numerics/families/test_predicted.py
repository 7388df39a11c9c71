"""Dispersions as channels: the chain rule of every family whose dispersions may be predicted."""

import numpy as np
import pytest
from families import KEYS, phi_of, responses_of, trials_of

from bayesglm.numerics.families.predicted import predicted
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

OF_ONE_MEAN = [key for key in KEYS if len(FAMILIES[key].channels) == 1]
CASES = [
    (key, names)
    for key in OF_ONE_MEAN
    for every in [FAMILIES[key].dispersion_names]
    for names in {every, every[:1], every[-1:]}
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


@pytest.mark.parametrize(("key", "names"), CASES, ids=str)
def test_derivatives_by_finite_differences(key, names):
    plain, y, eta, phi = case(key, names)
    family, trials = predicted(plain, names), trials_of(key[0])
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
    assert len(d.phi) == len(d.eta_phi) == len(d.phi_phi) == len(phi)


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
