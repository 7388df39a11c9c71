"""Learned scales and groups: the native engine and PyMC say the same of every prior and family."""

import numpy as np
import pymc as pm
import pytest
from conftest import simulate
from families import KEYS, model_of
from twins import compare

import bayesglm as bg
from bayesglm.inference.nuts.scales import learned_units
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.twin.model import build
from bayesglm.spec.families import FAMILY_NAMES

ABOVE = (bg.HalfNormal(0.7), bg.Exponential(0.4), bg.HalfStudentT(0.6, df=3))
WORDS = np.array(["a", "bb", "c", "dd"])


@pytest.fixture
def data():
    return with_factors(simulate())


def with_factors(data):
    rng = np.random.default_rng(8)
    factors = {
        "g": WORDS[rng.integers(0, 4, 40)],
        "h": rng.integers(-2, 3, 40),
    }
    return data.assign({name: ("time", values) for name, values in factors.items()})


def learned(turn):
    """One term for every prior whose scale is learned, under priors of scales dealt by turns."""
    a, b, c = (ABOVE[(turn + k) % 3] for k in range(3))
    return [
        bg.Linear("x", prior=bg.Normal(a, loc=0.2)),
        bg.Linear(("x", "z"), name="columns", prior=bg.Laplace(b, loc=-0.1)),
        bg.Linear("movie", prior=bg.ElasticNet(c, ratio=0.3, loc=0.1)),
        bg.Lagged("x", lags=(-1, 3), name="lagged", prior=bg.RandomWalk(b, order=2)),
        bg.Lagged("z", lags=3, name="past", prior=bg.StudentT(a, df=3, loc=0.1)),
        bg.Linear("movie", name="sparse", prior=bg.Horseshoe(0.3, slab_scale=1.5, slab_df=5)),
        bg.Linear(("x", "z"), name="shared", prior=bg.R2D2(0.3, sigma=1.5)),
        bg.Group("g", slopes=("x", "z"), prior=bg.Normal(c)),
        bg.Group("h", prior=bg.StudentT(a)),
    ]


# Priors meet a likelihood in eta alone: three models hold all terms, and families, each under its
# own link, take turns with them, two at a time.
@pytest.mark.slow
@pytest.mark.parametrize("turn", range(len(ABOVE)))
def test_every_prior_with_every_prior_of_its_scale(turn, data):
    model = model_of(("poisson", "log"), learned(turn), offset="offset", weights="weights")
    compare(model, data, seed=turn, spread=0.1)


OWN_LINKS = [key for key in KEYS if key[1] == FAMILY_NAMES[key[0]].links[0]]


@pytest.mark.parametrize(("turn", "key"), [*enumerate(OWN_LINKS)], ids=str)
def test_every_family_with_learned_scales(turn, key, data):
    terms = learned(turn)
    dealt = [terms[k % len(terms)] for k in (turn, turn + 4)]
    # PyMC's own gradient is NaN where a complementary log-log is saturated.
    compare(model_of(key, dealt, offset="offset", weights="weights"), data, seed=turn, spread=0.1)


