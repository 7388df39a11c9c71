"""Responses with levels in PyMC: the same density and gradient as the native engine's."""

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.density.sampled import density

N = 40
RNG = np.random.default_rng(2)
DATA = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["u", "v"]).assign(
    label=RNG.choice(["a", "b", "c"], N),
    grade=RNG.integers(0, 4, N),
    g=RNG.integers(0, 3, N),
    wt=RNG.choice([0.5, 1.0, 2.0], N),
)
COUNTS = RNG.integers(0, 4, (N, 3))
MAPPING = {"y": COUNTS, **{name: DATA[name].to_numpy() for name in DATA}}
COLUMNS = bg.Linear(("u", "v"), name="x", prior=bg.ridge(1.0))
MODELS = {
    "weights": bg.GLM("label", COLUMNS, family="categorical", weights="wt"),
    "groups": bg.GLM(
        "label", [COLUMNS, bg.Group("g", slopes="u")], family="categorical", reference="b"
    ),
    "symmetric": bg.GLM("label", COLUMNS, family="categorical", reference=None),
    "counts": bg.GLM("y", ["u", "v"], family="multinomial", weights="wt", prior=bg.ridge(1.0)),
    "symmetric counts": bg.GLM("y", bg.Group("g"), family="multinomial", reference=None),
    "flat cutpoints": bg.GLM("grade", COLUMNS, family="ordinal", dispersion=bg.Flat()),
    **{
        link: bg.GLM("grade", COLUMNS, family="ordinal", link=link)
        for link in ("logit", "probit", "cloglog", "cauchit", "loglog")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_twin_has_the_same_density_and_gradient(name):
    data = MAPPING if MODELS[name].response == "y" else DATA
    problem, twin = open_problems(MODELS[name], data)[0], bg.to_pymc(MODELS[name], data)
    objective, registry = problem.unconstrained, problem.natural.registry
    theta = 0.3 * np.random.default_rng(1).normal(size=objective.size)
    point, order = {}, []
    for variable in twin.free_RVs:
        value, one = twin.rvs_to_values[variable], registry.named(variable.name)
        own = theta[one.place]
        if one.size != one.n_natural:  # PyMC has another basis of what sums to zero
            transform = twin.rvs_to_transforms[variable]
            own = transform.forward(pt.as_tensor(one.natural(theta))).eval()
        point[value.name] = np.reshape(own, twin.initial_point()[value.name].shape)
        order.append((variable, one))
    value, slope = density(objective, theta).slopes(theta)
    assert float(twin.compile_logp()(point)) == pytest.approx(value, rel=1e-9)
    gradient = twin.compile_dlogp([variable for variable, _ in order])(point)
    start = 0
    for _, one in order:
        own = gradient[start : start + one.size]
        start += one.size
        if one.size == one.n_natural:
            np.testing.assert_allclose(own, slope[one.place], rtol=1e-8, atol=1e-8)
