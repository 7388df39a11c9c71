"""Comparison and prior sensitivity in a report: the numbers and words of the verbs."""

import re

import numpy as np
import pytest
from conftest import simulate

import bayesglm as bg
from bayesglm.show.report.answer import answer
from bayesglm.show.report.comparison import OF_HISTORY, comparison
from bayesglm.show.report.parts import Notes, Number, Picture, Table
from bayesglm.show.report.scoring import FEWEST_DRAWS, scored, some_draws
from bayesglm.show.report.sensitivity import MOST_DRAWN, prior_sensitivity
from bayesglm.show.report.story import Story


@pytest.fixture(scope="module")
def counted():
    """Three models of counts at 1 kHz, one of which reads their past, and a MAP."""
    data = simulate(250)
    terms = {"past": ["x", bg.History(lags=2)], "x": ["x"], "none": []}
    models = {
        name: bg.GLM("poisson", own, family="poisson", prior=bg.Normal(1.0) if own else None)
        for name, own in terms.items()
    }
    fits = {name: bg.fit(model, data, draws=250) for name, model in models.items()}
    return {**fits, "mode": bg.fit_map(models["x"], data)}


def blocks(section, kind):
    """The blocks of a section of one kind."""
    return [one for one in section.blocks if isinstance(one, kind)]


@pytest.mark.filterwarnings("ignore::bayesglm.BayesGLMWarning")
def test_a_comparison_has_the_numbers_and_sentences_of_compare(counted):
    (section,) = comparison(Story.open(counted))
    drawn = {name: fit for name, fit in counted.items() if name != "mode"}
    table = bg.compare(drawn)
    (numbers,) = blocks(section, Table)
    columns = {head: k for k, head in enumerate(numbers.head)}
    assert [row[0] for row in numbers.rows] == list(table.index)
    per_event = np.log(2.0) * table.attrs["events"]
    for head, values in {
        "elpd": table["elpd"],
        "se": table["se"],
        "difference": table["elpd_diff"],
        "se of it": table["dse"],
        "bits per event": table["bits_per_event"],
        "difference in bits": table["elpd_diff"] / per_event,
        "weight": table["weight"],
        "k-hat too high": table["n_high_khat"],
    }.items():
        assert [row[columns[head]].value for row in numbers.rows] == list(values)
    bits = table["bits_per_event"]
    np.testing.assert_allclose(table["elpd_diff"] / per_event, bits - bits.iloc[0], atol=1e-12)
    said, further = blocks(section, Notes)
    assert said.sentences == tuple(table.attrs["sentences"])
    assert further.sentences[:2] == ("Without a score: mode (MAP).", OF_HISTORY)
    (picture,) = blocks(section, Picture)
    worst = table.iloc[-1]
    assert f"{worst.name} {worst['elpd_diff']:.1f} ± {worst['dse']:.1f}." in picture.alt
    assert [row[0] for row in picture.data.rows] == list(table.index)
    upper = picture.figure.axes[0].child_axes[0]
    picture.figure.draw_without_rendering()
    np.testing.assert_allclose(
        np.array(picture.figure.axes[0].get_xlim()) / per_event, upper.get_xlim(), rtol=1e-6
    )


@pytest.mark.filterwarnings("ignore::bayesglm.BayesGLMWarning")
def test_events_are_those_of_the_samples_that_are_compared(counted):
    table = bg.compare({"past": counted["past"], "x": counted["x"]})
    y = counted["x"]["observed_data"]["poisson"].values
    assert table.attrs["events"] == y[2:].sum()
    (section,) = comparison(Story.open({"past": counted["past"], "x": counted["x"]}))
    assert section.blocks[0].endswith("that all models predict (left out: 2 of 'x').")


def test_scores_in_folds_are_told_to_be_forecasts(counted):
    data = simulate(250)
    models = {name: bg.GLM.from_json(counted[name].attrs["model"]) for name in ("past", "x")}
    scores = {
        name: bg.kfold(model, data, by="time", folds=3, draws=100) for name, model in models.items()
    }
    fits = {name: counted[name] for name in models}
    (section,) = comparison(Story.open(fits, scores))
    assert section.blocks[0].startswith("Each model was fitted to some of the data and scored")
    assert all(OF_HISTORY not in one.sentences for one in blocks(section, Notes))


def test_dependent_residuals_are_told_of():
    """Of a series whose residuals wander, what leave-one-out flatters is said."""
    rng = np.random.default_rng(0)
    data = {
        "y": np.cumsum(rng.normal(size=200)),
        "x": rng.normal(size=200),
        "time": np.arange(200.0),
    }
    fits = {
        name: bg.fit(bg.GLM("y", bg.Lagged("x", lags=lags, prior=bg.Normal(1.0))), data, draws=100)
        for name, lags in {"short": 1, "long": 2}.items()
    }
    with pytest.warns(bg.BayesGLMWarning, match="optimistic"):
        scores = {name: bg.loo(fit) for name, fit in fits.items()}
    (section,) = comparison(Story.open(fits, scores))
    further = blocks(section, Notes)[1].sentences
    assert any("go together along time" in one for one in further), further