ALONE = {
    "intercepts": bg.Group("g"),
    "slopes": bg.Group("g", slopes="x"),
    "scales of their own": bg.Group("g", slopes="x", prior=bg.Normal(bg.HalfNormal([0.5, 2.0]))),
    "correlated": bg.Group("g", slopes="x", correlated=True),
    "three that correlate": bg.Group(
        "g", slopes=("x", "z"), correlated=bg.LKJ(2.5), prior=bg.Normal(bg.HalfNormal(1.0), loc=0.1)
    ),
    "four of known scales": bg.Group(
        "h",
        slopes=("x", "z", "offset"),
        correlated=bg.LKJ(0.7),
        prior=bg.Normal([[0.5], [2.0], [1.0], [0.7]]),
    ),
    "lasso": bg.Group("g", prior=bg.Laplace(bg.Exponential(0.5))),
    "fixed": bg.Group("g", slopes="x", prior=bg.Normal([[0.5], [2.0]])),
    "whole numbers": bg.Group("h", prior=bg.StudentT(0.5, df=3)),
    "walk over levels": bg.Group("h", prior=bg.RandomWalk(bg.HalfNormal(1.0))),
    "walks of effects": bg.Group("h", slopes="x", prior=bg.RandomWalk([[1], [2]], dims="h_level")),
    "flat": bg.Group("h", slopes="x", prior=bg.Flat()),
    "horseshoe": bg.Linear("x", prior=bg.Horseshoe(0.5)),
    "shares of variance": bg.Lagged("movie", lags=2, prior=bg.R2D2(0.3, 1.5)),
    "variance of one": bg.Linear("x", prior=bg.R2D2(0.4, precision=3.0)),
    "variance of levels": bg.Group("g", prior=bg.R2D2(0.5)),
    "horseshoe of effects": bg.Group("g", slopes="x", prior=bg.Horseshoe(0.5)),
    "student": bg.Linear("movie", prior=bg.StudentT([[0.5], [1.0]], df=[2.0, 4.0, 8.0], loc=0.1)),
    "spike and slab": bg.Linear("x", prior=bg.SpikeSlab(1.5, spike=0.1, probability=0.2)),
    "spikes and slabs": bg.Linear(
        "movie", prior=bg.SpikeSlab([[0.5], [1.0]], spike=[0.02, 0.04, 0.1], probability=0.3)
    ),
    "curve": bg.Spline("x", df=5),
    "circle": bg.Spline("x", df=5, bounds=(-2, 2), cyclic=True),
    "curve of a given scale": bg.Spline("x", df=5, prior=bg.smooth(4.0, order=2)),
    "heavy bends": bg.Spline("x", df=5, prior=bg.StudentT(bg.Exponential(1.0))),
    "curve of each level": bg.Interaction(bg.Spline("x", df=5), bg.Category("g")),
    "slope along a curve": bg.Interaction("z", bg.Spline("x", df=5)),
    "natural cubics": bg.Basis("x", "cr", df=4),
    "walk of an image": bg.Linear("movie", prior=bg.RandomWalk(bg.Exponential(1.0), dims="width")),
}


@pytest.mark.parametrize("term", ALONE)
def test_every_term_alone(term, data):
    compare(bg.GLM("poisson", ALONE[term], family="poisson"), data)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "own"), [("poisson", True), ("gaussian", False)])
def test_populations(family, own, data):
    rng = np.random.default_rng(3)
    cells = rng.poisson(1.0, (40, 3)) + (0.0 if family == "poisson" else rng.normal(size=(40, 3)))
    data = data.assign(cells=(("time", "neuron"), cells))
    data["input"] = (("neuron", "time"), rng.normal(size=(3, 40)))
    terms = [
        bg.Group("g", slopes=("x", "input") if own else "x"),
        bg.Group("h", slopes="x", correlated=True, name="together"),
        bg.Group("h", prior=bg.Normal(bg.HalfNormal([0.5, 1.0, 2.0]))),
        bg.Linear("z", prior=bg.Laplace(bg.Exponential(0.5))),
        bg.Lagged("movie", lags=2, prior=bg.RandomWalk(bg.HalfNormal(0.5))),
        bg.Linear("movie", name="sparse", prior=bg.Horseshoe(0.3)),
        bg.Linear(("x", "z"), name="shared", prior=bg.R2D2(0.5)),
        bg.Spline("input" if own else "x", df=5, name="curve"),
    ]
    model = bg.GLM("cells", terms, family=family)
    compare(model, data)
    dims = bg.to_pymc(model, data).named_vars_to_dims
    assert dims["g"] == ("neuron", "g_effect", "g_level")
    assert dims["g_scale"] == ("neuron", "g_effect")
    assert dims["h_scale"] == dims["z_scale"] == dims["sparse_slab"] == ("neuron",)
    assert dims["sparse_local"] == ("neuron", "height", "width")
    of_slopes = ("time", "neuron", "g_effect") if own else ("time", "g_effect")
    assert dims["g_effect_data"] == of_slopes


