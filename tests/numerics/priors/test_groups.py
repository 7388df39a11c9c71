"""Groups of coefficients: their density integrates to one, and each coefficient's own with it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special

from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.priors.groups import Groups
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS

LABELS = np.array([1, 0, 1, 2, 0, 1])
GROUPS = Groups(LABELS)
RECORD = PRIORS["GroupLasso"]
SCALES = np.array([0.5, 2.0, 0.9])


def part(scale=0.7):
    return PriorPart(slice(0, 6), RECORD, {"scale": scale}, structure=GROUPS)


def test_members_lengths_and_sizes():
    x = np.arange(12.0).reshape(2, 6)
    assert [members.tolist() for members in GROUPS.groups] == [[1, 4], [0, 2, 5], [3]]
    assert GROUPS.sizes.tolist() == [2.0, 3.0, 1.0]
    by_hand = [[np.linalg.norm(row[members]) for members in GROUPS.groups] for row in x]
    np.testing.assert_allclose(GROUPS.lengths(x), by_hand)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_density_over_a_sphere_integrates_to_one(size):
    """A radius r has the density of its sphere's area times that of a point on it."""
    area = 2.0 * np.pi ** (size / 2.0) / special.gamma(size / 2.0)

    def of_radius(r):
        density = np.exp(RECORD.log_density(np.array(r), scale=0.7, size=float(size)))
        return area * r ** (size - 1) * float(density)

    assert integrate.quad(of_radius, 0.0, np.inf)[0] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 40])
def test_the_density_of_one_coefficient_is_what_the_others_leave(size):
    numbers = {"scale": 0.4, "size": float(size)}

    def marginal(x):
        return float(np.exp(RECORD.marginal(np.array(x), **numbers)))

    whole = 2.0 * integrate.quad(marginal, 0.0, np.inf)[0]
    assert whole == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(RECORD.marginal(np.array([0.0, 1e-300, 1e-3]), **numbers)).all()
    # E |w|^2 = q (q + 1) / k^2 with k = sqrt(q) / scale: the same for each of q.
    second = 2.0 * integrate.quad(lambda x: x**2 * marginal(x), 0.0, np.inf)[0]
    assert second == pytest.approx((size + 1.0) * 0.4**2 / size, rel=1e-6)
    if size == 2:
        beside = integrate.quad(
            lambda y: float(np.exp(RECORD.log_density(np.hypot(0.3, y), **numbers))), -9.0, 9.0
        )[0]
        assert marginal(0.3) == pytest.approx(beside, rel=1e-8)


@pytest.mark.parametrize("scale", [0.7, SCALES[LABELS]], ids=["one scale", "a scale per group"])
def test_densities_slopes_and_kinks_belong_together(scale):
    own, x = part(scale), np.random.default_rng(0).normal(size=6)
    by_hand = sum(
        float(
            RECORD.log_density(
                np.linalg.norm(x[members]),
                scale=np.broadcast_to(scale, 6)[members[0]],
                size=float(len(members)),
            )
        )
        for members in GROUPS.groups
    )
    assert own.total(x) == pytest.approx(by_hand, rel=1e-13)
    step = 1e-6 * np.eye(6)
    slopes = (own.total(x + step) - own.total(x - step)) / 2e-6
    np.testing.assert_allclose(own.gradient(x), slopes, rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(own.gradient(np.zeros(6)), np.zeros(6))
    priors = CoefficientPriors(6, (own,))
    values, gradients = np.zeros(1), np.zeros((1, 6))
    priors.add_smooth(x[None], values, gradients)
    assert values[0] - priors.kinks.penalty(x) == pytest.approx(by_hand, rel=1e-13)
    assert not gradients.any()
    np.testing.assert_allclose(-priors.kinks.slope(x), slopes, rtol=1e-7, atol=1e-8)


def test_a_group_of_one_is_a_laplace():
    alone = replace(part(), structure=Groups(np.arange(6)))
    laplace = PriorPart(slice(0, 6), PRIORS["Laplace"], {"scale": 0.7, "loc": 0.0})
    x = np.random.default_rng(1).normal(size=(3, 6))
    np.testing.assert_allclose(alone.total(x), laplace.total(x), rtol=1e-13)
    np.testing.assert_allclose(alone.gradient(x), laplace.gradient(x), rtol=1e-13)


def test_bounds_are_kinks_of_one_side_and_none_inside():
    for name, slope in (("Exponential", 2.0), ("HalfNormal", 0.0)):
        own = PriorPart(slice(1, 3), PRIORS[name], {"scale": 0.5})
        flat = PriorPart(slice(0, 1), PRIORS["Flat"], {})
        priors = CoefficientPriors(3, (flat, own))
        assert priors.kinks.one_sided.tolist() == [False, True, True]
        assert priors.kinks.weight.tolist() == [0.0, slope, slope]
        inside = replace(priors, inside=True)
        assert not inside.kinks.any
        w = np.array([-0.4, 0.3, 1.2])
        for each in (priors, inside):
            values, gradients = np.zeros(1), np.zeros((1, 3))
            each.add_smooth(w[None], values, gradients)
            total = float(values[0]) - each.kinks.penalty(w)
            assert total == pytest.approx(float(own.total(w[1:])), rel=1e-13)
            slopes = gradients[0] - each.kinks.slope(w)
            np.testing.assert_allclose(slopes[1:], own.gradient(w[1:]), rtol=1e-13)
            assert each.log_density(w[None])[0] == pytest.approx(total, rel=1e-13)