def test_nothing_is_compared_of_one_model_or_of_modes(counted):
    story = Story.open({"mode": counted["mode"]})
    assert comparison(story) == prior_sensitivity(story) == ()


def test_sensitivity_is_that_of_the_verb(counted):
    fits = {"x": counted["x"], "none": counted["none"], "mode": counted["mode"]}
    (section,) = prior_sensitivity(Story.open(fits, {}))
    (notes,) = blocks(section, Notes)
    (picture,) = blocks(section, Picture)
    every = {row[:2]: row[2:] for row in picture.data.rows}
    assert {name for name, _ in every} == {"x", "none"}
    for name in ("x", "none"):
        told = bg.sensitivity(counted[name])
        for word in told.index:
            prior, likelihood, diagnosis = every[name, word]
            assert prior.value == told.loc[word, "prior"]
            assert likelihood.value == told.loc[word, "likelihood"]
            assert diagnosis == told.loc[word, "diagnosis"]
        assert {f"{name}: {one}" for one in told.attrs["sentences"]} <= set(notes.sentences)
    assert not blocks(section, Table)  # nothing moves
    assert "x: of 2 parameters 0 move with prior and data" in picture.alt
    assert len(picture.data.rows) == 3
    limit = picture.figure.axes[0].get_xlim()[1]
    assert all(
        one.value < limit for row in picture.data.rows for one in row if isinstance(one, Number)
    )


def test_a_prior_that_the_data_contradict_is_counted_and_drawn_first():
    rng = np.random.default_rng(1)
    names = [f"x{k}" for k in range(MOST_DRAWN + 3)]
    data = {name: rng.normal(size=60) for name in names}
    data["y"] = 3.0 * data["x7"] + rng.normal(size=60)
    terms = [bg.Linear(name, prior=bg.Normal(0.3 if name == "x7" else 2.0)) for name in names]
    fit = bg.fit(bg.GLM("y", terms, dispersion=1.0), data)
    (section,) = prior_sensitivity(Story.open({"all": fit}, {}))
    (picture,) = blocks(section, Picture)
    n = int((bg.sensitivity(fit)["diagnosis"] == "prior-data conflict").sum())
    assert f"{n} move with prior and data, 0 with the prior alone, x7 most" in picture.alt
    ax = picture.figure.axes[0]
    assert ax.get_yticklabels()[0].get_text() == "x7"
    assert len(ax.get_yticks()) == MOST_DRAWN
    note = picture.figure.get_supxlabel()
    assert note == "Not drawn: 4 parameters that move less; they are in the figure's data."
    (numbers,) = blocks(section, Table)
    assert len(numbers.rows) == n
    assert {row[-1] for row in numbers.rows} == {"prior-data conflict"}
    assert len(picture.data.rows) == MOST_DRAWN + 4


def test_too_few_draws_are_told_of(counted):
    fit = bg.fit(bg.GLM("poisson", "x", family="poisson"), simulate(60), draws=10, chains=4)
    (section,) = prior_sensitivity(Story.open({"few": fit}, {}))
    assert section.blocks == ("few: 40 draws are too few to be weighted; fit with 50 at least.",)


def test_of_very_many_densities_some_draws_are_taken(counted):
    fit = counted["x"]
    same, said = some_draws(fit, 250, 250 * 1000)
    assert (same is fit, said) == (True, "")
    few, said = some_draws(fit, 250, 1)
    kept = few["posterior"].sizes["chain"] * few["posterior"].sizes["draw"]
    assert FEWEST_DRAWS <= kept < 1000
    assert said == f"{kept} of 1,000 draws, evenly spaced"
    whole, part = bg.loo(fit), bg.loo(few)
    assert abs(whole.elpd - part.elpd) < 0.2
    assert part.n_data_points == whole.n_data_points


def test_scores_of_a_story_are_those_of_loo(counted):
    elpd, said = scored({"x": counted["x"], "mode": counted["mode"]})
    assert (list(elpd), said) == (["x"], [])
    assert elpd["x"].elpd == bg.loo(counted["x"]).elpd


@pytest.mark.filterwarnings("ignore::bayesglm.BayesGLMWarning")
def test_scores_of_a_subsample_are_told_without_holes(counted):
    """Of samples that were not drawn there are no scores, and all that is told is of all."""
    fits = {name: counted[name] for name in ("x", "none")}
    scores = {name: bg.loo(fit, subsample=60) for name, fit in fits.items()}
    (section,) = comparison(Story.open(fits, scores))
    assert "(PSIS-LOO) of 60 of 250 samples" in section.blocks[0]
    (numbers,) = blocks(section, Table)
    column = numbers.head.index("se of the subsample")
    assert numbers.rows[1][column].value == bg.compare(scores)["subsampling_dse"].iloc[1]
    (told,) = answer(Story.open({"x": fits["x"]}, {"x": scores["x"]}))
    words = str(told.blocks)
    assert "nan" not in words
    whole = str(answer(Story.open({"x": fits["x"]}, {"x": bg.loo(fits["x"])}))[0].blocks)
    bits = [float(re.search(r"by (-?[\d.]+) ±", one)[1]) for one in (words, whole)]
    assert abs(bits[0] - bits[1]) < 0.01
