"""Goodness of fit in a report: its numbers are those of the verbs, and its words those of both."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.tree.opened import kept_of, reopen
from bayesglm.results.check_calibration import drawn_sums
from bayesglm.results.foretold import some_draws
from bayesglm.show.report.goodness import OF_CENSORED, goodness
from bayesglm.show.report.goodness_figures import MOST_PANELS, Look, panels_figure
from bayesglm.show.report.goodness_views import VIEWS
from bayesglm.show.report.goodness_words import sentences
from bayesglm.show.report.parts import Number, Part, Picture, Table
from bayesglm.show.report.story import Story
from bayesglm.show.report.traces import Trace

TABLE_OF_COUNTS = {"distribution", "calibration", "residual_means", "pit"}
TRAIN = {"calibration", "stretch", "along_time", "rescaling", "autocorrelation", "pit"}


def table(n=300, seed=0):
    """A table of responses of all kinds, which depend on x; none of it in time."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    grade = np.digitize(x + rng.logistic(size=n), [-1.0, 1.0])
    return pd.DataFrame(
        {
            "x": x,
            "g": rng.choice(list("abc"), n),
            "count": rng.poisson(np.exp(0.5 + 0.4 * x)),
            "hit": np.where(rng.random(n) < 1 / (1 + np.exp(-x)), "yes", "no"),
            "height": 1.0 + x + rng.normal(size=n),
            "grade": pd.Categorical(
                np.array(["low", "mid", "top"])[grade], ["low", "mid", "top"], ordered=True
            ),
            "trials": np.full(n, 12),
            "k": rng.binomial(12, 1 / (1 + np.exp(-x))),
            "angle": np.angle(np.exp(1j * (0.5 * x + rng.normal(size=n)))),
        }
    )


def model_of_kind(kind):
    """Return a model of one kind of response of the table."""
    responses = {
        "poisson": "count",
        "bernoulli": "hit",
        "gaussian": "height",
        "ordinal": "grade",
        "categorical": "grade",
        "binomial": "k",
        "von_mises": "angle",
    }
    options = {"trials": "trials"} if kind == "binomial" else {}
    return bg.GLM(responses[kind], "x", family=kind, prior=bg.Normal(1.0), **options)


def views(section):
    """Return the pictures of a section by the headings above them."""
    heads = [one for one in section.blocks if isinstance(one, Part | Picture)]
    pairs = zip(heads[::2], heads[1::2], strict=True)
    names = {view.title: name for name, view in VIEWS.items()}
    return {names[part.title]: picture for part, picture in pairs}


def assert_whole(picture):
    """A picture says what is seen, with numbers, and holds the numbers that it shows."""
    assert any(letter.isdigit() for letter in picture.alt)
    assert picture.alt not in picture.caption
    rows = picture.data.rows
    assert rows
    assert all(len(row) == len(picture.data.head) for row in rows)
    assert all(np.isfinite(one.value) for row in rows for one in row if isinstance(one, Number))


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("poisson", TABLE_OF_COUNTS),
        ("gaussian", TABLE_OF_COUNTS),
        ("bernoulli", {"calibration"}),
        ("binomial", {"calibration", "pit"}),
        ("categorical", {"calibration"}),
        ("ordinal", {"calibration", "pit"}),
        ("von_mises", {"distribution", "residual_means", "pit"}),
    ],
)
def test_each_kind_of_response_is_shown_as_its_field_does(kind, shown):
    story = Story.open({"x": bg.fit_map(model_of_kind(kind), table())})
    (section,) = goodness(story)
    pictures = views(section)
    assert set(pictures) == shown
    for picture in pictures.values():
        assert_whole(picture)


@pytest.fixture(scope="module")
def counted():
    """A posterior, one of another model, and a MAP of the same counts."""
    data = table()
    model = model_of_kind("poisson")
    plain = bg.GLM("count", [], family="poisson")
    fits = {"x": bg.fit(model, data, draws=100), "none": bg.fit(plain, data, draws=100)}
    return Story.open({**fits, "mode": bg.fit_map(model, data)}, {})


def test_the_numbers_are_those_of_check(counted):
    for name, fit in counted.fits.items():
        told = bg.check(fit)
        xr.testing.assert_identical(counted.checks[name], told)
        trace = counted.seen[name].units[0]["calibration"][""]
        part = told["calibration"].to_dataset()
        known = np.isfinite(part["predicted"].values)
        for ours, theirs in [("x", "predicted"), ("observed",) * 2, ("lower",) * 2, ("upper",) * 2]:
            np.testing.assert_array_equal(getattr(trace, ours), part[theirs].values[known])


