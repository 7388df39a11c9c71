"""What notebooks show of models, priors and fits: cards that hold what print and summary tell."""

import html
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.spec.hints import OF_FITS_ELSEWHERE

RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(
    {"x": RNG.normal(size=80), "g": RNG.choice([f"<b>{k}" for k in range(30)], 80)}
)
FRAME["y"] = RNG.poisson(1.0, size=80)


class Balanced(HTMLParser):
    """Reads HTML whose tags must close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def fitted():
    return bg.fit(bg.GLM("y", ["x", bg.Group("g")], family="poisson"), FRAME)


@pytest.mark.parametrize("name", ["summary", "predict", "params", "coef_", "plot", "waic"])
def test_verbs_looked_for_on_a_fit_are_functions_that_are_there(fitted, name):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': .*write bayesglm\.\w+\("):
        getattr(fitted, name)
    for call in OF_FITS_ELSEWHERE.values():
        assert call.removeprefix("bayesglm.").partition("(")[0] in bg.__all__


def test_what_a_fit_lacks_is_an_ordinary_attribute_error(fitted):
    with pytest.raises(AttributeError, match=r"^'Fit' object has no attribute 'colour'$"):
        fitted.colour  # noqa: B018
    assert fitted.posterior.equals(fitted["posterior"])
    assert pickle.loads(pickle.dumps(fitted)).equals(fitted)


@pytest.mark.parametrize(("verb", "write"), [("report", "'model': fit"), ("compare", "'a': fit")])
def test_one_fit_where_several_are_named(fitted, verb, write, tmp_path):
    given = (fitted, tmp_path / "page.html") if verb == "report" else (fitted,)
    with pytest.raises(bg.DataError, match=f"write {verb}.{{{write}.*"):
        getattr(bg, verb)(*given)


def test_the_card_of_a_fit_tells_model_method_checks_and_table(fitted):
    page = Balanced(fitted._repr_html_())
    text = "".join(page.text)
    assert text.startswith("Posterior")
    assert "y[i] ~ Poisson(exp(eta[i]))" in text
    assert fitted.attrs["why"] in text
    # One long prior leaves the short ones where they are seen.
    assert re.search(r'<td style="text-align:left[^"]*">Flat</td>', fitted._repr_html_())
    assert re.search(r'<td style="text-align:right[^"]*">-?[0-9.]+</td>', fitted._repr_html_())
    assert f"{bg.summary(fitted)['mean']['x']:.4g}" in text
    assert "<b>" not in fitted._repr_html_()  # a label is text
    n_left = len(bg.summary(fitted)) - 25
    assert f"and {n_left} more rows" in text


def test_a_fit_is_a_card_after_loading_and_selecting(fitted, tmp_path):
    again = bg.load(bg.save(fitted, tmp_path / "fit.nc"))
    assert "".join(Balanced(again._repr_html_()).text).startswith("Posterior")
    part = fitted.isel(draw=slice(0, 50))
    assert "Poisson" in part._repr_html_()


def test_parts_of_a_fit_and_other_trees_are_shown_as_xarray_does(fitted):
    assert "xarray" in fitted["posterior"]._repr_html_()
    damaged = fitted.copy()
    del damaged["constant_data"]
    assert "xarray.DataTree" in damaged._repr_html_()
    assert isinstance(fitted, xr.DataTree)
    assert "DataTree" in repr(fitted)


def test_the_card_of_a_map_has_its_estimates():
    best = bg.fit_map(bg.GLM("y", "x", family="poisson"), FRAME)
    text = "".join(Balanced(best._repr_html_()).text)
    assert text.startswith("MAP estimate")
    assert f"{float(best['map']['x']):.4g}" in text


def test_the_card_of_a_model_is_what_print_writes():
    model = bg.GLM("y", ["x", bg.Group("g<i>")], family="poisson", prior=bg.ridge(4.0))
    assert html.escape(str(model)) in model._repr_html_()
    Balanced(model._repr_html_())


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (bg.Normal(0.5), "w ~ Normal(0, 0.5²)     ridge(4) = 4/2 · Σ w²"),
        (bg.lasso(2.0), "lasso(2) = 2 · Σ |w|"),
        (bg.Horseshoe(0.1), "Horseshoe(w_scale"),
        (bg.Flat(), "no penalty"),
        (bg.Beta(2.0, 3.0), "Beta(2, 3)"),
    ],
    ids=repr,
)
def test_the_card_of_a_prior_tells_its_penalty(prior, words):
    text = "".join(Balanced(prior._repr_html_()).text)
    assert text.startswith(repr(prior))
    assert words in text
