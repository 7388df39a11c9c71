"""The verb: the model it takes, the fit it gives, and what other verbs make of that."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesglm as bg
from bayesglm.errors import BayesGLMWarning, DataError, ModelError
from bayesglm.inference.tree.opened import is_projected
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.reference import open_reference

N = 150
NAMES = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    own = {name: rng.normal(size=N) for name in NAMES}
    eta = own["a"] - 0.7 * own["c"]
    return own | {
        "y": eta + rng.normal(size=N),
        "n": rng.poisson(np.exp(0.6 * eta)).astype(float),
        "yes": (eta + rng.logistic(size=N) > 0).astype(float),
    }


@pytest.fixture(scope="module")
def whole(data):
    return bg.fit(bg.GLM("y", NAMES), data, draws=250)


@pytest.fixture(scope="module")
def small(whole):
    return bg.project(whole)


def test_the_smallest_model_that_foretells_as_much_is_taken(small):
    path = small["projection"].to_dataset()
    assert path["term"].values.tolist()[:3] == ["", "a", "c"]
    assert path.attrs["taken_size"] == path.attrs["suggested_size"] == 2
    assert np.all(path["elpd_diff"][:2] + path["diff_se"][:2] < 0.0)
    assert_allclose(path["elpd"], path["elpd_diff"] + path.attrs["reference_elpd"])
    assert path["elpd_diff"].values[-1] == pytest.approx(0.0, abs=1e-9)
    assert list(small["posterior"].data_vars) == ["intercept", "a", "c", "sigma"]
    assert small.attrs["method"] == "projection"
    assert "4 terms (laplace) onto 2 terms" in small.attrs["why"]


def test_the_fit_holds_the_projected_draws(whole, small):
    reference = open_reference(whole)
    projected = project_onto(reference, ["a", "c"])
    registry = reference.problems[0].natural.registry
    for name, variable in small["posterior"].data_vars.items():
        own = registry.named(name).natural(projected.thetas[0])
        assert_allclose(variable.values.ravel(), own.ravel(), rtol=1e-12)
    assert_allclose(small["sample_stats"]["kl"].values.ravel(), projected.kl)


def test_other_verbs_take_the_fit(small, data, tmp_path):
    assert is_projected(small)
    assert bg.predict(small, {"a": [0.0], "c": [1.0]})["y"].shape == (4, 250, 1)
    assert bg.summary(small).index.tolist() == ["intercept", "a", "c", "sigma"]
    assert list(bg.kernels(small).children) == ["a", "c"]
    assert "posterior_predictive" in bg.add_groups(small, "posterior_predictive")
    assert "Projected posterior" in small._repr_html_()
    back = bg.load(bg.save(small, tmp_path / "small.nc"))
    for name in ("posterior", "projection", "sample_stats"):
        assert back[name].to_dataset().identical(small[name].to_dataset())
    assert bg.loo(back).elpd == bg.loo(small).elpd


def test_loo_is_by_the_weights_of_the_reference(whole, small):
    elpd, path = bg.loo(small), small["projection"].to_dataset()
    assert elpd.elpd == pytest.approx(float(path["elpd"][2]), rel=1e-12)
    assert elpd.se == pytest.approx(float(path["se"][2]), rel=0.01)
    assert_allclose(elpd.pareto_k, bg.loo(whole).pareto_k)
    assert 0.0 < elpd.p < 5.0
    table = bg.compare({"whole": whole, "small": small})
    assert table.loc[["small", "whole"], "elpd"].notna().all()


@pytest.mark.parametrize(
    "verb",
    [
        bg.score,
        bg.sensitivity,
        bg.project,
        lambda fit: bg.add_groups(fit, "log_likelihood"),
        lambda fit: bg.add_groups(fit, "log_prior"),
        lambda fit: bg.savage_dickey(fit, "a"),
        bg.plot_prior_posterior,
    ],
)
def test_verbs_of_priors_and_weights_refuse_projected_draws(small, verb):
    with pytest.raises(DataError, match="projected from those of a larger model"):
        verb(small)


def test_loo_of_projected_draws_takes_no_subsample(small):
    with pytest.raises(DataError, match="leave subsample= out"):
        bg.loo(small, subsample=20)


def test_named_terms_are_taken_in_their_order(whole):
    found = bg.project(whole, ["c", "b"])
    path = found["projection"].to_dataset()
    assert path["term"].values.tolist() == ["", "c", "b"]
    assert (path.attrs["taken_size"], path.attrs["search"]) == (2, "")
    assert list(found["posterior"].data_vars) == ["intercept", "b", "c", "sigma"]
    assert path["candidate"].values.tolist() == ["c", "b", "a", "d"]


def test_all_terms_are_the_reference_itself(whole):
    found = bg.project(whole, NAMES)
    for name, variable in found["posterior"].data_vars.items():
        assert_allclose(variable, whole["posterior"][name])
    assert_allclose(bg.loo(found).elpd, bg.loo(whole).elpd)
    assert bg.project(whole, "a")["posterior"].to_dataset().data_vars.keys() == {
        "intercept",
        "a",
        "sigma",
    }


def test_no_terms_leave_the_intercept(whole):
    assert list(bg.project(whole, [])["posterior"].data_vars) == ["intercept", "sigma"]


def test_some_draws_of_each_chain_are_projected(whole, small):
    few = bg.project(whole, draws=10)
    assert few["posterior"].sizes == {"chain": 4, "draw": 10}
    every = small["posterior"]["a"].values
    assert_allclose(few["posterior"]["a"], every[:, np.linspace(0, 249, 10).astype(int)])


def test_a_search_that_ends_early_is_told(whole):
    with pytest.warns(BayesGLMWarning, match="no model of up to 1 terms comes within"):
        found = bg.project(whole, most=1)
    assert found["projection"].attrs["taken_size"] == 1


def test_a_validated_search_tells_how_often_terms_were_chosen(whole):
    found = bg.project(whole, validate_search=3, search="group_lasso", most=3)
    path = found["projection"].to_dataset()
    assert path.attrs["validated"] == "3 folds"
    assert path["chosen_share"].dims == ("size", "candidate")
    assert_allclose(path["chosen_share"].sum("candidate"), path["size"])
    assert path["chosen_share"].sel(size=2, candidate=["a", "c"]).values.tolist() == [1.0, 1.0]


def test_lags_and_populations_are_projected(tmp_path):
    rng = np.random.default_rng(4)
    n = 300
    stimulus, other = rng.normal(size=(2, n))
    drive = np.convolve(stimulus, [0.5, 0.3])[:n]
    spikes = rng.poisson(np.exp(-0.3 + np.stack([drive, -drive], axis=1)))
    data = {"spikes": spikes, "stimulus": stimulus, "other": other}
    terms = [bg.Lagged(name, lags=3, prior=bg.ridge(1.0)) for name in ("stimulus", "other")]
    terms.append(bg.History(lags=2, prior=bg.ridge(1.0)))
    fit = bg.fit(bg.GLM("spikes", terms, family="poisson"), data, draws=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesGLMWarning)  # of a history in scores
        found = bg.project(fit)
        assert bg.loo(found).n_data_points == 2 * (n - 2)
    path = found["projection"].to_dataset()
    assert path["term"].values[1] == "stimulus"
    kernel = found["posterior"]["stimulus"].mean(("chain", "draw")).transpose(..., "stimulus_lag")
    assert_allclose(kernel[:, :2], [[0.5, 0.3], [-0.5, -0.3]], atol=0.15)
    assert bg.load(bg.save(found, tmp_path / "p.nc"))["projection"].sizes == path.sizes


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"terms": ["e"]}, ModelError, "has no term 'e'"),
        ({"terms": 3}, ModelError, "has no term 3"),
        ({"forced": ["e"]}, ModelError, "forced: the mean of the model has no term 'e'"),
        ({"search": "forwards"}, ModelError, "unknown search 'forwards'.*forward"),
        ({"terms": ["a"], "most": 2}, ModelError, "most= is of a search"),
        ({"terms": ["a"], "forced": "b"}, ModelError, "forced= is of a search"),
        ({"terms": ["a"], "validate_search": 5}, ModelError, "validate_search= is of a search"),
        ({"most": 0}, DataError, "most must be a whole number of at least 1"),
        ({"draws": 2.5}, DataError, "draws must be a whole number"),
        ({"seed": -1}, DataError, "seed must be a whole number"),
        ({"validate_search": 1}, DataError, "validate_search must be a whole number of at least 2"),
    ],
)
def test_what_cannot_be_asked(whole, asked, error, message):
    with pytest.raises(error, match=message):
        bg.project(whole, **asked)


def test_a_map_has_no_draws_to_project(data):
    with pytest.raises(DataError, match="has only a MAP"):
        bg.project(bg.fit_map(bg.GLM("y", NAMES), data))


def test_levels_of_one_row_each_are_refused(data):
    own = {**data, "row": np.arange(N)}
    fit = bg.fit(bg.GLM("n", ["a", bg.Group("row")], family="poisson"), own, draws=100)
    with pytest.raises(DataError, match="each level of 'row' has a row of its own"):
        bg.project(fit)


def test_checks_and_explanations_say_nothing_of_what_priors_decided(whole, small):
    told, other = bg.check(small), bg.check(whole)
    assert "prior_sensitivity" in other["terms"]
    assert not {"prior_sensitivity", "contradicted", "edf"} & set(told["terms"].data_vars)
    assert "projected" in told.attrs["absent_priors"]
    assert "is told of that fit" in str(bg.explain(small))
    assert "decided" in str(bg.explain(whole))
    assert "\n  decided" not in str(bg.explain(small))


@pytest.mark.slow
def test_a_report_takes_it_beside_its_reference(whole, small, tmp_path):
    page = bg.report({"whole": whole, "small": small}, tmp_path / "page.html")
    assert "projected from draws of the model of 4 terms" in page.read_text()


def test_draws_that_an_interruption_left_out_stay_missing(whole):
    torn = whole.copy()
    posterior = torn["posterior"].to_dataset()
    last = (posterior["chain"] == 3) & (posterior["draw"] >= 200)
    torn["posterior"] = posterior.where(~last)
    found = bg.project(torn, ["a", "c"])["posterior"]["a"]
    every = bg.project(whole, ["a", "c"])["posterior"]["a"]
    assert np.array_equal(np.isnan(found).values, last.transpose("chain", "draw").values)
    assert_allclose(found.where(~last, 0.0), every.where(~last, 0.0))


def test_a_population_along_a_dim_of_the_path_is_refused(data):
    import xarray as xr

    pairs = xr.Dataset(
        {
            "y": (("obs", "size"), np.column_stack([data["y"], data["n"]])),
            "a": ("obs", data["a"]),
        }
    )
    fit = bg.fit(bg.GLM("y", "a"), pairs, draws=100)
    with pytest.raises(ModelError, match="dim 'size' of the data has a name"):
        bg.project(fit)
