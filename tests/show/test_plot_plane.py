"""The picture of two coefficients: what is drawn are the densities, in closed form where there is
one, and marks stand where estimates are."""

import numpy as np
import pytest
from drawn import assert_inside, legend_of, rendered
from families import OF_NUMBERS
from priors import OF_COEFFICIENTS
from scipy.stats import multivariate_normal

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.results.plane import plane_of
from bayesglm.spec.families import FAMILY_NAMES

RNG = np.random.default_rng(24)
FIRST, OTHER = RNG.normal(size=(2, 10))
X = np.column_stack([FIRST, 0.6 * FIRST + 0.8 * OTHER])
TOY = {"y": X @ [1.2, 0.3] + RNG.normal(size=10), "x": X}


def toy_model(prior, intercept=None):
    return bg.GLM("y", bg.Linear("x", prior=prior), dispersion=1.0, intercept=intercept)


def plane_of_toy(prior, **options):
    return plane_of(toy_model(prior, **options), TOY, None, None)


def share_within(plane):
    """The shares of the posterior within its contours, by a sum over the grid."""
    mass = np.exp(plane.posterior.values - plane.posterior.values.max())
    return [mass[plane.posterior.values >= level].sum() / mass.sum() for level in plane.levels]


def refusal_of(model, data):
    """What is said of a model that has no mode; empty where it has one."""
    try:
        bg.fit_map(model, data)
    except bg.ModelError as refusal:
        return str(refusal)
    return ""


def by_quadrature(prior):
    """Mean and normaliser of the toy's posterior, by a sum over a grid of its own."""
    grid = np.linspace(-4.0, 5.0, 1801)
    w = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    gram, pull = X.T @ X, X.T @ TOY["y"]
    log_density = w @ pull - 0.5 * np.einsum("...i,ij,...j", w, gram, w)
    log_density -= np.abs(w).sum(axis=-1) / prior.scale
    density = np.exp(log_density - log_density.max())
    return np.einsum("ij,ijk->k", density, w) / density.sum()


@pytest.mark.parametrize("intercept", [None, bg.Flat()])
def test_a_gaussian_posterior_is_the_closed_form_with_others_integrated_out(intercept):
    plane = plane_of_toy(bg.Normal(0.5), intercept=intercept)
    columns = X if intercept is None else X - X.mean(axis=0)
    precision = columns.T @ columns + 4.0 * np.eye(2)
    mode = np.linalg.solve(precision, columns.T @ TOY["y"])
    np.testing.assert_allclose(plane.through.map, mode, atol=1e-8)
    np.testing.assert_allclose(plane.mean, mode, atol=1e-5)
    np.testing.assert_allclose(plane.best, np.linalg.lstsq(columns, TOY["y"])[0], atol=1e-6)
    exact = multivariate_normal(mode, np.linalg.inv(precision))
    x, y, values = plane.posterior
    expected = exact.logpdf(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1))
    change = values - values.max() - (expected - expected.max())
    assert np.abs(change - change.mean()).max() < 1e-6
    assert plane.levels[0] - values.max() == pytest.approx(np.log(0.06), abs=0.01)
    np.testing.assert_allclose(share_within(plane), (0.94, 0.5), atol=0.001)


def test_a_lasso_posterior_has_its_mode_at_a_kink_and_its_mean_beside():
    prior = bg.lasso(4.0)
    plane = plane_of_toy(prior)
    assert plane.through.map[1] == 0.0
    np.testing.assert_allclose(plane.mean, by_quadrature(prior), atol=2e-4)
    # The constraint region is the diamond through the MAP.
    diamond = plane.region.box_above(plane.region_level)
    reach = plane.through.map[0]
    np.testing.assert_allclose(np.abs([*diamond.low, *diamond.high]), reach, rtol=0.01)
    x, y, values = plane.region
    size = np.abs(x)[:, None] + np.abs(y)
    assert (size[values > plane.region_level + 1e-9] < reach).all()
    assert (size[values < plane.region_level - 1e-9] > reach).all()


