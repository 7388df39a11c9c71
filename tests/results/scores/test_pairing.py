"""A sample has an identity: fits are compared sample by sample, or not at all."""

from dataclasses import replace

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=N)
Y = RNG.poisson(np.exp(1.0 + 0.3 * X))
FRAME = pd.DataFrame({"y": Y, "x": X})
ARRAYS = {"y": Y, "x": X}
ORDER = RNG.permutation(N)
WITH = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
WITHOUT = bg.GLM("y", [], family="poisson")
PATCHY = "ignore:compared on the:bayesglm.errors.BayesGLMWarning"


def fit(model, data):
    return bg.fit(model, data, draws=500)


def compared(table):
    """How many samples were compared, and how many each model had more."""
    return table.attrs["n_data_points"], table.attrs["left_out"]


def numbers(one, other):
    """The elpds, the difference and its standard error, as compare has them."""
    table = bg.compare({"one": one, "other": other})
    return [*table.loc[["one", "other"], "elpd"], table["dse"].iloc[1]]


def direct(one, other):
    """The same numbers of two sets of values that stand in one order."""
    difference = np.asarray(one) - np.asarray(other)
    return [np.sum(one), np.sum(other), np.sqrt(difference.size * difference.var())]


def taken(score, **places):
    """A score of some samples, in some order."""
    elpd_i = score.elpd_i.isel(places)
    return replace(
        score,
        elpd=float(elpd_i.sum()),
        n_data_points=elpd_i.size,
        elpd_i=elpd_i,
        pareto_k=score.pareto_k.isel(places),
    )


@pytest.fixture(scope="module")
def scores():
    """Leave-one-out of two models on one frame."""
    return {name: bg.loo(fit(m, FRAME)) for name, m in {"one": WITH, "other": WITHOUT}.items()}


