"""Posteriors under groups and bounds: quadrature, twins, evidence, and every verb after them."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import gammaln
from twins import compare

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

N = 40
RNG = np.random.default_rng(31)
X = RNG.normal(size=(N, 2))
COUNTS = RNG.poisson(np.exp(0.2 + 0.5 * X[:, 0] - 0.1 * X[:, 1]))
DATA = {"y": COUNTS, "x": X}
BOUNDED = {"lasso": bg.Exponential(0.3), "ridge": bg.HalfNormal(0.4)}


def poisson(prior, **options):
    return bg.GLM("y", bg.Linear("x", prior=prior), "poisson", intercept=bg.Normal(1.0), **options)


def log_prior(prior, w):
    if isinstance(prior, bg.GroupLasso):
        k = np.sqrt(2.0) / prior.scale
        return np.log(k**2 / (2.0 * np.pi)) - k * np.linalg.norm(w, axis=-1)
    kind = stats.expon if isinstance(prior, bg.Exponential) else stats.halfnorm
    return kind(scale=prior.scale).logpdf(w).sum(axis=-1)


def quadrature(prior, low):
    """Return log evidence, and means of the coefficients, by Gauss-Legendre's rule over all three.

    Where the density has a kink or an edge at zero, the rule is one of each side.
    """
    nodes, weights = np.polynomial.legendre.leggauss(40)
    sides = [1.0] if low == 0.0 else [-1.0, 1.0]
    side = np.concatenate([s * 0.8 * (nodes + 1.0) for s in sides])
    area = np.concatenate([0.8 * weights for _ in sides])
    b, one, two = np.meshgrid(0.1 + 1.1 * nodes, side, side, indexing="ij")
    w = np.stack([one, two], axis=-1)
    density = stats.norm(0.0, 1.0).logpdf(b) + log_prior(prior, w) - gammaln(COUNTS + 1.0).sum()
    for row, count in zip(X, COUNTS, strict=True):
        eta = b + w @ row
        density += count * eta - np.exp(eta)
    top = density.max()
    mass = np.exp(density - top) * np.einsum("i,j,k->ijk", 1.1 * weights, area, area)
    means = [float((mass * w[..., k]).sum() / mass.sum()) for k in range(2)]
    return top + np.log(mass.sum()), np.array(means)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prior", "low"),
    [*((prior, 0.0) for prior in BOUNDED.values()), (bg.GroupLasso(0.3), -1.2)],
    ids=repr,
)
def test_draws_have_the_means_of_quadrature(prior, low):
    fitted = bg.fit(poisson(prior), DATA, seed=1)
    assert fitted.attrs["method"] == "nuts"
    assert type(prior).__name__ in fitted.attrs["why"]
    assert fitted.attrs["n_divergent"] == 0
    assert fitted.attrs["max_rhat"] < 1.01
    draws = fitted["posterior"]["x"].values.reshape(-1, 2)
    _, means = quadrature(prior, low)
    error = draws.std(axis=0) / np.sqrt(fitted.attrs["min_ess"])
    assert np.all(np.abs(draws.mean(axis=0) - means) < 4.5 * error)
    assert (draws.min() > 0.0) == (low == 0.0)


@pytest.mark.parametrize("case", BOUNDED)
def test_the_evidence_under_bounds_is_that_of_quadrature(case):
    model = poisson(BOUNDED[case])
    tuned, curve = bg.tune_prior(model, DATA, term="x", method="evidence", draws=4000)
    chosen = tuned.terms[0].prior
    at = curve["x"]["log_evidence"].sel(scale=chosen.scale)
    expected, _ = quadrature(chosen, 0.0)
    assert float(at) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "prior",
    [
        bg.GroupLasso(0.5),
        bg.GroupLasso(0.5, by="feature"),
        bg.GroupLasso(bg.HalfNormal(1.0)),
        *BOUNDED.values(),
    ],
    ids=repr,
)
def test_twins_of_a_term_and_of_a_population(prior):
    rng = np.random.default_rng(32)
    data = xr.Dataset(
        {
            "y": (("obs", "neuron"), rng.poisson(1.0, size=(30, 2))),
            "x": (("obs", "feature", "place"), rng.normal(size=(30, 3, 2))),
            "z": ("obs", rng.normal(size=30)),
        }
    )
    terms = [bg.Linear("x", prior=prior), bg.Linear("z", prior=bg.Normal(1.0))]
    compare(bg.GLM("y", terms, "poisson"), data, spread=0.2)


def test_the_twin_of_an_intercept_with_a_bound():
    model = bg.GLM("y", "x", "poisson", prior=bg.Exponential(1.0), intercept=bg.HalfNormal(2.0))
    compare(model, DATA, spread=0.2)


def test_predictors_far_from_zero_leave_the_posterior_where_it_is():
    model = bg.GLM("y", bg.Linear("x", prior=bg.Exponential(0.3)), "poisson")
    far, near = (bg.fit(model, {"y": COUNTS, "x": X + move}, seed=3) for move in (500.0, 0.0))
    assert far.attrs["max_rhat"] < 1.01
    means = [one["posterior"].to_dataset().mean(("chain", "draw")) for one in (far, near)]
    np.testing.assert_allclose(means[0]["x"], means[1]["x"], atol=0.02)
    moved = means[0]["intercept"] + 500.0 * means[0]["x"].sum()
    np.testing.assert_allclose(moved, means[1]["intercept"], atol=0.05)


@pytest.mark.parametrize("prior", [bg.GroupLasso(0.3), *BOUNDED.values()], ids=repr)
def test_verbs_that_follow(prior, tmp_path):
    model = poisson(prior)
    assert bg.GLM.from_json(model.to_json()) == model
    fitted, mode = bg.fit(model, DATA, seed=4), bg.fit_map(model, DATA)
    bg.save(fitted, tmp_path / "fit.nc")
    loaded = bg.load(tmp_path / "fit.nc")
    xr.testing.assert_equal(loaded["posterior"].to_dataset(), fitted["posterior"].to_dataset())
    new = {"x": X[:5]}
    xr.testing.assert_equal(bg.predict(loaded, new), bg.predict(fitted, new))
    assert bg.kernels(fitted)["x"]["link"].shape == (2,)
    table = bg.compare(
        {"own": bg.loo(fitted), "other": bg.loo(bg.fit(poisson(bg.Normal(1.0)), DATA))}
    )
    assert len(table) == 2
    bg.plot_posterior(fitted, mode)
    bg.report({"fit": fitted}, tmp_path / "report.html")
    assert type(prior).__name__ in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("prior", [bg.GroupLasso(0.3), *BOUNDED.values()], ids=repr)
def test_no_hessian_tells_their_width(prior):
    with pytest.raises(bg.ModelError, match=f"fit_laplace cannot do.*{type(prior).__name__}"):
        bg.fit_laplace(poisson(prior), DATA)


@pytest.mark.slow
def test_scales_are_tuned_by_folds_and_groups_have_no_evidence():
    model = poisson(bg.GroupLasso(0.3))
    with pytest.raises(bg.ModelError, match=r"GroupLasso prior.*use method='kfold'"):
        bg.tune_prior(model, DATA, term="x", method="evidence")
    scales = [0.05, 0.4]
    few = {"scales": scales, "folds": 2, "draws": 3000}
    tuned, _ = bg.tune_prior(model, DATA, term="x", method="kfold", **few)
    assert tuned.terms[0].prior.scale in scales
    bounded = poisson(bg.Exponential(0.3))
    tuned, _ = bg.tune_prior(bounded, DATA, term="x", method="kfold", **few)
    assert tuned.terms[0].prior.scale in scales


@pytest.mark.slow
def test_folds_of_a_bounded_fit_are_those_of_natural_draws():
    """Draws of logarithms taken for coefficients would score nonsense."""
    bounded = bg.kfold(poisson(bg.HalfNormal(0.4)), DATA, folds=4, seed=5)
    single = bg.loo(bg.fit(poisson(bg.HalfNormal(0.4)), DATA, seed=5))
    assert abs(float(bounded.elpd) - float(single.elpd)) < 2.0


def test_the_model_as_it_is_printed():
    terms = [
        bg.Linear("a", prior=bg.group_lasso(2.0, by="pixel")),
        bg.Linear("b", prior=bg.Exponential(0.5)),
        bg.Linear("c", prior=bg.HalfNormal(0.5)),
        bg.Linear("d", prior=bg.GroupLasso(bg.HalfNormal(1.0))),
    ]
    lines = str(bg.GLM("y", terms, "poisson")).splitlines()
    shown = {line.split("~")[0].strip().split("[")[0]: line.split("~")[1] for line in lines[2:]}
    assert "GroupLasso(0.5, by pixel)" in shown["a"]
    assert "group_lasso(2) = 2 · Σ √size·‖a‖ of each pixel" in shown["a"]
    assert "penalty b/0.5" in shown["b"]
    assert "penalty c²/(2·0.5²)" in shown["c"]
    assert "GroupLasso(d_scale)" in shown["d"]


def test_a_start_within_bounds_is_finite_where_information_is_not():
    data = {"y": (COUNTS > 0).astype(float), "x": X, "far": np.full(N, 800.0)}
    term = bg.Linear("x", prior=bg.Exponential(0.3))
    model = bg.GLM("y", term, "bernoulli", link="cloglog", offset="far", intercept=bg.Normal(1.0))
    problem = open_problems(model, data)[0]
    with np.errstate(over="ignore", invalid="ignore"):
        told = problem.natural.likelihood_diagonal(problem.start(problem.natural))
    assert not np.isfinite(told).all()
    start = problem.start(problem.unconstrained)
    assert np.isfinite(start).all()
    np.testing.assert_array_less(0.0, problem.natural_thetas(start)[1:])