@pytest.mark.parametrize("prior", OF_COEFFICIENTS, ids=repr)
def test_every_prior(prior, many, tmp_path):
    if prior.traits.needs_dims:
        return
    many = many.assign(pair=(("time", "part"), many["movie"].values[:, 0, :2]))
    model = bg.GLM("poisson", bg.Linear("pair", prior=prior), "poisson")
    refusal = refusal_of(model, many)
    if refusal:
        with pytest.raises(bg.ModelError) as told:
            bg.plot_plane(model, many)
        assert str(told.value) == refusal
        return
    plane = plane_of(model, many, None, None)
    mode = bg.fit_map(model, many)["map"]["pair"].values
    np.testing.assert_allclose(plane.through.map, mode, atol=1e-9)
    assert plane.is_highest or not open_problems(model, many)[0].log_concave()
    np.testing.assert_allclose(share_within(plane), (0.94, 0.5), atol=0.01)
    # Log posterior and likelihood are those of the engine, at points anywhere.
    objective = open_problems(model, many)[0].natural
    points = mode + 0.05 * np.random.default_rng(0).normal(size=(5, 2))
    theirs = objective.log_density(plane.through.thetas(points))
    np.testing.assert_allclose(plane.through.log_posterior(points), theirs, rtol=1e-9)
    figure = rendered(bg.plot_plane(model, many), tmp_path)
    assert_inside(figure)


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_every_family(family, many):
    trials = "trials" if FAMILY_NAMES[family].needs_trials else None
    terms = [bg.Linear("x", prior=bg.Normal(0.5)), bg.Linear("z", prior=bg.Laplace(0.3))]
    model = bg.GLM(family, terms, family, trials=trials)
    plane = plane_of(model, many, None, None)
    mode = bg.fit_map(model, many)["map"]
    expected = [float(mode["x"]), float(mode["z"])]
    np.testing.assert_allclose(plane.through.map, expected, rtol=1e-6, atol=1e-8)
    assert plane.display.holds(plane.mean)
    assert plane.display.holds(plane.through.map)
    np.testing.assert_allclose(share_within(plane), (0.94, 0.5), atol=0.01)
    # Along the conditional mode the posterior falls no faster than with the others held.
    at = plane.through.map
    for away in 0.02 * (plane.posterior.box_above(plane.levels[0]).high - at) * np.eye(2):
        held = plane.through.theta.copy()
        held[list(plane.through.places)] += away
        along = plane.through.log_posterior((at + away)[None])[0]
        assert along >= plane.through.objective.log_density(held[None])[0] - 1e-9


def test_the_picture_of_two_models(tmp_path):
    models = {"ridge": toy_model(bg.ridge(4.0)), "lasso": toy_model(bg.lasso(4.0))}
    figure = rendered(bg.plot_plane(models, TOY, truth=(1.2, 0.3)), tmp_path)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["ridge", "lasso"]
    assert legend_of(figure)[1] == [
        "posterior",
        "likelihood",
        "prior",
        "constraint region",
        "maximum likelihood",
        "truth",
        "MAP",
        "posterior mean",
    ]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert {ax.get_aspect() for ax in figure.axes} == {1.0}
    for ax, model in zip(figure.axes, models.values(), strict=True):
        mode = bg.fit_map(model, TOY)["map"]["x"].values
        marks = {line.get_marker(): line.get_xydata()[0] for line in ax.get_lines()}
        np.testing.assert_allclose(marks["D"], mode)
        np.testing.assert_allclose(marks["*"], (1.2, 0.3))
        np.testing.assert_allclose(marks["s"], np.linalg.lstsq(X, TOY["y"])[0], atol=1e-6)
    assert figure.get_supxlabel() == ""
    assert_inside(figure)


def test_of_more_coefficients_the_others_follow(many, tmp_path):
    model = bg.GLM("poisson", bg.Linear("movie", prior=bg.ridge(4.0)), "poisson")
    with pytest.raises(bg.DataError, match=r"has 7: name two of movie\[0, 0\], movie\[0, 1\]"):
        bg.plot_plane(model, many)
    figure = rendered(bg.plot_plane(model, many, ("movie[0, 1]", "intercept")), tmp_path)
    assert figure.axes[0].get_ylabel() == "intercept (log response)"
    assert "the other 5 parameters follow the two" in figure.get_supxlabel()
    assert_inside(figure)


def test_separated_data_have_no_maximum_likelihood(tmp_path):
    data = {"y": [0, 0, 0, 1, 1, 1], "x": [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]}
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(2.5))
    figure = rendered(bg.plot_plane(model, data), tmp_path)
    assert "maximum likelihood" not in legend_of(figure)[1]
    assert "no maximum likelihood: the likelihood keeps rising" in figure.get_supxlabel()
    assert_inside(figure)


def test_what_cannot_be_drawn(many):
    model = bg.GLM("poisson", ["x", "z"], "poisson", prior=bg.ridge(1.0))
    with pytest.raises(bg.DataError, match=r"no single coefficient 'xx'.*Did you mean 'x'"):
        bg.plot_plane(model, many, ("xx", "z"))
    for wrong in ("x", ("x",), ("x", "x"), 2, bg.Normal, [np.zeros(2), "x"], {"x": "z"}):
        with pytest.raises(bg.DataError, match="two different names"):
            bg.plot_plane(model, many, wrong)
    with pytest.raises(bg.DataError, match="truth must be two numbers"):
        bg.plot_plane(model, many, truth=[1.0])
    with pytest.raises(bg.DataError, match="draws a GLM on its data"):
        bg.plot_plane("poisson ~ x", many)
    alone = bg.GLM("poisson", "x", "poisson", prior=bg.ridge(1.0), intercept=None)
    with pytest.raises(bg.DataError, match="needs two coefficients"):
        bg.plot_plane(alone, many)
    cells = many.assign(cells=(("time", "cell"), np.random.default_rng(0).poisson(1.0, (400, 2))))
    with pytest.raises(bg.DataError, match=r"data.isel\(cell=0\)"):
        bg.plot_plane(bg.GLM("cells", ["x", "z"], "poisson", prior=bg.ridge(1.0)), cells)