CELLS = [
    bg.Group("h", slopes="x", correlated=bg.LKJ(2.0), name="together"),
    bg.Group("g", slopes="x"),
    bg.Group("h", prior=bg.Normal(bg.HalfNormal([0.5, 1.0, 2.0]))),
    bg.Lagged("movie", lags=2, prior=bg.RandomWalk(bg.HalfNormal(0.5))),
    bg.Spline("z", df=5),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("response", "terms"),
    [("poisson", learned(1)[:4]), ("poisson", learned(1)[4:]), ("cells", CELLS)],
    ids=["linear", "other", "population"],
)
def test_the_copy_that_is_sampled_has_the_same_density(response, terms, data):
    rng = np.random.default_rng(3)
    data = data.assign(cells=(("time", "neuron"), rng.poisson(1.0, (40, 3))))
    problems = open_problems(bg.GLM(response, terms, family="poisson"), data)
    units = learned_units(problems)
    copy = build(problems, units)
    names = list(problems[0].places)
    assert all(name in copy.named_vars for name in names)
    point = {
        name: value + 0.1 * rng.normal(size=np.shape(value))
        for name, value in copy.initial_point().items()
    }
    variables = copy.replace_rvs_by_values([copy.named_vars[name] for name in names])
    inner = copy.compile_fn(variables, mode="FAST_COMPILE")(point)
    expected = 0.0
    for k, problem in enumerate(problems):
        theta, registry = np.empty(problem.natural.size), problem.unconstrained.registry
        for name, value in zip(names, inner, strict=True):
            own = np.ravel(value[k] if len(problems) > 1 else value)
            theta[problem.places[name]] = registry.named(name).transform.inner(own)
        expected += problem.unconstrained.log_density(theta[None])[0]
        volumes = (every[k].shrinkage.log_precision(theta).sum() for every in units.values())
        expected -= 0.5 * sum(volumes)
    logp = copy.compile_logp(mode="FAST_COMPILE")(point)
    np.testing.assert_allclose(logp, expected, rtol=1e-9)


def test_names_dims_and_coords(data):
    terms = [
        bg.Group("g", slopes="x", name="by_word"),
        bg.Group("h"),
        bg.Linear("movie", prior=bg.Horseshoe(0.3)),
    ]
    made = bg.to_pymc(bg.GLM("poisson", terms, family="poisson"), data)
    assert {v.name for v in made.free_RVs} == {
        *("intercept", "by_word", "by_word_scale", "h", "h_scale"),
        *("movie", "movie_scale", "movie_local", "movie_slab"),
    }
    dims = made.named_vars_to_dims
    assert dims["by_word"] == ("by_word_effect", "by_word_level")
    assert dims["by_word_scale"] == ("by_word_effect",)
    assert dims["by_word_data"] == dims["h_data"] == ("time",)
    assert dims["by_word_effect_data"] == ("time", "by_word_effect")
    assert dims["h"] == ("h_level",)
    assert dims["movie_local"] == ("height", "width")
    for name in ("h_scale", "movie_scale", "movie_slab"):
        assert not dims.get(name)
    assert list(made.coords["by_word_level"]) == WORDS.tolist()
    assert list(made.coords["by_word_effect"]) == ["intercept", "x"]
    assert list(made.coords["h_level"]) == [-2, -1, 0, 1, 2]


def test_levels_of_the_pymc_model_can_be_exchanged(data):
    model = bg.GLM("poisson", bg.Group("h", prior=bg.Normal(1.0)), family="poisson")
    made = bg.to_pymc(model, data)
    other = data.assign(h=-data["h"])
    with made:
        pm.set_data({"h_data": other["h"].values + 2})
    w = np.random.default_rng(0).normal(size=5)
    changed = made.compile_logp(mode="FAST_COMPILE")({"intercept": np.array(0.3), "h": w})
    objective = open_problems(model, other)[0].natural
    found = objective.log_density(np.r_[0.3, w][None])[0]
    np.testing.assert_allclose(changed, found, rtol=1e-12)


def test_a_predictor_may_be_its_own_offset(data):
    model = bg.GLM("poisson", ["x", bg.Group("g")], family="poisson", offset="x")
    compare(model, data)
    assert {"x_data", "x_offset_data"} <= set(bg.to_pymc(model, data).named_vars)