def labels(kind):
    return {
        "default": pd.RangeIndex(N),
        "words": pd.Index([f"p{k}" for k in range(N)]),
        "whole numbers": pd.Index(RNG.permutation(N) + 7, name="id"),
        "fractions": pd.Index(X),
        "dates": pd.date_range("2026", periods=N, freq="h", tz="Asia/Tokyo"),
        "periods": pd.period_range("2026", periods=N, freq="D", name="day"),
        "levels": pd.MultiIndex.from_product([["a", "b", "c"], range(N // 3)], names=["g", None]),
        "intervals": pd.interval_range(0, N),
        "several kinds": pd.Index(["total", *range(1, N)]),
    }[kind]


KINDS = ["default", "words", "whole numbers", "fractions", "dates", "periods", "levels"]
KINDS += ["intervals", "several kinds"]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_paired_by_their_index(kind, scores, tmp_path):
    frame = FRAME.set_axis(labels(kind))
    one = fit(WITH, frame)
    expected = numbers(scores["one"], scores["other"])
    shuffled = fit(WITHOUT, frame.iloc[ORDER])
    np.testing.assert_allclose(numbers(one, shuffled), expected, rtol=1e-6)
    np.testing.assert_allclose(numbers(shuffled, one)[2], expected[2], rtol=1e-6)
    fewer = fit(WITHOUT, frame.drop(index=frame.index[[3, 40]]))
    table = bg.compare({"one": one, "fewer": fewer})
    assert compared(table) == (N - 2, {"one": 2, "fewer": 0})
    loaded = bg.load(bg.save(shuffled, tmp_path / "fit.nc"))
    np.testing.assert_allclose(numbers(one, loaded), expected, rtol=1e-6)
    with pytest.raises(bg.DataError, match="no samples in common, so they cannot be compared"):
        bg.compare({"one": fit(WITH, frame[: N // 2]), "other": fit(WITHOUT, frame[N // 2 :])})


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_keep_the_index(kind):
    frame = FRAME.set_axis(labels(kind))
    found = bg.fit_map(WITH, frame)
    mean = np.exp(float(found["map"]["intercept"]) + float(found["map"]["x"]) * X)
    new = frame[["x"]].iloc[ORDER]
    predicted = bg.predict(found, new)["y"]
    np.testing.assert_allclose(predicted, mean[ORDER])
    again = bg.as_dataset(new)
    for name, coordinate in again.coords.items():
        xr.testing.assert_equal(
            predicted[name].reset_coords(drop=True), coordinate.reset_coords(drop=True)
        )
    assert len(again.coords) == {"default": 1, "words": 1, "fractions": 1, "intervals": 1}.get(
        kind, 1 + (kind != "several kinds") + (kind == "periods")
    )


def test_an_index_stands_under_the_dim_and_under_its_names():
    named = bg.as_dataset(FRAME.set_axis(labels("whole numbers")))
    assert set(named.coords) == {"obs", "id"}
    levels = bg.as_dataset(FRAME.set_axis(labels("levels")))
    assert set(levels.coords) == {"g", "level_1"}
    assert not bg.as_dataset(FRAME).coords
    assert set(bg.as_dataset(FRAME[1:]).coords) == {"obs"}
    column = FRAME.assign(id=X).set_axis(labels("whole numbers"))
    assert set(bg.as_dataset(column).coords) == {"obs"}
    grouped = bg.GLM("y", bg.Group("g", prior=bg.Normal(1.0)), family="poisson")
    fitted = bg.fit_map(grouped, FRAME.set_axis(labels("levels")))
    assert fitted["map"]["g_level"].values.tolist() == ["a", "b", "c"]


@settings(max_examples=40)
@given(st.permutations(range(N)), st.sets(st.integers(0, N - 1), min_size=3), st.booleans())
@pytest.mark.filterwarnings(PATCHY)
def test_any_order_and_any_part_give_the_direct_numbers(scores, order, kept, both):
    one, other = scores["one"], scores["other"]
    order = np.array([k for k in order if k in kept])
    part = np.sort(order) if both else np.arange(N)
    common = np.intersect1d(order, part)
    cut, shuffled = taken(one, obs=part), taken(other, obs=order)
    expected = direct(one.elpd_i.values[common], other.elpd_i.values[common])
    np.testing.assert_allclose(numbers(cut, shuffled), expected, rtol=1e-9, atol=1e-12)


DIFFERENT = {
    "another unit": FRAME.assign(y=FRAME["y"] * 1000),
    "another order": FRAME.iloc[ORDER].reset_index(drop=True),
    "one": FRAME.assign(y=np.r_[Y[:-1], Y[-1] + 1]),
    "arrays in another order": {name: values[ORDER] for name, values in ARRAYS.items()},
}


@pytest.mark.parametrize("data", DIFFERENT.values(), ids=DIFFERENT.keys())
@pytest.mark.filterwarnings("ignore:k-hat:bayesglm.errors.BayesGLMWarning")
def test_different_responses_are_refused(data, scores):
    other = bg.loo(fit(WITHOUT, data))
    message = (
        r"'other' and 'one' have different responses at \d+ of 60 .*, first at obs=\d+: \d+ aga"
    )
    with pytest.raises(bg.DataError, match=message):
        bg.compare({"one": scores["one"], "other": other})


def test_logarithms_are_refused_beside_what_they_are_of():
    frame = FRAME.assign(v=np.exp(X), log_v=X, z=Y)
    fits = {name: fit(bg.GLM(name, "z"), frame) for name in ("v", "log_v")}
    at = f"first at obs=0: {X[0]:.6g} against {np.exp(X[0]):.6g}"
    with pytest.raises(bg.DataError, match=f"different responses at 60 of 60 .*{at}"):
        bg.compare({name: bg.kfold(bg.GLM(name, "z"), frame, folds=2, draws=100) for name in fits})
    single = fit(bg.GLM("v", []), frame.astype({"v": "float32"}))
    assert (
        bg.compare({"double": bg.loo(fits["v"]), "single": bg.loo(single)}).attrs["n_data_points"]
        == N
    )


@pytest.mark.parametrize("kfold", [False, True])
@pytest.mark.filterwarnings("ignore:Estimated shape parameter:UserWarning")
def test_densities_are_refused_among_probabilities(kfold, scores):
    frame = FRAME.assign(b=Y > 2)
    pairs = ((WITH, bg.GLM("y", "x")), (bg.GLM("b", "x", family="bernoulli"), bg.GLM("b", "x")))
    for models in pairs:
        if kfold:
            elpds = [bg.kfold(model, frame, folds=2, draws=100) for model in models]
        else:
            elpds = [arviz_stats.loo(fit(model, frame), pointwise=True) for model in models]
        message = "those of 'count' are probabilities and those of 'real' are densities of the resp"
        with pytest.raises(bg.DataError, match=message):
            bg.compare(dict(zip(("count", "real"), elpds, strict=True)))


@pytest.mark.parametrize(
    "family", FAMILIES.values(), ids=lambda family: f"{family.name}-{family.link}"
)
def test_what_is_drawn_is_whole_where_a_likelihood_is_a_probability(family):
    phi = tuple(one.transform.natural(np.zeros(1)) for one in family.dispersions)
    drawn = family.draw(
        np.random.default_rng(0), np.full((1, 50), family.domain.inside), phi, np.full(50, 3.0)
    )
    assert np.array_equal(drawn, np.round(drawn)) == FAMILY_NAMES[family.name].discrete


def test_different_trials_are_refused():
    """So many of five are another response than so many of fifty."""
    frame = FRAME.assign(five=np.maximum(Y, 5), fifty=50)
    fits = {
        trials: fit(bg.GLM("y", "x", family="binomial", trials=trials), frame)
        for trials in ("five", "fifty")
    }
    message = r"different trial counts at 60 of 60 common samples, first at obs=0: 50 against 5\."
    with pytest.raises(bg.DataError, match=message):
        bg.compare(fits)
    same = {"five": fits["five"], "again": fit(WITHOUT, frame), "third": fits["five"]}
    assert bg.compare(same).attrs["n_data_points"] == N


def test_what_another_package_has_to_say_of_a_comparison_is_told_here(scores):
    folds = bg.kfold(WITHOUT, FRAME, folds=3, draws=100)
    with pytest.warns(bg.BayesGLMWarning, match="Comparing LOO-CV to K-fold-CV") as told:
        bg.compare({"one": scores["one"], "folds": folds})
    assert [one.filename for one in told] == [__file__]


def test_different_weights_are_refused(scores):
    twice = bg.GLM("y", [], family="poisson", weights="w")
    data = FRAME.assign(w=np.r_[np.ones(N - 1), 2.0])
    message = "different weights at 1 of 60 .* first at obs=59: 2 against 1"
    with pytest.raises(bg.DataError, match=message):
        bg.compare({"one": scores["one"], "twice": bg.loo(fit(twice, data))})
    once = bg.loo(fit(twice, data.assign(w=1.0)))
    assert np.isfinite(numbers(scores["one"], once)).all()


@pytest.mark.filterwarnings(PATCHY)
def test_labels_that_are_not_unique(scores):
    twins = FRAME.set_axis(np.repeat(np.arange(N // 2), 2))
    expected = numbers(scores["one"], scores["other"])
    one = fit(WITH, twins)
    np.testing.assert_allclose(numbers(one, fit(WITHOUT, twins)), expected, rtol=1e-6)
    with pytest.raises(bg.DataError, match=r"same 'obs' cannot be told apart.*another order in 'o"):
        numbers(one, fit(WITHOUT, twins.iloc[ORDER]))
    with pytest.raises(bg.DataError, match=r"samples of the models cannot be paired: .* obs=0"):
        numbers(one, fit(WITHOUT, twins[4:]))
    trials = FRAME.assign(trial=np.arange(N) // 20)
    lagged = bg.GLM("y", bg.Lagged("x", lags=5, prior=bg.Normal(1.0)), family="poisson")
    for data in (trials, dict(trials)):
        table = bg.compare({"past": fit(lagged, data), "none": fit(WITHOUT, data)})
        assert compared(table) == (N - 12, {"past": 0, "none": 12})
    mixed = {name: values[ORDER] for name, values in ARRAYS.items()}
    mixed["trial"] = trials["trial"].to_numpy()[ORDER]
    with pytest.raises(bg.DataError, match="same 'trial' cannot be told apart"):
        numbers(fit(WITH, ARRAYS | {"trial": trials["trial"].to_numpy()}), fit(WITHOUT, mixed))


def test_times_pair_whatever_holds_them(scores):
    time = 0.1 * np.arange(N)
    expected = numbers(scores["one"], scores["other"])
    arrays = ARRAYS | {"time": time}
    holders = (
        FRAME.assign(time=time).iloc[ORDER],
        {name: values[ORDER] for name, values in arrays.items()},
        xr.Dataset({"y": ("time", Y), "x": ("time", X)}, {"time": time})[{"time": ORDER}],
    )
    one = fit(WITH, arrays)
    for data in holders:
        np.testing.assert_allclose(numbers(one, fit(WITHOUT, data)), expected, rtol=1e-6)
    for data in (FRAME, FRAME.set_axis(labels("words"))):
        with pytest.raises(
            bg.DataError, match=r"cannot be paired: those of 'one' by time .*'other'"
        ):
            numbers(fit(WITH, holders[2]), fit(WITHOUT, data))


def test_labels_pair_whatever_their_dim_is_called(scores):
    expected = numbers(scores["one"], scores["other"])
    words, order = labels("words"), {"patient": ORDER}
    named = xr.Dataset({"y": ("patient", Y), "x": ("patient", X)}, {"patient": words})
    for one in (FRAME.set_axis(words), FRAME.set_axis(words.rename("subject")), named):
        found = numbers(fit(WITH, one), fit(WITHOUT, named.isel(order)))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    bare = named.drop_vars("patient")
    np.testing.assert_allclose(numbers(fit(WITH, FRAME), fit(WITHOUT, bare)), expected, rtol=1e-6)
    with pytest.raises(bg.DataError, match="cannot be paired"):
        numbers(fit(WITH, named), fit(WITHOUT, bare))


def test_scores_of_another_package(scores):
    expected = numbers(scores["one"], scores["other"])
    theirs = arviz_stats.loo(fit(WITHOUT, FRAME.iloc[ORDER]), pointwise=True)
    np.testing.assert_allclose(numbers(scores["one"], theirs), expected, rtol=1e-6)
    bare = xr.DataArray(scores["other"].elpd_i.values, dims="row", coords={"row": np.arange(N)})
    foreign = replace(scores["other"], elpd_i=bare, pareto_k=None)
    with pytest.warns(bg.BayesGLMWarning, match="scores of 'other' do not say which responses"):
        np.testing.assert_allclose(numbers(scores["one"], foreign), expected, rtol=1e-6)


def test_populations_are_paired_neuron_by_neuron(scores):
    cells = np.column_stack([Y, Y[::-1]])
    data = xr.Dataset(
        {"y": (("obs", "cell"), cells), "x": ("obs", X)},
        {"obs": np.arange(N) + 5, "cell": ["a", "b"]},
    )
    one, other = fit(WITH, data), fit(WITHOUT, data)
    scored, straight = bg.loo(one), bg.loo(other)
    turned = taken(straight, obs=ORDER, cell=[1, 0])
    expected = direct(scored.elpd_i, straight.elpd_i)
    np.testing.assert_allclose(numbers(scored, turned), expected, rtol=1e-9)
    table = bg.compare({"one": scored, "other": turned})
    assert table.attrs["compared_on"] == f"{N} samples × 2 units"
    swapped = fit(WITHOUT, data.assign_coords(cell=["b", "a"]))
    with pytest.raises(bg.DataError, match="different responses"):
        numbers(one, swapped)
    with pytest.raises(bg.DataError, match=r"'one' has responses over \('obs', 'cell'\) and"):
        bg.compare({"one": one, "alone": fit(WITHOUT, data.isel(cell=0))})


def test_joint_scores_are_of_the_same_samples():
    """Where the samples that one model leaves out are silent, no sum of responses tells them."""
    k = np.arange(N)
    quiet = FRAME.assign(trial=k // 10, y=np.where((k % 10 < 2) | (k % 10 > 7), 0, Y))
    gaps = quiet.assign(x=np.where(k % 10 == 1, np.nan, X))
    past, future = (
        bg.GLM("y", bg.Lagged("x", lags=lags, prior=bg.Normal(1.0)), family="poisson")
        for lags in ((1, 3), (-2, 0))
    )

    def folds(model, data=quiet):
        return bg.kfold(model, data, by="trial", folds=2, draws=100, chains=1)

    none, dropping = folds(WITHOUT), replace(WITH, missing="drop")
    refused = {
        "has no full past for 12 samples: give both models edges='zero'": (folds(past), none),
        "10 samples against 8": (folds(past), none),
        "8 samples each, which are not the same": (folds(past), folds(future)),
        "reads missing values at 6 samples: fill them in": (none, folds(dropping, gaps)),
    }
    for message, (one, other) in refused.items():
        with pytest.raises(bg.DataError, match=message):
            bg.compare({"one": one, "other": other})
    time = quiet.assign(time=k)
    paired = bg.compare({"one": folds(WITHOUT, time), "other": folds(WITH, time.iloc[ORDER])})
    assert compared(paired) == (6, {"one": 0, "other": 0})
    assert "nats over 6 levels of 'trial'" in paired.attrs["sentences"][0]
    ahead = {
        name: bg.lfo(model, data.assign(time=k), horizon=2, start=40, draws=100)
        for name, model, data in (("all", WITHOUT, quiet), ("fewer", dropping, gaps))
    }
    with pytest.raises(bg.DataError, match="score different samples at"):
        bg.compare(ahead)


def test_names_with_spaces(scores, tmp_path):
    frame = FRAME.rename(columns={"y": "a count"})
    frame = frame.set_axis(pd.Index(labels("words"), name="an id"))
    one = fit(replace(WITH, response="a count"), frame)
    other = fit(replace(WITHOUT, response="a count"), frame.iloc[ORDER])
    loaded = bg.load(bg.save(other, tmp_path / "fit.nc"))
    expected = numbers(scores["one"], scores["other"])
    np.testing.assert_allclose(numbers(one, loaded), expected, rtol=1e-6)
    assert list(loaded["log_likelihood"].data_vars) == ["a count"]


def test_a_report_pairs_as_compare_does(tmp_path):
    one, page = fit(WITH, FRAME), tmp_path / "report.html"
    fewer = fit(WITHOUT, FRAME.drop(index=[0, 1]).iloc[::-1])
    text = bg.report({"one": one, "fewer": fewer}, page).read_text(encoding="utf-8")
    assert "Compared on the 58 samples that all models predict (left out: 2 of" in text
    table = bg.compare({"one": one, "fewer": fewer})
    bits = table["elpd_diff"].iloc[1] / np.log(2) / Y[2:].sum()
    assert f"{bits:.3f}</td>" in text
    for fitted in (fit, bg.fit_map):
        other = fitted(WITHOUT, FRAME.assign(y=Y + 1))
        with pytest.raises(bg.DataError, match="different responses at 60 of 60"):
            bg.report({"one": one, "other": other}, page)