def test_the_pit_is_that_of_plot_loo_pit(counted):
    """Of so many draws as a check looks at, both leave out by the same ones."""
    fit = bg.fit(model_of_kind("poisson"), table(), draws=50)
    trace = Story.open({"x": fit}, {}).seen["x"].units[0]["pit"][""]
    (ax,) = bg.plot_loo_pit(fit).axes
    curve = next(line for line in ax.lines if line.get_label() == "observed")
    np.testing.assert_allclose(curve.get_ydata()[1:-1], trace.observed, atol=1e-12)
    assert trace.note == "LOO-PIT"
    assert counted.seen["mode"].units[0]["pit"][""].note == "PIT in sample"


def test_a_rootogram_has_the_shares_of_the_data(counted):
    y = counted.first["observed_data"]["count"].values
    for one in counted.seen.values():
        trace = one.units[0]["distribution"][""]
        assert trace.labels == counted.seen["x"].units[0]["distribution"][""].labels
        singles = [k for k, label in enumerate(trace.labels) if not label.endswith("+")]
        for k in singles[:5]:
            assert trace.observed[k] == np.mean(y == int(trace.labels[k]))
        np.testing.assert_allclose(trace.observed.sum(), 1.0)
        np.testing.assert_allclose(trace.expected.sum(), 1.0)


def test_means_of_residuals_are_those_of_residuals(counted):
    fit = counted.fits["x"]
    values = bg.residuals(fit)["count"].values
    fitted = counted.seen["x"].units[0]["residual_means"][""]
    assert len(fitted.x) == 12
    np.testing.assert_allclose(fitted.observed.mean(), values.mean(), atol=1e-12)
    np.testing.assert_allclose(fitted.upper, 1.8807936 / np.sqrt(25), rtol=1e-6)


def test_a_mode_beside_posteriors_is_told_apart(counted):
    (section,) = goodness(counted)
    assert "Of a MAP (mode)" in section.blocks[0]
    for picture in views(section).values():
        assert "mode (MAP):" in picture.alt
        assert {ax.get_title(loc="left") for ax in picture.figure.axes} >= {"x", "mode (MAP)"}
        assert {row[0] for row in picture.data.rows} == {"x", "none", "mode (MAP)"}
    (scores,) = (one for one in section.blocks if isinstance(one, Table))
    assert [row[0] for row in scores.rows] == ["x", "none", "mode (MAP)"]
    explained = scores.rows[0][scores.head.index("deviance explained")].value
    assert explained == float(bg.check(counted.fits["x"])["scores"]["deviance_explained"])


def test_models_stand_side_by_side_on_the_same_scales(counted):
    (section,) = goodness(counted)
    for picture in views(section).values():
        axes = [ax for ax in picture.figure.axes if ax.get_visible()]
        assert len(axes) == 3
        assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes}) == 1


def test_chances_that_are_alike_are_one_place():
    """Of three levels three chances were told, and what was observed are their shares."""
    data = table()
    data["hit"] = np.where(np.arange(300) % 10 < data.g.map({"a": 2, "b": 5, "c": 9}), "yes", "no")
    model = bg.GLM("hit", bg.Category("g", prior=bg.Normal(3.0)), family="bernoulli")
    story = Story.open({"g": bg.fit(model, data, draws=100)}, {})
    trace = story.seen["g"].units[0]["calibration"][""]
    shares = (data.hit == "yes").groupby(data.g).mean()
    np.testing.assert_allclose(trace.observed, np.sort(shares))
    assert trace.inside.all()
    (panel,) = bg.plot_calibration(story.fits["g"]).axes
    assert panel.get_title(loc="left") == ""


