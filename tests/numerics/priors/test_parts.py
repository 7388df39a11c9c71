"""Priors laid on theta: scales that are parameters, their slopes, and what is left given them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from thetas import theta_of

from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.spectra import HorseshoeScale, LearnedScale
from bayesglm.numerics.priors.structure import APART
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.source import Source

N, P = 9, 6
FAMILIES_OF_SCALES = {
    "Normal": {"loc": 0.3},
    "Laplace": {"loc": -0.2},
    "StudentT": {"df": 3.5, "loc": 0.1},
    "ElasticNet": {"ratio": 0.3, "loc": 0.2},
    "Horseshoe": {},
    "RandomWalk": {},
}
LEARNED = {
    "one scale": LearnedScale(np.full(P, P + 1)),
    "a scale per effect": LearnedScale(np.repeat([P + 1, P + 2], P // 2)),
    "a scale per effect, in turn": LearnedScale(np.tile([P + 2, P + 1], P // 2)),
    "a horseshoe": HorseshoeScale(
        LearnedScale(np.full(P, P + 1)), slice(P + 2, 2 * P + 2), 2 * P + 2
    ),
}
ONE_FOR_ALL = LearnedScale(np.array([P + 1]))
WALK = Differences((2, 3), (1,), 1)


def structure_of(name):
    return WALK if name == "RandomWalk" else APART


def learned_part(name, learned):
    if name == "RandomWalk":
        learned = ONE_FOR_ALL
    return PriorPart(
        slice(0, P), PRIORS[name], FAMILIES_OF_SCALES[name], (2, 3), learned, structure_of(name)
    )


def make(part, jacobian=True):
    """Return an objective of gaussian rows with sigma free, and the scales that the part needs."""
    rng = np.random.default_rng(0)
    source = Source.of(rng.normal(size=(N, P)), rng.normal(size=N), weights=rng.uniform(size=N))
    above = {"scale": np.array([0.5]), "df": 3.0}
    sigma = Distribution("HalfStudentT", above)
    horseshoe = isinstance(part.learned, HorseshoeScale)
    common = part.learned.common if horseshoe else part.learned
    stop = int(common.places.max()) + 1
    scales = [(stop - P - 1, Distribution("HalfNormal", {"scale": 0.7}))]
    if horseshoe:
        scales.append((P, Distribution("HalfStudentT", {"scale": 1.0, "df": 1.0})))
        scales.append((0, Distribution("InverseGamma", {"shape": 2.0, "scale": 8.0})))
    theta = theta_of(P, (sigma,), scales, jacobian)
    return Objective(source, FAMILIES["gaussian", "identity"], theta, (part,))


def draws_of(objective, n=3, seed=1):
    return 0.5 * np.random.default_rng(seed).normal(size=(n, objective.size))


def central_differences(function, x, step=1e-5):
    steps = step * np.eye(len(x))
    return np.array([(function(x + one) - function(x - one)) / (2 * step) for one in steps])


@pytest.mark.parametrize("name", FAMILIES_OF_SCALES)
def test_every_prior_with_a_scale_is_a_scale_family(name):
    """d log p / d log(scale), from the slope in x alone."""
    prior, parameters = PRIORS[name], FAMILIES_OF_SCALES[name]
    part = PriorPart(slice(0, P), prior, parameters, structure=structure_of(name))
    x = np.random.default_rng(2).normal(size=P)
    for scale in (0.3, 1.7):
        at = {"scale": scale, **parameters}
        gradient = replace(part, parameters=at).gradient(x)
        found = part.structure.slope_of_log_scale(x - part.loc, gradient)
        up, down = (
            replace(part, parameters={**at, "scale": scale * np.exp(side)}).total(x)
            for side in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(found.sum(), (up - down) / 2e-6, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("which", LEARNED)
def test_scales_and_their_slopes(which):
    learned = LEARNED[which]
    horseshoe = isinstance(learned, HorseshoeScale)
    size = 2 * P + 3 if horseshoe else P + 3
    theta = np.random.default_rng(3).normal(size=size)

    def log_scale(theta):
        return np.broadcast_to(learned.log_scale(theta), (*theta.shape[:-1], P))

    found = log_scale(theta)
    np.testing.assert_allclose(log_scale(np.stack([theta, 2 * theta]))[0], found)
    if horseshoe:
        tau, local = np.exp(theta[P + 1]), np.exp(theta[learned.local])
        slab = np.exp(theta[learned.slab])
        # Piironen & Vehtari 2017, equation 2.8: the slab caps the scale of a coefficient.
        expected = tau * local * np.sqrt(slab / (slab + tau**2 * local**2))
        np.testing.assert_allclose(np.exp(found), expected, rtol=1e-13)
        assert np.all(np.exp(found) < np.sqrt(slab))
    weights, thetas = np.random.default_rng(4).normal(size=(2, P)), np.stack([theta, 0.5 * theta])
    gradients = np.ones(thetas.shape)
    learned.add_slope(thetas, weights, gradients)
    for at, weight, gradient in zip(thetas, weights, gradients, strict=True):
        slopes = central_differences(lambda at, by=weight: float(by @ log_scale(at)), at)
        np.testing.assert_allclose(gradient - 1.0, slopes, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("log_tau", [-300.0, -20.0, 20.0, 300.0])
def test_a_horseshoe_far_out_is_finite(log_tau):
    learned = LEARNED["a horseshoe"]
    theta = np.zeros(2 * P + 3)
    theta[P + 1] = log_tau
    np.testing.assert_allclose(learned.log_scale(theta), min(log_tau, 0.0), atol=1e-8)
    gradient = np.zeros(2 * P + 3)
    learned.add_slope(theta, np.ones(P), gradient)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("which", LEARNED)
@pytest.mark.parametrize("name", FAMILIES_OF_SCALES)
def test_the_slope_of_the_prior_by_finite_differences(name, which, jacobian):
    objective = make(learned_part(name, LEARNED[which]), jacobian)
    thetas = np.array(draws_of(objective))
    values, gradients = objective.prior_slopes(thetas)
    np.testing.assert_allclose(values, objective.log_priors(thetas), rtol=1e-12)
    for theta, gradient in zip(thetas, gradients, strict=True):
        slopes = central_differences(objective.log_prior, theta)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(objective.prior_slopes(theta)[1], gradient, rtol=1e-12)


def test_a_prior_by_hand():
    """Normal coefficients of two scales, half-normal scales, a Student t sigma, and a Jacobian."""
    objective = make(learned_part("Normal", LEARNED["a scale per effect"]))
    theta = draws_of(objective)[0]
    w, sigma, scales = theta[:P], np.exp(theta[P]), np.exp(theta[P + 1 :])
    expected = stats.norm.logpdf(w, 0.3, np.repeat(scales, P // 2)).sum()
    expected += np.log(2) + stats.t.logpdf(sigma, 3.0, scale=0.5)
    expected += stats.halfnorm.logpdf(scales, scale=0.7).sum()
    assert objective.log_prior(theta) == pytest.approx(expected + theta[P:].sum(), rel=1e-12)
    natural = replace(objective, registry=replace(objective.registry, jacobian=False))
    assert natural.log_prior(theta) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("which", LEARNED)
@pytest.mark.parametrize("name", FAMILIES_OF_SCALES)
def test_given_the_scales_only_coefficients_are_left(name, which):
    objective = make(learned_part(name, LEARNED[which]))
    theta = draws_of(objective)[0]
    fixed = objective.given(theta)
    assert (fixed.size, fixed.free, fixed.registry.scales) == (P, (), ())
    assert fixed.phi(theta[:P]) == pytest.approx([np.exp(theta[P])], rel=1e-15)
    # What is left out is the density of the scales and of sigma, the same for all coefficients.
    rest = objective.log_prior_of_others(theta)
    for w in draws_of(objective, seed=5)[:, :P]:
        at = np.r_[w, theta[P:]]
        whole = objective.log_density(at[None])[0]
        assert fixed.log_density(w[None])[0] + rest == pytest.approx(whole, rel=1e-12)
        smooth = fixed.value(w) - fixed.kinks.weight @ np.abs(w - fixed.kinks.at)
        assert smooth + rest == pytest.approx(whole, rel=1e-12)
        expected = fixed.evaluate(w).gradient - fixed.kinks.weight * np.sign(w - fixed.kinks.at)
        slopes = central_differences(lambda v: float(fixed.log_density(v[None])[0]), w)
        np.testing.assert_allclose(expected, slopes, rtol=1e-6, atol=1e-6)


def test_no_kink_is_told_before_the_scale_is_known():
    objective = make(learned_part("Laplace", LEARNED["one scale"]))
    assert not objective.kinks.weight.any()
    theta = draws_of(objective)[0]
    np.testing.assert_allclose(objective.given(theta).kinks.weight, np.exp(-theta[P + 1]))
    np.testing.assert_allclose(objective.given(theta).kinks.at, -0.2)


def test_heavy_tails_are_known_for_what_they_are():
    assert not make(learned_part("StudentT", LEARNED["one scale"])).log_concave
    assert make(learned_part("Normal", LEARNED["one scale"])).log_concave
    uncurved = {name for name, prior in PRIORS.items() if not prior.curved}
    assert uncurved >= {"Laplace", "ElasticNet", "GroupLasso", "StudentT", "Horseshoe"}
    assert not uncurved & {"Normal", "Flat", "RandomWalk"}


@pytest.mark.parametrize("far", [-1e6, -200.0, 200.0, 1e6])
def test_scales_beyond_the_floats_are_impossible_and_no_error(far):
    objective = make(learned_part("Normal", LEARNED["one scale"]))
    several = np.zeros((2, objective.size))
    several[1, -1] = far
    found = objective.log_density(several)
    assert np.isfinite(found[0])
    assert found[1] == -np.inf
