"""The report: self-contained pages whose numbers are those of the verbs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import simulate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import assert_self_contained, assert_well_formed, parsed, text_of, titles

import bayesglm as bg
from bayesglm.show import figures
from bayesglm.show.report.told import numbers
from bayesglm.show.text import plain
from bayesglm.spec.names import is_storable


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "binomial", "poisson"])
def test_a_report_of_any_family(family, tmp_path):
    data = simulate(400).drop_vars("time").rename(time="obs")
    options = {"trials": "trials"} if family == "binomial" else {}
    terms = {"one": ["x"], "both": ["x", bg.Linear("movie")]}
    fits = {
        name: bg.fit(bg.GLM(family, some, family=family, **options), data, draws=500)
        for name, some in terms.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html", question="Is x enough?"))
    assert_self_contained(page)
    for title in (
        "The question and the answer",
        "The models",
        "What the priors expect",
        "The estimates",
        "The estimates in numbers",
        "Prior and posterior",
        "Goodness of fit",
        "The comparison",
        "How far to believe it",
        "What this cannot tell",
        "How it was made",
    ):
        assert title in titles(page)
    assert "Is x enough?" in page
    table = bg.compare(fits)
    for sentence in table.attrs["sentences"]:
        assert sentence in parsed(page).words
    assert ("bits per event" in page) == (family != "gaussian")
    bits = -table["elpd_diff"].iloc[1] / np.log(2) / float(data[family].sum())
    assert (f"{bits:.3f} ±" in page) == (family != "gaussian")
    assert page.count("data:image/svg+xml") >= 5


def test_a_report_of_map_fits_and_populations(tmp_path):
    data = simulate(60)
    rng = np.random.default_rng(0)
    data["cells"] = (("time", "neuron"), rng.poisson(1.0, (60, 6)))
    terms = [bg.Lagged("x", lags=3), bg.Lagged("movie", lags=2)]
    model = bg.GLM("cells", terms, family="poisson", prior=bg.Normal(0.3))
    page = text_of(bg.report({"map": bg.fit_map(model, data)}, tmp_path / "r.html"))
    assert_self_contained(page)
    assert "A mode has no uncertainty" in page
    assert "The comparison" not in page
    page = text_of(bg.report({"all": bg.fit(model, data, draws=100)}, tmp_path / "r.html"))
    assert all(f"neuron {k}" in page for k in range(6))


def test_history_in_a_report_is_told_to_be_optimistic(tmp_path):
    data = simulate(80)
    fits = {
        name: bg.fit(
            bg.GLM("poisson", some, family="poisson", prior=bg.Normal(1.0)), data, draws=250
        )
        for name, some in {"past": ["x", bg.History(lags=2)], "x": ["x"]}.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html"))
    assert "flatters models that read past responses" in page
    assert "optimistic here: with a history term" in page
    scores = {
        name: bg.kfold(bg.GLM.from_json(fit.attrs["model"]), data, by="time", folds=3, draws=100)
        for name, fit in fits.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html", elpd=scores))
    assert "forecasts of samples it had not seen" in page
    assert bg.compare(scores).attrs["sentences"][0] in parsed(page).words


def test_names_are_escaped(tmp_path):
    data = {"y<b>": [0.0, 1.0, 3.0, 2.0, 5.0], "x&": [1.0, 2.0, 3.0, 4.0, 6.0]}
    fit = bg.fit_map(bg.GLM("y<b>", "x&", prior=bg.Normal(1.0)), data)
    page = text_of(bg.report({"<i>": fit}, tmp_path / "r.html", title="<script>"))
    assert_self_contained(page)
    assert "<i>" not in page
    assert "&lt;i&gt;" in page


ODD = [
    *("$x^{$", "$a$", "\\$", "\\frac{", "bell\x07", "\x1b[31m", "<script>alert(1)", '" onload="x'),
    *("_hidden", "\u202eevil", "two\nlines", "%s{}", "&amp;", "{{7*7}}", "{% raw %}", "]]>"),
    *("\ufffe", "\x85", "n" * 180, "\N{CJK UNIFIED IDEOGRAPH-6E2C}", "\U0001f600", "\ud800"),
]


def is_taken(name):
    """Say whether a variable may have a name; what refuses it is an error of the package."""
    data = {"y": [0.0, 1.0, 3.0], name: [1.0, 2.0, 4.0]}
    try:
        bg.fit_map(bg.GLM("y", name, prior=bg.Normal(1.0), dispersion=1.0), data)
    except (bg.DataError, bg.ModelError):
        return False
    return True


def report_of(names, response, title, folder):
    """Write a report in which each name is that of a variable, of a level, of a fit, and a unit."""
    rng = np.random.default_rng(0)
    taken = [name for name in names if is_taken(name)]
    data = xr.Dataset(
        {
            name: xr.DataArray(rng.normal(size=60), dims="obs", attrs={"units": name})
            for name in taken
        }
    )
    storable = [name for name in names if is_storable(name)]
    levels = np.array([*storable, "a", "b"], dtype=object)
    data["g"] = ("obs", np.resize(levels, 60))
    data[response] = ("obs", rng.poisson(1.0, 60))
    terms = [*taken, bg.Group("g", prior=bg.Normal(0.5))]
    model = bg.GLM(response, terms, family="poisson", prior=bg.Normal(0.5))
    fit = bg.fit_map(model, data)
    parts = ("".join(levels[k::3]) for k in range(3))
    fits = dict.fromkeys([part for part in parts if part], fit)
    return text_of(bg.report(fits, folder / "r.html", title=title, question=title))


@pytest.mark.slow
def test_any_name_is_shown_or_refused(tmp_path):
    page = report_of(ODD, "$y^{", "".join(ODD), tmp_path)
    assert_well_formed(page)
    assert_self_contained(page)
    for told in (r"bell\x07", r"\u202eevil", r"\ud800", "{{7*7}}", "]]&gt;"):
        assert told in page


@pytest.mark.slow
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=3, unique=True))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_of_any_kind_makes_a_page(tmp_path, names):
    assert_well_formed(report_of(names, "y_", "".join(names), tmp_path))


def test_a_fit_named_by_half_a_character_is_refused(lagged, tmp_path):
    with pytest.raises(bg.DataError, match="half a character"):
        bg.report({"\ud800": lagged[2]}, tmp_path / "r.html")


def test_dollars_are_letters_and_underscores_are_told():
    assert plain("$x^{$") == r"\$x^{\$"
    assert plain("_hidden") == " _hidden"
    assert plain("n" * 100, 20) == "n" * 14 + "…" + "n" * 5
    assert plain("a\x07\n") == r"a\x07\n"
    figure, axes = figures.new_figure(1, 1, 2.0)
    title = axes[0, 0].set_title(plain("$x^{$"))
    figure.canvas.draw()
    assert title.get_text() == r"\$x^{\$"


@pytest.fixture(scope="module")
def lagged():
    """Kernels of a vector at 1 kHz and of a line, of a model and its MAP."""
    rng = np.random.default_rng(0)
    time = np.arange(300) * 1e-3
    data = xr.Dataset(
        {
            "y": ("time", rng.poisson(1.0, 300)),
            "stimulus": (("time", "feature"), rng.normal(size=(300, 8))),
            "x": ("time", rng.normal(size=300)),
        },
        coords={"time": time, "feature": list("abcdefgh")},
    )
    terms = [bg.Lagged("stimulus", lags=(1, 6)), bg.Lagged("x", lags=3)]
    model = bg.GLM("y", terms, family="poisson", prior=bg.Normal(0.1))
    return model, data, bg.fit_map(model, data)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_the_report_of_a_map_speaks_of_no_posterior(lagged, tmp_path):
    _, _, fit = lagged
    page = text_of(bg.report({"map": fit}, tmp_path / "r.html"))
    assert "posterior mean" not in page
    assert "bands hold" not in page
    assert "its 94% band" not in page
    assert "MAP, a mode without uncertainty" in page
    assert "Of a MAP (map) the band leaves out the uncertainty of its own estimates" in page


def test_the_report_of_spikes_and_slabs_tells_how_they_were_drawn(lagged, tmp_path):
    model = bg.GLM("y", bg.Lagged("x", lags=3, prior=bg.SpikeSlab(1.0, 0.1)), "poisson")
    fitted = bg.fit(model, lagged[1], draws=100, chains=2)
    page = text_of(bg.report({"chosen": fitted}, tmp_path / "r.html"))
    assert "posterior by collapsed Gibbs sampling of indicators" in page
    assert "inclusion of x" in page


def test_reports_that_cannot_be_written(tmp_path):
    data = simulate(40)
    fit = bg.fit_map(bg.GLM("poisson", "x", family="poisson"), data)
    other = bg.fit_map(bg.GLM("gaussian", "x"), data)
    for fits, options, words in [
        ({}, {}, "at least one fit"),
        ({"a": fit, "b": other}, {}, "different responses"),
        ({"a": fit}, {"elpd": {"b": None}}, "which is no fit"),
    ]:
        with pytest.raises(bg.DataError, match=words):
            bg.report(fits, tmp_path / "r.html", **options)
    with pytest.raises(bg.DataError, match="make it first"):
        bg.report({"a": fit}, tmp_path / "nowhere" / "r.html")


@pytest.fixture(scope="module")
def analysed():
    """Models of a table: factors, a product of them, labels as responses; none of it in time."""
    rng = np.random.default_rng(4)
    n = 150
    frame = pd.DataFrame(
        {"x": rng.normal(size=n), "g": rng.choice(list("abc"), n), "h": rng.choice(["p", "q"], n)}
    )
    frame["hit"] = np.where(rng.random(n) < 0.4 + 0.2 * (frame.g == "b"), "yes", "no")
    frame["mood"] = rng.choice(["bad", "fair", "good"], n)
    products = bg.fit(bg.formula("hit ~ x + g*h", family="bernoulli"), frame)
    plain = bg.fit(bg.formula("hit ~ x + h", family="bernoulli"), frame)
    labels = bg.fit(bg.formula("mood ~ x + g", family="categorical"), frame)
    return {"products": products, "plain": plain}, labels


def test_a_report_tells_coefficients_and_ratios_in_numbers(analysed, tmp_path):
    fits, _ = analysed
    page = text_of(bg.report({"products": fits["products"]}, tmp_path / "r.html"))
    ratios = bg.summary(fits["products"], exponentiate=True)
    ratio = ratios.written().loc["g:h[b, q]"]
    cells = [one.words for one in parsed(page).every() if one.tag in ("th", "td")]
    assert {"odds ratio", "odds ratio 3%", "odds ratio 97%", "ess"} <= set(cells)
    assert set(ratio[["median", "3%", "97%"]]) <= set(cells)
    table, _ = numbers(fits["products"])
    row = next(row for row in table.rows if row[0] == "g:h[b, q]")
    told = dict(zip(table.head, row, strict=True))
    assert told["odds ratio 97%"].value == ratios.loc["g:h[b, q]", "97%"]
    table, notes = numbers(bg.fit_map(bg.GLM("y", "x"), {"x": [0.0, 1, 2], "y": [1.0, 2, 4]}))
    assert (table.head, notes) == (("coefficient", "map", "prior"), ())
    assert [row[0] for row in table.rows] == ["intercept", "x", "sigma"]
