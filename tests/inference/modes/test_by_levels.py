"""Levels eliminated: the steps are those of the whole Hessian, the modes those of Newton."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.inference.modes.by_levels import by_levels, layout_of
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.modes.router import MANY_LEVELS, Work, choose
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.density.bordered import bordered

N, K = 400, 25
RNG = np.random.default_rng(7)
CODES = RNG.permutation(np.arange(N) % K)
ETA = 0.4 * RNG.normal(size=K)[CODES]
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "g": CODES,
        "h": RNG.integers(0, 12, N),
        "farm": CODES // 5,
        "row": np.arange(N),
        "w": RNG.choice([0.0, 1.0, 2.0], N),
        "gaussian": ETA + RNG.normal(size=N),
        "poisson": RNG.poisson(np.exp(ETA)),
        "bernoulli": (RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA))).astype(float),
        "negative_binomial": RNG.negative_binomial(3, 3 / (3 + np.exp(ETA))),
    }
)
NORMAL = bg.Normal(0.7)
LEVELS = {
    "group": [bg.Group("g", prior=NORMAL)],
    "treatment": [bg.Category("g", prior=NORMAL)],
    "flat": [bg.Category("g", prior=bg.Flat())],
    "heavy": [bg.Category("g", prior=bg.StudentT(0.7), contrasts="full")],
    "sum": [bg.Category("g", prior=NORMAL, contrasts="sum")],
    "flat sum": [bg.Category("g", prior=bg.Flat(), contrasts="sum")],
    "interaction": [bg.Interaction("x", bg.Category("g", contrasts="full"), prior=NORMAL)],
    "slopes": [bg.Group("g", slopes=("x", "z"), prior=NORMAL)],
    "crossed": [bg.Group("g", prior=NORMAL), bg.Group("h", prior=bg.Normal(0.4))],
    "crossed, slopes": [
        bg.Group("h", slopes="z", prior=bg.Normal(0.4)),
        bg.Group("g", slopes="x", prior=NORMAL),
    ],
    "nested": [bg.Group(name, prior=NORMAL) for name in ("farm", "g", "row")],
    "nested and crossed": [bg.Group(name, prior=NORMAL) for name in ("farm", "h", "g", "row")],
    "beside sums": [bg.Group("h", prior=NORMAL), bg.Category("g", contrasts="sum", prior=NORMAL)],
}
N_APART = {"nested": 3, "nested and crossed": 2}
FAMILIES = ("gaussian", "poisson", "bernoulli", "negative_binomial")


def opened(family, levels):
    terms = [
        bg.Linear("x", prior=bg.Normal(1.0)),
        *LEVELS[levels],
        bg.Linear("z", prior=bg.Flat()),
    ]
    (problem,) = open_problems(bg.GLM(family, terms, family=family, weights="w"), FRAME)
    return problem, problem.natural


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("family", FAMILIES)
def test_steps_and_slopes_are_those_of_the_whole_hessian(family, levels):
    problem, objective = opened(family, levels)
    layout = layout_of(problem, objective)
    assert layout.n_apart == N_APART.get(levels, 1)
    x = problem.start(objective) + 0.05 * RNG.normal(size=objective.size)
    there, whole = bordered(objective, x, layout), objective.evaluate(x)
    np.testing.assert_allclose(there.value, whole.value, rtol=1e-12)
    np.testing.assert_allclose(there.gradient, whole.gradient, rtol=1e-9, atol=1e-9)
    diagonal = np.sqrt(np.abs(np.diagonal(whole.hessian)))
    if levels not in ("sum", "flat sum", "beside sums"):
        expected = np.abs(whole.gradient / diagonal).max()
        np.testing.assert_allclose(there.residual(), expected, rtol=1e-9)
    held = objective.size - objective.n_coefficients
    for n_held in sorted({0, held}):
        free = objective.size - n_held
        if not np.linalg.eigvalsh(-whole.hessian[:free, :free]).min() > 0.0:
            assert there.step(n_held) is None
            continue
        expected = np.linalg.solve(-whole.hessian[:free, :free], whole.gradient[:free])
        np.testing.assert_allclose(there.step(n_held)[:free], expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    ("family", "levels"),
    [
        *((family, levels) for family in FAMILIES for levels in ("treatment", "crossed, slopes")),
        ("gaussian", "flat sum"),
        ("poisson", "nested and crossed"),
    ],
)
def test_modes_are_those_of_newton(family, levels):
    problem, objective = opened(family, levels)
    (found,) = by_levels([problem], [objective])
    assert found.solver == "newton, levels eliminated"
    np.testing.assert_allclose(found.x, judge(objective, found.x + 0.01).x, atol=1e-6)


def test_kinks_and_learned_scales_are_for_others():
    for prior in (bg.Laplace(0.5), bg.Normal(bg.HalfNormal(1.0)), bg.GroupLasso(0.5)):
        model = bg.GLM("poisson", bg.Category("g", prior=prior), family="poisson")
        (problem,) = open_problems(model, FRAME)
        assert layout_of(problem, problem.natural) is None


def test_the_choice():
    work = Work(100_000, 20_000, is_searched=True, is_quadratic=True)
    assert choose(work._replace(n_levels=MANY_LEVELS)) == "levels"
    assert choose(work) != "levels"


@pytest.mark.parametrize("contrasts", ["treatment", "sum"])
def test_many_levels_are_fitted_by_it(contrasts):
    rng, k = np.random.default_rng(1), 1200
    data = pd.DataFrame({"x": rng.normal(size=6000), "g": rng.permutation(np.arange(6000) % k)})
    data["y"] = 0.5 * data["x"] + 0.3 * rng.normal(size=k)[data["g"]] + rng.normal(size=6000)
    data["g"] = "level " + data["g"].astype(str)
    fit = bg.fit_map(bg.GLM("y", ["x", bg.Category("g", contrasts=contrasts)]), data)
    assert fit.attrs["solver"] == "newton, levels eliminated"
    # At the mode what each level's residuals pull is what the prior holds.
    residuals = data["y"] - bg.predict(fit)["y"].to_series()
    sigma, scale = float(fit["map"]["sigma"]), 2.5 * data["y"].std(ddof=0)
    pull = residuals.groupby(data["g"]).sum() / sigma**2
    effects = fit["map"]["g"].to_series()
    np.testing.assert_allclose(pull[effects.index], effects / scale**2, atol=1e-4)
