"""Many members of a coupled population: events one by one, and one curvature for all."""

from functools import cache

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.design.members import joint_source
from bayesglm.design.plan import lay
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.modes.side_by_side import MANY, side_by_side
from bayesglm.inference.modes.solve import maximise_all
from bayesglm.inference.problem.problem import open_problems

K, LAGS = MANY + 1, 6


@cache
def recording(n, seed=0):
    """Spikes in short bins, a few of them two in one, of cells that drive their neighbours."""
    rng = np.random.default_rng(seed)
    drive = 0.8 * np.roll(np.eye(K), 1, axis=1)
    y = np.zeros((n, K))
    for t in range(1, n):
        y[t] = rng.poisson(np.exp(-3.2 + drive @ y[t - 1]))
    trial = np.searchsorted([n // 5, n // 2], np.arange(n), side="right")
    return xr.Dataset(
        {"y": (("time", "cell"), y), "x": ("time", rng.normal(size=n))},
        coords={"time": 0.01 * np.arange(n), "trial": ("time", trial)},
    )


def model_of(basis, **options):
    terms = ["x", bg.History(lags=LAGS, basis=basis), bg.Coupling(lags=LAGS, basis=basis)]
    options = {"prior": bg.Normal(0.5), **options}
    return bg.GLM("y", terms, family="poisson", **options)


@pytest.mark.parametrize("basis", [None, bg.raised_cosine(3)], ids=["lags", "basis"])
@pytest.mark.parametrize("edges", ["zero", "drop"])
def test_events_are_multiplied_as_columns_are(basis, edges):
    designs = lay(model_of(basis, edges=edges), recording(400)).designs
    source, rng = joint_source(designs), np.random.default_rng(1)
    p = designs[0].predictors.n_columns
    W, S = rng.normal(size=(K, p)), rng.normal(size=(K, source.n_rows))
    times, adjoint = np.zeros_like(S), np.zeros((K, p))
    for rows in source.ranges(37):
        times[:, rows.place] = rows.times(W)
        adjoint += rows.adjoint(S[:, rows.place])
        laid, numbers = rows.together()
        for k, design in enumerate(designs):
            X = design.predictors.columns(rows.place)
            np.testing.assert_allclose(laid.dense()[:, numbers[k]], X, atol=1e-14)
            np.testing.assert_allclose(rows.member(k).X, X, atol=1e-14)
    for k, design in enumerate(designs):
        X = design.predictors.columns(slice(0, design.n_rows))
        np.testing.assert_allclose(times[k], X @ W[k], atol=1e-12)
        np.testing.assert_allclose(adjoint[k], S[k] @ X, atol=1e-10)


@pytest.mark.parametrize("prior", [bg.StudentT(0.3, df=5.0), bg.Normal(0.2, loc=0.1)], ids=repr)
def test_one_curvature_leads_all_to_their_modes(prior):
    problems = open_problems(model_of(bg.raised_cosine(3), prior=prior), recording(12_000))
    objectives = [problem.natural for problem in problems]
    ends, converged = side_by_side(problems, objectives, 0.0)
    assert converged.all()
    for problem, objective, end in zip(problems, objectives, ends, strict=True):
        there = objective.evaluate(end.x)
        widths = 1.0 / np.sqrt(np.diagonal(-there.hessian))
        assert np.abs(there.gradient * widths).max() < 1e-5
        exact = judge(objective, problem.start(objective))
        np.testing.assert_allclose(end.x, exact.x, atol=1e-5)


def test_it_is_the_way_of_many_members():
    terms = [bg.History(lags=20), bg.Coupling(lags=20)]
    model = bg.GLM("y", terms, family="poisson", prior=bg.Normal(0.5))
    problems = open_problems(model, recording(12_000))
    ends = maximise_all(problems)
    assert {end.solver for end in ends} == {"quasi-newton, side by side"}
    few = maximise_all(problems[:2])
    assert {end.solver for end in few}.isdisjoint({"quasi-newton, side by side"})
    for one, other in zip(few, ends, strict=False):
        np.testing.assert_allclose(one.x, other.x, atol=1e-5)
