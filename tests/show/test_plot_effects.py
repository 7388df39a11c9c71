"""Effects as pictures: lines and dots are the numbers of `predictions`, over the data."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from drawn import assert_inside, rendered
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex

import bayesglm as bg
from bayesglm.errors import BayesGLMError
from bayesglm.show.figures import COLOURS

RNG = np.random.default_rng(0)
N = 240
TABLE = pd.DataFrame(
    {
        "age": RNG.uniform(20.0, 70.0, N),
        "plan": RNG.choice(["basic", "plus", "pro"], N),
        "kids": RNG.integers(0, 3, N),
        "town": RNG.choice([f"town {k}" for k in range(8)], N),
        "days": RNG.uniform(100.0, 400.0, N),
    }
)
ETA = 0.03 * (TABLE["age"] - 45.0) + 0.5 * (TABLE["plan"] == "pro") - 0.2 * TABLE["kids"]
TABLE["claims"] = RNG.poisson(np.exp(ETA) * TABLE["days"] / 250.0)
TABLE["won"] = RNG.binomial(1, 1.0 / (1.0 + np.exp(-ETA)))
TABLE["mood"] = np.array(["bad", "fair", "good"])[np.digitize(ETA + RNG.logistic(size=N), [-1, 1])]
TERMS = ["age", bg.Category("plan"), bg.Interaction("age", bg.Category("plan")), "kids"]
FEW = {"draws": 150, "chains": 2}


@pytest.fixture(scope="module")
def claims():
    model = bg.GLM("claims", TERMS, "poisson", prior=bg.Normal(1.0), exposure="days")
    return bg.fit_laplace(model, TABLE, **FEW)


@pytest.fixture(scope="module")
def won():
    return bg.fit_laplace(bg.GLM("won", TERMS, "bernoulli", prior=bg.Normal(1.0)), TABLE, **FEW)


def lines_of(ax):
    """Return the lines of an axes by their labels."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def data_of(ax):
    """Return the lines of an axes without a label, which are the data."""
    return [line for line in ax.lines if line.get_label().startswith("_")]


def dots_of(ax):
    """Return where the data stand, ``(dots, 2)``."""
    return np.concatenate([line.get_xydata() for line in data_of(ax)])


