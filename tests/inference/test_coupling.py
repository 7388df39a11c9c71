"""Coupled populations: each member reads the past of all others, and nothing of its own."""

import arviz
import numpy as np
import pytest
import xarray as xr
from twins import compare

import bayesglm as bg
from bayesglm.design.members import joint_source
from bayesglm.inference.problem.problem import open_problems

N, K, LAGS = 300, 3, 2
LABELS = np.array(["a", "b", "c"])
SMOOTH = bg.raised_cosine(3)
PRIORS = {
    "of each place": bg.Normal(
        np.random.default_rng(5).uniform(0.2, 1.0, (K, K, LAGS)), loc=np.full((K, K, 1), 0.1)
    ),
    "by source": bg.GroupLasso(0.3, by="source"),
    "walk": bg.RandomWalk(0.5),
    "horseshoe": bg.Horseshoe(0.5),
    "share": bg.R2D2(0.3),
}
TWINS = ["of each place", "by source", "walk", "horseshoe", "share"]
WITH_MODE = ["of each place", "by source", "walk"]


def recording(n=N, seed=0):
    """Two trials of three cells, one of which drives another, a stimulus and one cell's own."""
    rng = np.random.default_rng(seed)
    x, own = rng.normal(size=n), rng.normal(size=(n, K))
    y = np.zeros((n, K), dtype=np.uint8)
    for t in range(n):
        eta = 0.3 * x[t] - 0.7 + (0.8 * y[t - 1, 0] if t else 0.0) * np.array([0.0, 1.0, 0.0])
        y[t] = rng.poisson(np.exp(eta))
    return xr.Dataset(
        {"y": (("time", "cell"), y), "x": ("time", x), "own": (("time", "cell"), own)},
        coords={
            "time": 0.01 * np.arange(n),
            "trial": ("time", np.repeat([0, 1], [n // 3, n - n // 3])),
            "cell": LABELS,
        },
    )


DATA = recording()


def model_of(*terms, **options):
    return bg.GLM("y", ["x", *terms], family="poisson", prior=bg.Normal(0.5), **options)


def by_copies(data, k):
    """Return the data of one cell, with a copied variable for each of the others."""
    copies = {LABELS[j]: ("time", data["y"].values[:, j]) for j in range(K) if j != k}
    return data.isel(cell=k, drop=True).assign(copies)


def lagged_by_hand(y, trial, j):
    """Return the past of cell j ``(n, lags)``, zeros before its trial."""
    columns = np.zeros((len(y), LAGS))
    for lag in range(1, LAGS + 1):
        same = trial[lag:] == trial[:-lag]
        columns[lag:, lag - 1] = np.where(same, y[:-lag, j], 0)
    return columns


def test_columns_are_the_others_past():
    problems = open_problems(model_of(bg.Coupling(lags=LAGS), edges="zero"), DATA)
    for k, problem in enumerate(problems):
        block = problem.design.predictors.blocks[1]
        others = [j for j in range(K) if j != k]
        assert block.dims == ("source", "coupling_lag")
        assert block.coords["source"].tolist() == LABELS[others].tolist()
        expected = np.hstack(
            [lagged_by_hand(DATA["y"].values, DATA["trial"].values, j) for j in others]
        )
        for rows in (np.arange(N), np.arange(50, 180), np.array([0, 3, 99, 100, 101, N - 1])):
            np.testing.assert_array_equal(block.columns(rows), expected[rows])
            X = np.random.default_rng(k).normal(size=(2, len(rows)))
            np.testing.assert_allclose(block.on(rows).adjoint(X), X @ expected[rows], atol=1e-12)
        assert (
            block.complete().tolist()
            == ((np.arange(N) % (N // 3) >= LAGS) | (np.arange(N) >= N // 3 + LAGS)).tolist()
        )


@pytest.mark.parametrize("some", [[0, 1, 2], [2, 0]])
@pytest.mark.parametrize("basis", [None, SMOOTH], ids=["lags", "basis"])
def test_side_by_side_each_member_reads_the_others(some, basis):
    terms = [bg.History(lags=3), bg.Coupling(lags=5, basis=basis), "own"]
    every = [one.design for one in open_problems(model_of(*terms), DATA)]
    designs, rng = [every[k] for k in some], np.random.default_rng(1)
    source, p = joint_source(designs), designs[0].predictors.n_coefficients
    W, S = rng.normal(size=(len(some), p)), rng.normal(size=(len(some), designs[0].n_rows))
    times, adjoint = np.zeros_like(S), np.zeros((len(some), p))
    for rows in source.ranges(37):
        times[:, rows.place] = rows.times(W)
        adjoint += rows.adjoint(S[:, rows.place])
        for k, design in enumerate(designs):
            X = design.predictors.columns(rows.place)
            np.testing.assert_allclose(rows.member(k).X, X, atol=1e-14)
    for k, design in enumerate(designs):
        X = design.predictors.columns(slice(0, design.n_rows))
        np.testing.assert_allclose(times[k], X @ W[k], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(adjoint[k], S[k] @ X, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", TWINS)
def test_the_twin_says_the_same(name):
    basis = SMOOTH if name == "horseshoe" else None
    coupled = bg.Coupling(lags=LAGS if basis is None else 5, basis=basis, prior=PRIORS[name])
    compare(model_of(bg.History(lags=1), coupled), DATA)


def test_the_twin_holds_the_matrix_and_what_is_free_of_it():
    twin = bg.to_pymc(model_of(bg.Coupling(lags=LAGS)), DATA)
    assert [one.name for one in twin.free_RVs] == ["intercept", "x", "coupling_off_diagonal"]
    assert twin.named_vars_to_dims["coupling"] == ("cell", "source", "coupling_lag")
    values = np.random.default_rng(0).normal(size=(K, K - 1, LAGS))
    matrix = twin["coupling"].eval({twin["coupling_off_diagonal"]: values})
    off = ~np.eye(K, dtype=bool)
    np.testing.assert_array_equal(matrix[off].reshape(values.shape), values)
    assert np.isnan(matrix[~off]).all()


@pytest.mark.parametrize("name", WITH_MODE)
def test_a_population_is_fitted_as_with_copied_variables(name):
    prior = PRIORS[name]
    fit = bg.fit_map(model_of(bg.History(lags=1), bg.Coupling(lags=LAGS, prior=prior)), DATA)
    found, value = fit["map"]["coupling"], 0.0
    assert found.dims == ("cell", "source", "coupling_lag")
    for k in range(K):
        assert np.isnan(found[k, k]).all()
        others = [j for j in range(K) if j != k]
        terms = [bg.Lagged(LABELS[j], lags=(1, LAGS + 1), prior=own(prior, k, j)) for j in others]
        model = bg.GLM("y", ["x", bg.History(lags=1), *terms], "poisson", prior=bg.Normal(0.5))
        alone = bg.fit_map(model, by_copies(DATA, k))
        value += alone.attrs["log_posterior"]
        for j in others:
            np.testing.assert_allclose(found[k, j], alone["map"][LABELS[j]], atol=2e-6)
        np.testing.assert_allclose(fit["map"]["history"][k], alone["map"]["history"], atol=2e-6)
    assert fit.attrs["log_posterior"] == pytest.approx(value, rel=1e-10)


def own(prior, k, j):
    """Return the prior of one pair, out of that of all."""
    if isinstance(prior, bg.Normal) and not isinstance(prior.scale, float):
        return bg.Normal(np.array(prior.scale)[k, j], loc=np.array(prior.loc)[k, j, 0])
    return bg.GroupLasso(prior.scale) if isinstance(prior, bg.GroupLasso) else prior


def test_functions_of_lag_make_the_kernels_of_all_pairs():
    coupled = bg.Coupling(lags=5, basis=SMOOTH, prior=bg.Normal(0.4))
    fit = bg.fit_map(model_of(coupled), DATA)
    assert fit["map"]["coupling"].dims == ("cell", "source", "coupling_basis")
    node = bg.kernels(fit)["coupling"]
    assert node["link"].dims == ("cell", "source", "lag")
    functions = open_problems(model_of(coupled), DATA)[0].design.predictors.blocks[1].functions
    np.testing.assert_allclose(node["link"], fit["map"]["coupling"].values @ functions.T)
    for k in range(K):
        others = [j for j in range(K) if j != k]
        terms = [
            bg.Lagged(LABELS[j], lags=(1, 6), basis=SMOOTH, prior=coupled.prior) for j in others
        ]
        alone = bg.fit_map(model_of(*terms), by_copies(DATA, k))
        for j in others:
            found = fit["map"]["coupling"][k, j]
            np.testing.assert_allclose(found, alone["map"][LABELS[j]], atol=2e-6)


def test_posteriors_in_every_verb(tmp_path):
    fit = bg.fit(model_of(bg.Coupling(lags=LAGS)), DATA, draws=200)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    off = ~np.eye(K, dtype=bool)
    values = again["posterior"]["coupling"].transpose("cell", "source", ...).values
    assert np.isnan(values[~off]).all()
    assert np.isfinite(values[off]).all()
    table = bg.summary(again)
    words = [one for one in table.index if one.startswith("coupling")]
    assert len(words) == K * (K - 1) * LAGS
    assert "coupling[a, b, lag 1]" in words
    assert np.isfinite(table["mean"]).all()
    told = arviz.summary(again["posterior"].to_dataset(), var_names=["coupling"])
    assert told["mean"].isna().sum() == K * LAGS
    node = bg.kernels(again)["coupling"]
    means = again["posterior"]["coupling"].mean(("chain", "draw"), skipna=False)
    np.testing.assert_allclose(node["link"], means)
    part = bg.predict(again, DATA.isel(time=slice(120, 160)))["y"].mean(("chain", "draw"))
    whole = bg.predict(again)["y"].mean(("chain", "draw"))
    np.testing.assert_allclose(part[LAGS:], whole[120 + LAGS : 160], rtol=1e-12)
    assert np.isnan(part[:LAGS]).all()
    page = bg.report({"coupled": again}, tmp_path / "page.html").read_text()
    assert "coupling" in page


def test_draws_from_the_prior_close_the_loop():
    """Cells that hear nothing but one another, each with the weight that its source is given."""
    weights = np.zeros((K, K, 1))
    weights[1, 0], weights[2, 1] = 1.0, -2.0
    coupled = bg.Coupling(lags=1, basis=[[2.0]], prior=bg.Normal(1e-9, loc=0.5 * weights))
    model = bg.GLM("y", coupled, "poisson", intercept=bg.Normal(1e-9))
    tree = bg.prior_predictive(model, DATA, draws=300, seed=1)
    y = tree["prior_predictive"]["y"].values[
        0
    ]  # (draws, time, cell); one sample a trial is left out
    assert y.shape[1:] == (N - 2, K)
    inside = np.delete(np.arange(1, N - 2), N // 3 - 2)
    before, after = y[:, inside - 1], y[:, inside]
    for k in range(K):
        mean = np.exp(before @ weights[k, :, 0])
        z = (after[..., k] - mean).sum() / np.sqrt(mean.sum())
        assert abs(z) < 4.0


BAD = {
    "no population": (
        bg.ModelError,
        lambda d: d.isel(cell=0, drop=True),
        "past of the other responses of a population",
    ),
    "of one": (bg.ModelError, lambda d: d.isel(cell=[0]), r"population \['a'\] has no other"),
    "two names": (
        bg.DataError,
        lambda d: d.assign_coords(cell=["a", "b", "a"]),
        "two of 'cell' are labelled 'a'",
    ),
    "a dim source": (
        bg.ModelError,
        lambda d: d.rename(cell="source"),
        "needs the dim 'source', which the data have already; rename it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_population_is_refused(name):
    kind, change, words = BAD[name]
    with pytest.raises(kind, match=words):
        bg.fit_map(model_of(bg.Coupling(lags=2)), change(DATA))


def test_a_missing_response_takes_with_it_what_reads_it():
    data = DATA.assign(y=DATA["y"].astype(float))
    data["y"][150, 1] = np.nan
    fit = bg.fit_map(model_of(bg.Coupling(lags=LAGS), missing="drop"), data)
    assert fit.attrs["n_missing"] == 1 + LAGS
    cut = DATA.isel(time=np.delete(np.arange(N), 150))
    cut = cut.assign_coords(trial=("time", cut["trial"].values + 2 * (np.arange(N - 1) >= 150)))
    cut = cut.assign_coords(time=0.01 * np.arange(N - 1))
    expected = bg.fit_map(model_of(bg.Coupling(lags=LAGS)), cut)["map"]["coupling"]
    np.testing.assert_allclose(fit["map"]["coupling"], expected, atol=1e-7)


def test_new_data_without_the_population_are_refused():
    fit = bg.fit_map(model_of(bg.Coupling(lags=2)), DATA)
    with pytest.raises(bg.DataError, match="lacks the dim 'cell', whose past the model reads"):
        bg.predict(fit, DATA.assign(y=DATA["y"].isel(cell=0, drop=True)))


PARTS = {
    "two": ({"cell": [1, 2]}, r"without \['a'\], and its term 'coupling' reads the past of all"),
    "one": ({"cell": [0]}, r"without \['b', 'c'\]"),
    "one without its dim": ({"cell": 2}, r"without \['a', 'b'\]"),
    "another order": ({"cell": [1, 0, 2]}, "whose order is not that of the sources"),
    "sources": ({"source": [2, 0]}, "whose order is not that of the sources"),
}
OPENED = {
    "edges": bg.edges,
    "kernels": bg.kernels,
    "predict": bg.predict,
    "plot_kernels": bg.plot_kernels,
    "plot_rate": bg.plot_rate,
    "check": bg.check,
    "simulate": bg.simulate,
    "bits_per_spike": bg.bits_per_spike,
}


@pytest.fixture(scope="module")
def coupled_fit():
    return bg.fit_laplace(model_of(bg.Coupling(lags=2)), DATA, draws=50, chains=1)


@pytest.mark.parametrize("verb", OPENED)
@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_coupled_population_is_refused(name, verb, coupled_fit):
    part, words = PARTS[name]
    with pytest.raises(bg.DataError, match=words) as told:
        OPENED[verb](coupled_fit.isel(part))
    assert "give the fit whole" in str(told.value)


def test_shrinkage_of_one_of_a_coupled_population_is_refused_before_its_quantiles(coupled_fit):
    with pytest.raises(bg.DataError, match=r"without \['b', 'c'\]"):
        bg.plot_shrinkage(coupled_fit.isel(cell=0), term="coupling")


def test_a_part_of_a_population_without_labels_is_refused_by_its_positions(coupled_fit):
    nameless = bg.fit_map(model_of(bg.Coupling(lags=2)), DATA.drop_vars("cell"))
    with pytest.raises(bg.DataError, match=r"without \[0, 2\]"):
        bg.edges(nameless.isel(cell=[1]))
    np.testing.assert_array_equal(nameless["map"]["source"], [0, 1, 2])


def test_levels_are_no_amounts():
    with pytest.raises(bg.ModelError, match="'coupling' reads the past of 'y' as amounts"):
        bg.GLM("y", bg.Coupling(lags=2), family="ordinal")
