"""Priors of dispersions on the link of their linear predictor: densities, and their derivatives."""

import numpy as np
import pytest
from scipy.integrate import quad

from bayesglm.numerics.priors.carried import carried
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.transforms import LOG, UNIT, logit

CASES = [
    ("HalfNormal", LOG, {"scale": 1.3}),
    ("HalfStudentT", LOG, {"scale": 0.7, "df": 4.0}),
    ("Exponential", LOG, {"scale": 2.0}),
    ("InverseGamma", LOG, {"shape": 0.5, "scale": 0.5}),
    ("Beta", UNIT, {"alpha": 1.0, "beta": 1.0}),
    ("Beta", UNIT, {"alpha": 2.5, "beta": 0.7}),
    ("Uniform", logit(1.01, 1.99), {"lower": 1.01, "upper": 1.99}),
]
U = np.linspace(-3.0, 2.0, 7)
STEP = 1e-5


@pytest.mark.parametrize(("kind", "transform", "numbers"), CASES)
def test_density_and_derivatives(kind, transform, numbers):
    plain = PRIORS[kind]
    record = carried(plain, transform)
    x = transform.natural(U)
    slope = (transform.natural(U + STEP) - transform.natural(U - STEP)) / (2.0 * STEP)
    by_hand = plain.log_density(x, **numbers) + np.log(slope)
    np.testing.assert_allclose(record.log_density(U, **numbers), by_hand, rtol=1e-8, atol=1e-8)
    ends = [record.log_density(U + sign * STEP, **numbers) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(
        record.gradient(U, **numbers), (ends[0] - ends[1]) / (2.0 * STEP), rtol=1e-6, atol=1e-7
    )
    ends = [record.gradient(U + sign * STEP, **numbers) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(
        record.curvature(U, **numbers), (ends[0] - ends[1]) / (2.0 * STEP), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize(("kind", "transform", "numbers"), CASES)
def test_it_integrates_to_one(kind, transform, numbers):
    record = carried(PRIORS[kind], transform)
    reach = 80.0 if transform is LOG else 30.0  # beyond, a share is 1 to the last digit
    total, _ = quad(
        lambda u: float(np.exp(record.log_density(np.float64(u), **numbers))),
        -reach,
        reach,
        points=[-3.0, 0.0, 3.0],
        limit=500,
    )
    assert total == pytest.approx(1.0, abs=1e-6)
    assert record.proper


def test_far_out_is_no_number_and_no_warning():
    record = carried(PRIORS["HalfStudentT"], LOG)
    far = record.log_density(np.array([-800.0, 800.0]), scale=1.0, df=4.0)
    assert far[0] == pytest.approx(-800.0, abs=1.0)
    assert far[1] == -np.inf


def test_no_prior_is_none_on_the_link_either():
    assert carried(PRIORS["Flat"], LOG) is PRIORS["Flat"]