def test_a_line_is_the_median_and_its_band_the_interval(claims, tmp_path):
    figure = rendered(bg.plot_effects(claims, "age", at={"plan": "plus", "days": 365.0}), tmp_path)
    (ax,) = figure.axes
    (line,) = lines_of(ax).values()
    x, y = line.get_data()
    assert (x.min(), x.max()) == (TABLE["age"].min(), TABLE["age"].max())
    grid = bg.datagrid(claims, age=list(x), plan="plus", days=365.0)
    told = bg.predictions(claims, grid)
    np.testing.assert_array_equal(y, told["estimate"])
    (band,) = [one for one in ax.collections if isinstance(one, PolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    ends = told[["conf_low", "conf_high"]].to_numpy()
    np.testing.assert_array_equal(np.unique(heights), np.unique(ends))
    assert ax.get_ylabel() == "mean of claims"
    assert_inside(figure)


def test_the_data_stand_at_the_exposure_of_the_line(claims):
    (ax,) = bg.plot_effects(claims, "age", at={"days": 365.0}).axes
    dots = dots_of(ax)
    rates = TABLE["claims"] * 365.0 / TABLE["days"]
    np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(rates))
    assert not data_of(bg.plot_effects(claims, "age", observed=False).axes[0])


def test_colours_split_lines_which_end_where_their_samples_do(claims):
    young = TABLE[(TABLE["plan"] != "pro") | (TABLE["age"] < 40.0)]
    fit = bg.fit_map(bg.GLM("claims", TERMS, "poisson", prior=bg.Normal(1.0)), young)
    figure = bg.plot_effects(fit, "age", by="plan")
    lines = lines_of(figure.axes[0])
    assert list(lines) == ["basic", "plus", "pro"]
    own = young.loc[young["plan"] == "pro", "age"]
    x = lines["pro"].get_xdata()
    step = np.diff(lines["basic"].get_xdata()).max()
    assert own.min() <= x.min() < own.min() + step
    assert own.max() - step < x.max() <= own.max()
    assert "Lines end where their samples do." in figure.get_supxlabel()
    colours = [to_hex(line.get_color()).upper() for line in lines.values()]
    assert colours == list(COLOURS[:3])


def test_factors_are_dots_with_bars_and_levels_without_samples_are_none(claims):
    some = TABLE[(TABLE["plan"] != "pro") | (TABLE["kids"] > 0)]
    model = bg.GLM("claims", TERMS, "poisson", prior=bg.Normal(1.0))
    fit = bg.fit_laplace(model, some, **FEW)
    figure = bg.plot_effects(fit, "plan", by="kids")
    (ax,) = figure.axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["basic", "plus", "pro"]
    lines = lines_of(ax)
    assert [len(lines[kids].get_xdata()) for kids in ("0", "1", "2")] == [2, 3, 3]
    assert "occur in no sample together" in figure.get_supxlabel()
    told = bg.predictions(fit, bg.datagrid(fit, plan=["basic", "plus", "pro"], kids=1))
    np.testing.assert_array_equal(lines["1"].get_ydata(), told["estimate"])
    bars = [one for one in ax.collections if isinstance(one, LineCollection)][1]
    ends = [segment[:, 1] for segment in bars.get_segments()]
    np.testing.assert_array_equal(ends, told[["conf_low", "conf_high"]])


def test_shares_of_yes_are_means_of_samples(won):
    (ax,) = bg.plot_effects(won, "plan").axes
    np.testing.assert_allclose(dots_of(ax)[:, 1], TABLE.groupby("plan")["won"].mean())
    (ax,) = bg.plot_effects(won, "age").axes
    dots = dots_of(ax)
    order = TABLE.sort_values("age")
    tenth = order.iloc[: N // 10]
    np.testing.assert_allclose(dots[0], [tenth["age"].mean(), tenth["won"].mean()])
    np.testing.assert_allclose(dots[:, 1].mean(), TABLE["won"].mean())
    assert len(dots) == 10
    assert ax.get_ylabel() == "probability of won"


def test_means_of_weighted_samples_are_those_of_repeated_ones():
    weights = RNG.integers(0, 4, N)
    twice = TABLE.loc[np.repeat(np.arange(N), weights)].reset_index(drop=True)
    model = bg.GLM("won", TERMS, "bernoulli", prior=bg.Normal(1.0), weights="w")
    one = bg.plot_effects(bg.fit_map(model, TABLE.assign(w=weights)), "plan").axes[0]
    two = bg.plot_effects(bg.fit_map(model, twice.assign(w=1)), "plan").axes[0]
    np.testing.assert_allclose(dots_of(one), dots_of(two), rtol=1e-12)
    (first,), (second,) = (lines_of(ax).values() for ax in (one, two))
    np.testing.assert_allclose(first.get_ydata(), second.get_ydata(), rtol=1e-6)


def test_counts_out_of_trials_are_shares():
    data = TABLE.assign(n=5, hits=RNG.binomial(5, 0.4, N))
    fit = bg.fit_map(bg.GLM("hits", ["plan"], "binomial", trials="n", prior=bg.Flat()), data)
    (ax,) = bg.plot_effects(fit, "plan").axes
    shares = data.groupby("plan")["hits"].mean() / 5
    np.testing.assert_allclose(dots_of(ax)[:, 1], shares)
    (dots,) = lines_of(ax).values()
    np.testing.assert_allclose(dots.get_ydata(), shares, rtol=1e-8)


def test_numbers_split_at_their_quartiles_and_panels_by_the_second(won, tmp_path):
    figure = rendered(bg.plot_effects(won, "kids", by=["age", "plan"]), tmp_path)
    quartiles = [f"{one:.4g}" for one in TABLE["age"].quantile([0.25, 0.5, 0.75])]
    assert list(lines_of(figure.axes[0])) == quartiles
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["plan basic", "plan plus", "plan pro"]
    assert_inside(figure)


def test_each_level_of_the_response_has_a_colour():
    model = bg.GLM("mood", ["age", bg.Category("plan")], "ordinal", levels=["bad", "fair", "good"])
    fit = bg.fit_map(model, TABLE)
    figure = bg.plot_effects(fit, "age", by="plan")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "plan basic",
        "plan plus",
        "plan pro",
    ]
    ages = figure.axes[1].lines[0].get_xdata()
    grid = bg.datagrid(fit, age=list(ages), plan="plus")
    told = bg.predictions(fit, grid)
    for name, line in lines_of(figure.axes[1]).items():
        own = told[told["group"] == name]["estimate"]
        np.testing.assert_allclose(line.get_ydata(), own, rtol=1e-12)
    assert sum(line.get_ydata() for line in lines_of(figure.axes[1]).values()) == pytest.approx(1)


def test_groups_are_averaged_unless_their_levels_are_drawn():
    model = bg.GLM("won", ["age", bg.Group("town", prior=bg.Normal(1.0))], "bernoulli")
    fit = bg.fit_laplace(model, TABLE, **FEW)
    figure = bg.plot_effects(fit, "age")
    (line,) = lines_of(figure.axes[0]).values()
    grid = bg.datagrid(fit, age=list(line.get_xdata()))
    told = bg.predictions(fit, grid, groups="average")
    np.testing.assert_array_equal(line.get_ydata(), told["estimate"])
    assert "Averaged over all levels of town." in figure.get_supxlabel()
    (line,) = lines_of(bg.plot_effects(fit, "town").axes[0]).values()
    grid = bg.datagrid(fit, town=[f"town {k}" for k in range(8)])
    np.testing.assert_array_equal(line.get_ydata(), bg.predictions(fit, grid)["estimate"])
    figure = bg.plot_effects(fit, "age", groups="zero")
    assert "Without the effects of town." in figure.get_supxlabel()


@pytest.fixture(scope="module")
def cells():
    light = RNG.normal(size=120)
    counts = RNG.poisson(np.exp(np.outer(light, [0.1, 0.5, -0.4, 0.0, 0.3])))
    data = xr.Dataset(
        {"spikes": (("obs", "cell"), counts), "light": ("obs", light, {"units": "lux"})},
        coords={"cell": list("abcde")},
    )
    model = bg.GLM("spikes", "light", "poisson", prior=bg.Normal(1.0))
    return bg.fit_laplace(model, data, **FEW), data


def test_members_of_a_population_are_panels_and_named(cells):
    fit, data = cells
    figure = bg.plot_effects(fit, "light", units=["d", "b"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["cell d", "cell b"]
    for ax, cell in zip(figure.axes, "db", strict=True):
        (line,) = lines_of(ax).values()
        told = bg.predictions(fit, bg.datagrid(fit, light=list(line.get_xdata())))
        own = told[told["cell"] == cell]["estimate"]
        np.testing.assert_array_equal(line.get_ydata(), own)
        np.testing.assert_array_equal(dots_of(ax)[:, 1], data["spikes"].sel(cell=cell))
        assert ax.get_xlabel() == "light (lux)"
    assert (
        "Not drawn of cell: e; units=[...] chooses."
        in bg.plot_effects(fit, "light").get_supxlabel()
    )


def test_a_map_is_called_one_and_has_no_bands():
    fit = bg.fit_map(bg.GLM("won", "age", "bernoulli", prior=bg.Normal(1.0)), TABLE)
    (ax,) = bg.plot_effects(fit, "age").axes
    assert list(lines_of(ax)) == ["MAP estimate"]
    bands = [one for one in ax.collections if isinstance(one, PolyCollection)]
    assert all(
        np.isnan(path.vertices).any() or not len(path) for b in bands for path in b.get_paths()
    )


def test_other_scales_have_no_data(won):
    (ax,) = bg.plot_effects(won, "age", kind="linear").axes
    assert not data_of(ax)
    assert ax.get_ylabel() == "linear predictor\n(log odds)"
    fit = bg.fit_map(bg.GLM("days", "age", dispersion={"sigma": ["age"]}), TABLE)
    (ax,) = bg.plot_effects(fit, "age", kind="sigma").axes
    assert not data_of(ax)
    assert ax.get_ylabel() == "sigma of days"


def test_of_many_levels_the_most_frequent_are_drawn_and_the_others_named():
    often = np.repeat([f"l{k}" for k in range(30)], np.arange(30, 0, -1))
    data = pd.DataFrame({"y": RNG.normal(size=len(often)), "level": often})
    fit = bg.fit_map(bg.GLM("y", "level", prior=bg.Normal(1.0)), data)
    figure = bg.plot_effects(fit, "level")
    drawn = {tick.get_text() for tick in figure.axes[0].get_xticklabels()}
    assert drawn == {f"l{k}" for k in range(24)}
    assert "Not drawn of level: l24, l25, l26, l27, l28, l29" in figure.get_supxlabel()
    figure = bg.plot_effects(fit, "level", at={"level": ["l29", "l3"]})
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["l29", "l3"]


def test_names_are_written_letter_by_letter(tmp_path):
    names = {"age": "$x^{$ <b>", "plan": "_" + "p" * 200, "won": "שלום $2"}
    data = TABLE.rename(columns=names)
    terms = [names["age"], bg.Category(names["plan"])]
    fit = bg.fit_map(bg.GLM(names["won"], terms, "bernoulli", prior=bg.Normal(1.0)), data)
    figure = bg.plot_effects(fit, names["age"], by=names["plan"])
    rendered(figure, tmp_path)
    assert figure.axes[0].get_xlabel() == "\\$x^{\\$ <b>"


LAGGED = xr.Dataset(
    {"y": ("time", RNG.poisson(1.0, 60)), "x": ("time", RNG.normal(size=60))},
    coords={"time": np.arange(60.0)},
)


@pytest.mark.parametrize("term", [bg.Lagged("x", lags=3), bg.History(lags=2)])
def test_fits_that_read_the_past_are_refused_with_what_draws_them(term):
    model = bg.GLM("y", ["x", term] if term.reads_response else [term], "poisson")
    fit = bg.fit_map(model, LAGGED)
    with pytest.raises(bg.DataError, match=r"plot_kernels\(fit\)"):
        bg.plot_effects(fit, "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variable": "agee"}, "Did you mean 'age'|no predictor"),
        ({"variable": "won"}, "no predictor"),
        ({"variable": "age", "by": "age"}, "drawn twice"),
        ({"variable": "age", "by": ["plan", "plan"]}, "drawn twice"),
        ({"variable": "age", "by": {"plan"}}, "in a list"),
        ({"variable": "age", "by": 3}, "in a list"),
        ({"variable": "age", "at": {"kids": [0, 1]}}, "by='kids'"),
        ({"variable": "age", "at": {"kid": 0}}, "no predictor"),
        ({"variable": "plan", "at": {"plan": ["basic", "gold"]}}, "gold"),
        ({"variable": "age", "at": {"age": []}}, "no values"),
        ({"variable": "age", "at": {"age": [20.0, 20.0]}}, "twice"),
        ({"variable": "age", "at": 3}, "mapping"),
        ({"variable": "age", "kind": "mean_of"}, "unknown kind"),
        ({"variable": "age", "groups": "all"}, "unknown groups"),
        ({"variable": "age", "units": "a"}, "population"),
    ],
)
def test_bad_input_is_refused_by_name(won, arguments, message):
    with pytest.raises(BayesGLMError, match=message):
        bg.plot_effects(won, **arguments)


def test_images_have_no_line():
    data = {"y": RNG.normal(size=30), "pixels": RNG.normal(size=(30, 4))}
    fit = bg.fit_map(bg.GLM("y", "pixels", prior=bg.Normal(1.0)), data)
    with pytest.raises(bg.DataError, match="several values for each sample"):
        bg.plot_effects(fit, "pixels")


def test_rates_of_a_table_with_missing_values_are_drawn():
    rng = np.random.default_rng(0)
    x = np.where(np.arange(60) % 9 == 0, np.nan, rng.normal(size=60))
    data = {"y": rng.poisson(1.0, 60), "x": x, "hours": rng.uniform(0.5, 2.0, 60)}
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), exposure="hours", missing="drop")
    figure = bg.plot_effects(bg.fit_map(model, data), "x")
    assert figure.axes[0].get_xlabel() == "x"
