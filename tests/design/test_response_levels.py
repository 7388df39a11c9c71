"""Responses of labels: read as the numbers of their levels, and told as labels again."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg

N = 120
RNG = np.random.default_rng(5)
X = RNG.normal(size=N)
EVENT = (RNG.random(N) < 1 / (1 + np.exp(-X))).astype(int)
WORDS = np.where(EVENT == 1, "right", "left")


def fitted(response, **options):
    model = bg.GLM("side", "x", family="bernoulli", prior=bg.Normal(1.0), **options)
    return bg.fit_map(model, pd.DataFrame({"side": response, "x": X}))


def slope(fit):
    return float(fit["map"]["x"])


OF_NUMBERS = slope(fitted(EVENT))


@pytest.mark.parametrize(
    ("response", "options", "sign"),
    [
        (WORDS, {}, 1),
        (WORDS.astype(object), {}, 1),
        (pd.Categorical(WORDS), {}, 1),
        (pd.Categorical(WORDS, ["right", "left"]), {}, -1),
        (pd.Categorical(WORDS, ["right", "middle", "left"]), {}, -1),
        (WORDS, {"levels": ["right", "left"]}, -1),
        (WORDS, {"reference": "right"}, -1),
        (pd.cut(EVENT, [-0.5, 0.5, 1.5]), {}, 1),
        (EVENT == 1, {}, 1),
        (EVENT == 1, {"levels": [True, False]}, -1),
        (EVENT, {"reference": 1}, -1),
        (EVENT + 1, {"levels": [1, 2]}, 1),
    ],
)
def test_the_second_of_two_labels_is_the_event(response, options, sign):
    np.testing.assert_allclose(sign * slope(fitted(response, **options)), OF_NUMBERS, rtol=1e-10)


def test_the_stored_model_keeps_the_order_of_the_first_fit():
    fit = fitted(pd.Categorical(WORDS, ["right", "left"]))
    assert bg.GLM.from_json(fit.attrs["model"]).levels == ("right", "left")
    few = {"side": ["left", "left"], "x": [0.0, 1.0]}
    predicted = bg.predict(fit, few)["side"]
    np.testing.assert_allclose(predicted, bg.predict(fit, {"x": [0.0, 1.0]})["side"])


def test_data_are_stored_and_saved_as_labels(tmp_path):
    fit = fitted(pd.Categorical(WORDS))
    for group in ("observed_data", "constant_data"):
        np.testing.assert_array_equal(fit[group]["side"].values, WORDS)
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    np.testing.assert_array_equal(again["observed_data"]["side"].values, WORDS)
    np.testing.assert_allclose(bg.predict(again)["side"], bg.predict(fit)["side"])


def test_drawn_responses_are_labels_and_means_are_probabilities_of_the_event():
    fit = fitted(WORDS)
    drawn = bg.predict(fit, kind="response", seed=3)["side"].values
    assert set(drawn.tolist()) == {"left", "right"}
    mean = bg.predict(fit)["side"].values
    assert 0 < mean.min() < mean.max() < 1
    assert abs((drawn == "right").mean() - mean.mean()) < 4 * 0.5 / np.sqrt(N)


def test_labels_without_a_full_past_are_missing():
    data = {"side": WORDS, "x": X}
    model = bg.GLM("side", [bg.History(lags=2, prior=bg.Normal(1.0))], family="bernoulli")
    fit = bg.fit_map(model, data)
    numbers = bg.GLM("y", [bg.History(lags=2, prior=bg.Normal(1.0))], family="bernoulli")
    other = bg.fit_map(numbers, {"y": EVENT, "x": X})
    np.testing.assert_allclose(fit["map"]["history"], other["map"]["history"], rtol=1e-8)
    drawn = bg.predict(fit, data, kind="response")["side"].values
    assert pd.isna(drawn[:2]).all()
    assert set(drawn[2:].tolist()) == {"left", "right"}


def test_fits_of_labels_are_paired_and_different_labels_refused():
    model = bg.GLM("side", "x", family="bernoulli", prior=bg.Normal(1.0))
    data = pd.DataFrame({"side": WORDS, "x": X})
    other = data.assign(side=np.where(np.arange(N) == 7, "right", WORDS))
    assert WORDS[7] == "left"
    one, same, changed = (
        bg.fit(model, given, draws=100, chains=2) for given in (data, data.copy(), other)
    )
    assert len(bg.compare({"one": one, "same": same})) == 2
    with pytest.raises(
        bg.DataError, match=r"different responses at 1 of .* 'right' against 'left'"
    ):
        bg.compare({"one": one, "changed": changed})


def test_a_report_tells_the_share_of_labels(tmp_path):
    fit = fitted(WORDS)
    path = bg.report({"words": fit}, tmp_path / "report.html")
    assert f"{EVENT.mean():.4g}</td>" in path.read_text()


@pytest.mark.parametrize(
    ("family", "response", "message"),
    [
        ("bernoulli", np.where(np.arange(N) == 3, "up", WORDS), "there are 3 levels"),
        ("bernoulli", np.full(N, "left"), "the only level is 'left'"),
        ("bernoulli", np.where(np.arange(N) == 3, None, WORDS.astype(object)), "lacks 1 labels"),
        ("bernoulli", np.where(EVENT, "5%", "10%"), "not numbers; .* or name levels= where"),
        ("gaussian", WORDS, "takes real numbers.* Did you mean family='bernoulli'"),
        ("poisson", pd.Categorical(WORDS), "Did you mean family='bernoulli'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(family, response, message):
    model = bg.GLM("side", "x", family=family, prior=bg.Normal(1.0))
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(model, pd.DataFrame({"side": response, "x": X}))


def test_a_level_that_the_model_lacks_is_refused_by_its_place():
    with pytest.raises(bg.DataError, match=r"has 'left' at obs=\d+, .* levels of the model"):
        fitted(WORDS, levels=["right", "middle"])


def test_a_reference_that_is_no_level_is_refused():
    with pytest.raises(bg.ModelError, match="the levels are 'left', 'right'"):
        fitted(WORDS, reference="middle")


def test_a_population_of_labels_has_its_levels_in_common():
    panel = np.column_stack([WORDS, WORDS[::-1]])
    model = bg.GLM("side", "x", family="bernoulli", prior=bg.Normal(1.0))
    fit = bg.fit_map(model, {"side": panel, "x": X})
    assert fit["map"]["x"].shape == (2,)
    np.testing.assert_allclose(float(fit["map"]["x"][0]), OF_NUMBERS, rtol=1e-8)
    np.testing.assert_array_equal(fit["observed_data"]["side"].values, panel)
