"""Largest densities, wherever they are."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.numerics.families.own import family_records
from bayesglm.numerics.families.peaks import peak
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.families.truncated import bounds, truncated

FAR = np.array([-7e8, -50_000.0, -1.5, 0.0, 1e-9, 3.0, 61.0, 4100.0, 2e10])


def test_a_peak_is_found_however_far_it_is():
    np.testing.assert_allclose(peak(lambda eta: FAR - eta, FAR), FAR, rtol=1e-12, atol=1e-15)
    of_log = peak(lambda eta: np.abs(FAR) + 1.0 - np.exp(eta), FAR)
    np.testing.assert_allclose(of_log, np.log1p(np.abs(FAR)), rtol=1e-12, atol=1e-15)


def test_what_rises_without_end_comes_near_its_limit():
    end = peak(lambda eta: 1.0 / (1.0 + eta**2), np.zeros(2))
    assert np.all(end > 1e8)
    left = peak(lambda eta: -np.exp(eta), np.zeros(1))
    assert -100.0 < left[0] < -20.0


@pytest.mark.parametrize("y", FAR)
def test_saturated_densities_far_from_zero_are_those_at_the_response(y):
    own = bg.OwnFamily(
        "far",
        "identity",
        log_density=lambda y, mu, sigma: -0.5 * ((y - mu) / sigma) ** 2 - np.log(sigma),
        twin=lambda mu, sigma: None,
        draw=lambda rng, mu, sigma: rng.normal(mu, sigma),
        valid=np.isfinite,
        support="real numbers",
        dispersions=bg.OwnDispersion("sigma", bg.HalfNormal(1.0)),
    )
    found = family_records(own)["far", "identity"].saturated(np.array([y]), (2.0,), None)
    np.testing.assert_allclose(found, -np.log(2.0), rtol=1e-9)
    # Between bounds as far to both sides the mean of the likeliest density is the response.
    plain = FAMILIES["gaussian", "identity"]
    known = bounds(np.array([y - 100.0]), np.array([y + 100.0]), None)
    between, at = truncated(plain, plain), (np.array([y]), np.array([[y]]), (2.0,), known)
    found = between.saturated(np.array([y]), (2.0,), known)
    np.testing.assert_allclose(found, between.kernel(*at, 0).value, rtol=1e-9)