def recording(units=0, n=600, seed=0):
    """Events at 100 Hz that follow a stimulus; of several units along their dim."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    rate = np.exp(-1.5 + 0.5 * x)[:, None] * np.ones(max(units, 1))
    y = rng.poisson(rate)
    coords = {"time": np.arange(n) * 0.01}
    if not units:
        return xr.Dataset({"x": ("time", x), "spikes": ("time", y[:, 0])}, coords)
    coords["cell"] = [f"c{k}" for k in range(units)]
    return xr.Dataset({"x": ("time", x), "spikes": (("time", "cell"), y)}, coords)


def test_trains_of_events_are_rescaled_and_have_a_course():
    data = recording()
    model = bg.GLM("spikes", bg.Lagged("x", lags=2), family="poisson")
    story = Story.open({"x": bg.fit(model, data, draws=100)}, {})
    (section,) = goodness(story)
    pictures = views(section)
    assert set(pictures) == TRAIN
    traces = story.seen["x"].units[0]
    y = data.spikes.values[1:]  # the first sample has no full past
    stretch = traces["stretch"][""]
    assert len(stretch.x) == 300
    np.testing.assert_allclose(stretch.observed, y[149:449] * 100.0)
    np.testing.assert_allclose(stretch.x, data.time.values[150:450])
    predicted = bg.predict(story.fits["x"])["spikes"].mean(("chain", "draw")).values
    np.testing.assert_allclose(stretch.expected, predicted[150:450] * 100.0, rtol=0.05)
    assert pictures["stretch"].alt.endswith(
        f"{y[149:449].sum()} events, {stretch.expected.sum() / 100:.1f} expected."
    )
    course = traces["along_time"][""]
    edges = np.unique(np.linspace(1, 600, 61).astype(int)) - 1
    bins = [y[low:high].mean() * 100.0 for low, high in pairwise(edges)]
    np.testing.assert_allclose(course.observed, bins)
    axes = pictures["along_time"].figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "spikes per s")
    p = float(bg.check(story.fits["x"])["time_rescaling"]["p_value"])
    assert f"{y.astype(bool).sum()} intervals, p = {p:.2g}" in pictures["rescaling"].alt


@pytest.mark.parametrize(
    ("step", "unit", "per"), [("10ms", 0.01, "s"), ("1D", 1.0, "day"), ("2h", 2.0, "h")]
)
def test_time_is_told_in_the_unit_of_its_steps(step, unit, per):
    """Dates are told in the largest unit that a step holds, and counts per unit of it."""
    frame = table(120)[["x", "count"]]
    frame.index = pd.date_range("2024-01-01", periods=120, freq=step, name="time")
    story = Story.open({"x": bg.fit_map(model_of_kind("poisson"), frame)})
    traces = story.seen["x"].units[0]
    np.testing.assert_allclose(np.diff(traces["stretch"][""].x), unit)
    np.testing.assert_allclose(np.diff(traces["along_time"][""].x), 2.0 * unit)
    np.testing.assert_allclose(traces["stretch"][""].observed, frame["count"] / unit)
    picture = views(goodness(story)[0])["stretch"]
    told = {"s": "s", "day": "days", "h": "h"}[per]
    ax = picture.figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"time ({told})", f"count per {per}")


def test_milliseconds_by_their_attribute_are_seconds():
    data = recording(n=60)
    data = data.assign_coords(time=("time", 10.0 * np.arange(60), {"units": "ms"}))
    fit = bg.fit_map(bg.GLM("spikes", "x", family="poisson", prior=bg.Normal(1.0)), data)
    trace = Story.open({"x": fit}).seen["x"].units[0]["stretch"][""]
    np.testing.assert_allclose(trace.x, 0.01 * np.arange(60))


def test_trials_are_laid_over_one_another():
    """Of trials the course is that since their start, and a stretch stays inside one."""
    data = recording(n=400)
    data = data.assign_coords(trial=("time", np.repeat(np.arange(4), 100)))
    fit = bg.fit_map(bg.GLM("spikes", "x", family="poisson", prior=bg.Normal(1.0)), data)
    traces = Story.open({"x": fit}).seen["x"].units[0]
    y = data.spikes.values.reshape(4, 100) * 100.0
    edges = np.unique(np.linspace(0, 100, 61).astype(int))
    means = [y[:, low:high].mean() for low, high in pairwise(edges)]
    np.testing.assert_allclose(traces["along_time"][""].observed, means)
    np.testing.assert_allclose(traces["stretch"][""].observed, y[2])


def test_a_true_model_is_inside_its_bands():
    data = recording(units=6, n=1000, seed=3)
    fit = bg.fit(bg.GLM("spikes", "x", family="poisson"), data, draws=100)
    (section,) = goodness(Story.open({"x": fit}, {}))
    for name in ("calibration", "along_time", "autocorrelation"):
        rows = views(section)[name].data
        value = {head: k for k, head in enumerate(rows.head)}
        inside = [
            row[value["lower"]].value <= row[value["observed"]].value <= row[value["upper"]].value
            for row in rows.rows
        ]
        assert 0.88 < np.mean(inside) < 0.995, name


def test_units_are_panels_by_their_names():
    data = recording(units=6, n=200)
    model = bg.GLM("spikes", "x", family="poisson", prior=bg.Normal(1.0))
    fits = {"x": bg.fit_map(model, data), "none": bg.fit_map(bg.GLM("spikes", [], "poisson"), data)}
    (section,) = goodness(Story.open(fits))
    pictures = views(section)
    assert "stretch" not in pictures  # of so many units their whole course is shown
    for picture in pictures.values():
        names = [ax.get_title(loc="left") for ax in picture.figure.axes if ax.get_visible()]
        assert names == [f"cell c{k}" for k in range(6)]
        assert {row[0] for row in picture.data.rows} == set(names)
        (legend,) = picture.figure.legends
        assert {"x (MAP)", "none (MAP)"} <= {text.get_text() for text in legend.get_texts()}
    (scores,) = (one for one in section.blocks if isinstance(one, Table))
    assert scores.head[:2] == ("model", "cell")
    assert [row[:2] for row in scores.rows[:2]] == [("x (MAP)", "c0"), ("x (MAP)", "c1")]
    assert len(scores.rows) == 12


def test_what_is_not_drawn_is_named_and_in_the_data():
    """Of more units than a figure holds the others are named, and their numbers are kept."""
    x = np.arange(3.0)
    trace = Trace(x, x, x - 1.0, x + 1.0)
    panels = {f"unit {k}": {"model": trace} for k in range(MOST_PANELS + 2)}
    figure = panels_figure(panels, Look("x", "y"))
    assert len([ax for ax in figure.axes if ax.get_visible()]) == MOST_PANELS
    assert " ".join(sentences(panels, VIEWS["autocorrelation"])) == (
        f"model: {3 * len(panels)} of {3 * len(panels)} lags are inside their bands (100%; 94% in "
        "a true model), the fewest of unit 0 (3 of 3)."
    )


def test_more_models_than_colours_stand_in_one_panel():
    x = np.arange(3.0)
    traces = {str(k): Trace(x, x, x - k, x + k) for k in range(9)}
    figure = panels_figure({"a": traces, "b": traces}, Look("x", "y", line="zero"))
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} >= set(traces)


def test_words_say_where_a_band_is_left():
    x = np.linspace(0.1, 0.9, 9)
    flat = np.zeros(9)
    away = np.where(x < 0.35, 0.2, -0.2) * (x > 0.05)
    curve = Trace(x, away, flat - 0.1, flat + 0.15, note="p < 0.001")
    (told,) = sentences({"": {"m": curve}}, VIEWS["rescaling"])
    assert told == (
        "m: the curve leaves the band (p < 0.001), furthest at 0.4, where it is -0.2 and the band "
        "ends at -0.1; 30% of intervals lie in the lowest tenth of what is expected and 30% in the "
        "highest."
    )
    (told,) = sentences({"": {"m": curve}}, VIEWS["residual_means"])
    assert told == (
        "m: 0 of 9 bins are inside their bands; furthest outside at 0.4, where -0.2 was observed "
        "and -0.1 to 0.15 are those of a true model."
    )
    inside = Trace(x, flat, flat - 0.1, flat + 0.1)
    units = {"a": {"m": curve}, "b": {"m": inside}}
    assert sentences(units, VIEWS["pit"]) == (
        "m: of 2 curves 1 stay inside their bands; a does not.",
    )


def test_censored_responses_have_residuals_and_no_distribution():
    data = table()
    data["seen"] = np.where(data.height > 2.0, "right", "none")
    data["height"] = np.minimum(data.height, 2.0)
    model = bg.GLM("height", "x", prior=bg.Normal(1.0), censored="seen")
    (section,) = goodness(Story.open({"x": bg.fit_map(model, data)}))
    assert OF_CENSORED in section.blocks
    assert set(views(section)) == {"residual_means", "pit"}


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows_are_shown_as_they_are(n):
    data = table().iloc[:n]
    model = bg.GLM("count", "x", family="poisson", prior=bg.Normal(1.0), intercept=bg.Normal(1.0))
    (section,) = goodness(Story.open({"x": bg.fit_map(model, data)}))
    for picture in views(section).values():
        assert_whole(picture)
        picture.figure.draw_without_rendering()


def test_a_constant_on_a_logarithmic_or_any_axis_is_drawn():
    """All that a model without terms predicts is one place, and the diagonal goes on from it."""
    rng = np.random.default_rng(0)
    for y in (rng.poisson(0.1, 200), rng.normal(-3.0, 1.0, 200)):
        family = "poisson" if y.min() >= 0 else "gaussian"
        story = Story.open({"none": bg.fit_map(bg.GLM("y", [], family=family), {"y": y})})
        for picture in views(goodness(story)[0]).values():
            picture.figure.draw_without_rendering()


def test_sums_in_bins_are_those_of_drawn_responses():
    """Of gaussian responses the sums of bins have the mean and the variance of their rows."""
    data = table()
    fit = bg.fit_map(bg.GLM("height", "x", dispersion=1.0), data)
    (kept,) = kept_of(fit, reopen(fit))
    drawn = some_draws(kept, 1)
    sums = drawn_sums(drawn, np.repeat([0, 1, -1], 100)[None], 2, 0)[0]
    mean = bg.predict(fit)["height"].values.reshape(-1)
    assert sums.shape == (2, 200)
    np.testing.assert_allclose(sums.mean(axis=1), [mean[:100].sum(), mean[100:200].sum()], atol=3)
    np.testing.assert_allclose(sums.var(axis=1), [100.0, 100.0], rtol=0.35)
