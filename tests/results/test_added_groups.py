"""Groups added to fits: in ArviZ's schema, equal to PyMC's densities, thinned, kept by files."""

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from kept import both_ways
from priors import OF_COEFFICIENTS, with_learned_scale
from pymc.stats import compute_log_prior

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.results import groups
from bayesglm.results.groups import GROUPS
from bayesglm.spec.priors import COEFFICIENT_PRIORS

N, CHAINS, DRAWS = 24, 4, 50
WORDS = ["a", "b", "c", "d"]


def data():
    rng = np.random.default_rng(3)
    columns = {"y": rng.poisson(2.0, N), "x": rng.normal(size=N), "z": rng.normal(size=N)}
    return columns | {"r": rng.normal(size=N), "g": np.repeat(WORDS, N // len(WORDS))}


DATA = data()


def fitted(model, given=None, draws=DRAWS):
    return bg.fit_laplace(model, DATA if given is None else given, draws=draws, chains=CHAINS)


@pytest.fixture(scope="module")
def fit():
    return fitted(bg.GLM("y", ["x", "z"], family="poisson", prior=bg.Normal(1.0)))


@pytest.fixture(scope="module")
def full(fit):
    return bg.add_groups(fit, *GROUPS)


MODELS = {
    "counts": bg.GLM(
        "y",
        [bg.Linear("x", prior=bg.Laplace(0.5)), bg.Linear("z", prior=bg.StudentT(1.0))],
        family="negative_binomial",
        intercept=bg.Normal(2.0),
    ),
    "levels": bg.GLM("r", ["x", bg.Group("g", slopes="x", correlated=True)]),
}


@pytest.mark.parametrize("name", MODELS)
def test_log_priors_are_those_of_pymc(name):
    model = MODELS[name]
    with np.errstate(all="ignore"):
        own = bg.fit(model, DATA, draws=DRAWS, chains=1)
    added = bg.add_groups(own, "log_prior")["log_prior"].to_dataset()
    theirs = compute_log_prior(
        own,
        model=bg.to_pymc(model, DATA),
        extend_inferencedata=False,
        progressbar=False,
        compile_kwargs={"mode": "FAST_COMPILE"},
    )
    assert set(added) == set(theirs)
    for variable in added:
        lead = ("chain", "draw")
        summed = theirs[variable].sum([dim for dim in theirs[variable].dims if dim not in lead])
        np.testing.assert_allclose(added[variable], summed, rtol=1e-8, atol=1e-8)


LEARNED = [with_learned_scale(kind, bg.HalfNormal(1.0)) for kind in COEFFICIENT_PRIORS]


@pytest.mark.parametrize("prior", OF_COEFFICIENTS + [one for one in LEARNED if one], ids=repr)
def test_log_priors_by_name_add_up(prior):
    model = bg.GLM("poisson", bg.Linear("movie", prior=prior), family="poisson")
    (problem,) = open_problems(model, simulate(30, seed=1))
    U = np.random.default_rng(0).normal(size=(5, problem.natural.size))
    theta = problem.natural_thetas(U)
    by_name = problem.natural.log_priors_by_name(theta)
    assert set(by_name) == {one.name for one in problem.natural.registry.free}
    np.testing.assert_allclose(
        sum(by_name.values()), problem.natural.log_priors(theta), rtol=1e-10, atol=1e-10
    )
    flat = {name for name, of in by_name.items() if not of.any()}  # the intercept, and Flat
    is_below = bool(problem.learned)
    assert problem.natural.below == ("movie",) * is_below
    assert set(problem.natural.top) == set(by_name) - flat - set(problem.natural.below)


def test_groups_lie_on_the_draws_and_samples_of_the_fit(full):
    observed = full["observed_data"]["y"]
    for name in ("posterior_predictive", "prior_predictive", "log_likelihood"):
        own = full[name]["y"]
        assert set(own.dims) == {"chain", "draw", "obs"}
        assert own.sizes == {"chain": CHAINS, "draw": DRAWS, "obs": N}
        np.testing.assert_array_equal(own["obs"], observed["obs"])
    for name in ("posterior_predictive", "prior_predictive"):  # whole numbers, as ArviZ knows them
        assert full[name]["y"].dtype.kind == observed.dtype.kind == "i"
    assert set(full["prior"].data_vars) == set(full["posterior"].data_vars)
    assert full["prior"].attrs["intercept"] == full["prior_predictive"].attrs["intercept"]


def test_predictions_are_those_of_predict(fit, full):
    own = bg.predict(fit, kind="response", seed=0)["y"]
    np.testing.assert_array_equal(full["posterior_predictive"]["y"], own)


def test_prior_draws_are_those_of_prior_predictive(fit, full):
    tree = bg.prior_predictive(
        bg.GLM.from_json(fit.attrs["model"]), DATA, draws=CHAINS * DRAWS, seed=0
    )
    np.testing.assert_array_equal(full["prior"]["x"].values.ravel(), tree["prior"]["x"][0])
    np.testing.assert_array_equal(
        full["prior_predictive"]["y"].values.reshape(-1, N), tree["prior_predictive"]["y"][0]
    )


def test_samples_without_a_past_are_left_out_as_in_the_observed_data():
    with_history = fitted(bg.GLM("r", bg.History(lags=2, prior=bg.Normal(0.1))))
    own = bg.add_groups(with_history, "posterior_predictive", "prior_predictive")
    for name in ("posterior_predictive", "prior_predictive"):
        np.testing.assert_array_equal(own[name]["obs"], own["observed_data"]["obs"])


def test_populations_have_their_dim():
    rng = np.random.default_rng(0)
    counts = xr.Dataset(
        {"y": (("time", "unit"), rng.poisson(2.0, (N, 2))), "x": ("time", rng.normal(size=N))},
        coords={"unit": ["u", "v"], "time": 0.1 * np.arange(N)},
    )
    own = fitted(bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson"), counts)
    own = bg.add_groups(own, *GROUPS)
    assert own["log_prior"]["x"].dims == ("chain", "draw", "unit")
    assert own["posterior_predictive"]["y"].dims == ("chain", "draw", "time", "unit")
    np.testing.assert_array_equal(own["prior"]["unit"], ["u", "v"])


def test_effects_that_are_redrawn_have_no_log_prior_and_are_predicted(tmp_path):
    checks = {"top_size": 5, "levels_of": "g", "level_acceptance": 0.91, "worst_level": 1}
    whole, kept = both_ways(MODELS["levels"], DATA, "g", draws=DRAWS, checks=checks)
    one, other = bg.add_groups(whole, *GROUPS), bg.add_groups(kept, *GROUPS)
    top = one["log_prior"].to_dataset().drop_vars("g")
    xr.testing.assert_allclose(other["log_prior"].to_dataset(), top)
    xr.testing.assert_identical(other["prior"].to_dataset(), one["prior"].to_dataset())
    predicted = other["posterior_predictive"]["r"]
    assert np.isfinite(predicted).all()
    back = bg.load(bg.save(other, tmp_path / "kept.nc"))
    xr.testing.assert_identical(back["prior"].to_dataset(), other["prior"].to_dataset())


def test_labels_are_drawn_as_labels():
    side = np.array(["left", "right"])[np.arange(N) % 2]
    model = bg.GLM("side", bg.Linear("x", prior=bg.Normal(1.0)), family="bernoulli")
    own = bg.add_groups(fitted(model, DATA | {"side": side}), "posterior_predictive", "log_prior")
    assert set(np.unique(own["posterior_predictive"]["side"])) == {"left", "right"}


def test_thinned_groups_keep_the_labels_of_their_draws(fit, full):
    thinned = bg.add_groups(fit, "log_prior", "posterior_predictive", "prior", draws=7)
    labels = thinned["log_prior"]["draw"].values
    assert len(labels) == 7
    assert set(labels) <= set(fit["posterior"]["draw"].values)
    np.testing.assert_array_equal(
        thinned["log_prior"]["x"], full["log_prior"]["x"].sel(draw=labels)
    )
    assert thinned["posterior"].sizes["draw"] == DRAWS
    assert thinned["prior"].sizes["draw"] == 7


def test_files_keep_the_groups_and_other_verbs_pass_them_by(fit, full, tmp_path):
    thinned = bg.add_groups(full, "posterior_predictive", "prior", draws=7)
    for k, own in enumerate((full, thinned)):
        back = bg.load(bg.save(own, tmp_path / f"{k}.nc"))
        for name in GROUPS:
            xr.testing.assert_identical(back[name].to_dataset(), own[name].to_dataset())
    assert bg.summary(full).equals(bg.summary(fit))
    xr.testing.assert_identical(bg.predict(full), bg.predict(fit))


DAMAGES = {
    "posterior_predictive": lambda own: own.rename(y="z"),
    "log_likelihood": lambda own: own.isel(obs=slice(3)),
    "log_prior": lambda own: own.assign(x=np.inf + own["x"]),
    "prior": lambda own: own.drop_vars("x"),
    "prior_predictive": lambda own: own.assign_coords(draw=own["draw"] + 1000),
}


@pytest.mark.parametrize("name", GROUPS)
def test_damaged_groups_are_refused(full, name, tmp_path):
    damaged = full.assign({name: xr.DataTree(DAMAGES[name](full[name].to_dataset()))})
    with pytest.raises(bg.DataError, match=name):
        bg.save(damaged, tmp_path / "damaged.nc")


@pytest.mark.parametrize("name", GROUPS)
def test_groups_that_no_memory_holds_are_told_before_they_are_made(fit, name, monkeypatch):
    monkeypatch.setattr(groups, "free_memory", lambda: 5e3)
    with pytest.raises(bg.DataError, match=rf"'{name}' would hold 4 x 50 draws.*draws="):
        bg.add_groups(fit, name)


def test_what_cannot_be_added_is_told(fit):
    with pytest.raises(bg.ModelError, match="name the groups"):
        bg.add_groups(fit)
    with pytest.raises(bg.ModelError, match=r"unknown group 'prior_predictiv'.*'prior_predictive'"):
        bg.add_groups(fit, "prior_predictiv")
    with pytest.raises(bg.DataError, match="draws must be a whole number"):
        bg.add_groups(fit, "prior", draws=0)
    flat = fitted(bg.GLM("y", bg.Linear("x", prior=bg.Flat()), family="poisson"))
    with pytest.raises(bg.ModelError, match=r"'x' is Flat, and so improper"):
        bg.add_groups(flat, "prior")
    assert not bg.add_groups(flat, "log_prior")["log_prior"]["x"].any()
    found = bg.fit_map(bg.GLM("y", "x", family="poisson"), DATA)
    with pytest.raises(bg.DataError, match="a posterior is needed"):
        bg.add_groups(found, "prior")
