"""Members of a population side by side: what they share is laid once, what is own stays own."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.members import joint_source, kinship, share_columns, take
from bayesglm.design.plan import plan_fit
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.problem import open_problems

N, K = 60, 4
RNG = np.random.default_rng(3)


def recording(far=0.0):
    """A population with a common stimulus, one of each neuron's own, trials and exposures."""
    return xr.Dataset(
        {
            "spikes": (("time", "neuron"), RNG.poisson(1.0, (N, K)).astype(float)),
            "x": ("time", far + RNG.normal(size=N)),
            "z": (("time", "feature"), RNG.normal(size=(N, 3))),
            "own": (("time", "neuron"), RNG.normal(size=(N, K))),
            "exposure": ("time", RNG.uniform(1, 2, N)),
            "offset": (("time", "neuron"), RNG.normal(size=(N, K))),
            "weights": ("time", RNG.integers(0, 3, N).astype(float)),
        },
        coords={"trial": ("time", np.repeat([0, 1], [25, N - 25]))},
    )


TERMS = {
    "history": [bg.Lagged("x", lags=3), "z", bg.History(lags=4)],
    "own": ["z", "own", "x", bg.History(lags=2)],
    "history alone": [bg.History(lags=5)],
    "common": ["z", bg.Lagged("x", lags=3)],
}


def model_of(terms, **options):
    return bg.GLM("spikes", TERMS[terms], family="poisson", prior=bg.Normal(1.0), **options)


@pytest.mark.slow
@pytest.mark.parametrize("terms", TERMS)
@given(size=st.integers(1, N), some=st.lists(st.integers(0, K - 1), min_size=1, unique=True))
def test_side_by_side_each_member_reads_its_own_columns(terms, size, some):
    model = model_of(terms, exposure="exposure", weights="weights", edges="zero")
    every = plan_fit(model, recording()).designs
    designs = [every[k] for k in some]
    source, k = joint_source(designs), len(some)
    p = designs[0].predictors.n_coefficients
    W = RNG.normal(size=(k, p))
    times, adjoint = np.zeros((k, source.n_rows)), np.zeros((k, p))
    S = RNG.normal(size=(k, source.n_rows))
    for rows in source.ranges(size):
        times[:, rows.place] = rows.times(W)
        adjoint += rows.adjoint(S[:, rows.place])
        y = np.atleast_2d(rows.y)
        for j, design in enumerate(designs):
            np.testing.assert_array_equal(y[j], design.y[design.predictors.rows][rows.place])
            X = design.predictors.columns(rows.place)
            np.testing.assert_allclose(rows.member(j).X, X, rtol=1e-14)
    for j, design in enumerate(designs):
        X = design.predictors.columns(slice(0, design.n_rows))
        np.testing.assert_allclose(times[j], X @ W[j], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(adjoint[j], S[j] @ X, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("far", [0.0, 1e5])
@pytest.mark.parametrize(("terms", "own"), [("history", 1), ("own", 2), ("common", 0)])
def test_what_members_share_is_laid_and_centred_once(terms, own, far):
    problems = open_problems(
        model_of(terms, exposure="exposure", weights="weights"), recording(far)
    )
    inner = [one.problem for one in centred_all(problems)]
    assert (inner[0].design is problems[0].design) == (far == 0.0)
    for some in (problems, inner):
        designs = [one.design for one in some]
        assert share_columns(designs) == (own == 0)
        assert len({kinship(design.predictors) for design in designs}) == 1
        assert len({id(design.weights) for design in designs}) == 1
        for blocks in zip(*(design.predictors.blocks for design in designs), strict=True):
            assert len({id(block) for block in blocks}) in (1, K)
        places = zip(*(design.predictors.blocks for design in designs), strict=True)
        assert sum(len(set(map(id, blocks))) > 1 for blocks in places) == own


def test_members_with_offsets_of_their_own_go_apart():
    data = recording()
    designs = plan_fit(model_of("common", offset="offset"), data).designs
    assert len({kinship(design.predictors) for design in designs}) == K
    for k, design in enumerate(designs):
        np.testing.assert_array_equal(design.predictors.offset, data["offset"][:, k])


def test_some_rows_of_all_members():
    designs = plan_fit(model_of("history"), recording()).designs
    keep = np.array([3, 4, 5, 20, 31])
    taken = take(designs, keep)
    assert len({kinship(design.predictors) for design in taken}) == 1
    for one, all_of in zip(taken, designs, strict=True):
        X = all_of.predictors.columns(slice(0, all_of.n_rows))
        np.testing.assert_allclose(one.predictors.columns(slice(0, 5)), X[keep], rtol=1e-14)
