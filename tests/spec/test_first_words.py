"""What newcomers type first: each word of theirs works, or the error says what to type."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES, FamilyName


class Poisson:
    """Stands for the family objects of other packages, which are known by their names."""


class Log:
    """Stands for the link objects of other packages."""


def glm(terms="x", **options):
    return bg.GLM("y", terms, **options)


SAYS = {
    "normal of mean and sd": (
        lambda: bg.Normal(0, 1),
        r"scale must be a positive.*comes first, .*centred at zero .*: write Normal\(1\)\.$",
    ),
    "normal of mean and sd of numpy": (
        lambda: bg.Normal(np.float64(0), np.float64(2.5)),
        r"write Normal\(2\.5\)",
    ),
    "laplace of mean and scale": (lambda: bg.Laplace(0, 0.5), r"write Laplace\(0\.5\)"),
    "t in R's order": (lambda: bg.StudentT(3, 0, 2.5), r"write StudentT\(2\.5, df=3(\.0)?\)"),
    "t of mean and scale": (lambda: bg.StudentT(0, 3, 1), r"write StudentT\(1\)"),
    "PyMC's normal": (
        lambda: bg.Normal(mu=0, sigma=1),
        "takes scale, loc, and no 'mu'. Write loc=",
    ),
    "PyMC's half-normal": (lambda: bg.HalfNormal(sigma=1), "no 'sigma'. Write scale="),
    "PyMC's t": (lambda: bg.StudentT(nu=3, scale=1), "no 'nu'. Write df="),
    "no scale": (lambda: bg.Normal(), r"incomplete: it needs scale; write Normal\(scale\)"),
    "negative ridge": (lambda: bg.ridge(-1), r"ridge\(lam\): lam must be at least 0, got -1"),
    "formula": (lambda: bg.GLM("y ~ x + z"), r"needs terms; write formula\('y ~ x \+ z'\)"),
    "response only": (lambda: bg.GLM("y"), r"it needs terms; write GLM\('y', \['x'\]\)"),
    "nothing": (lambda: bg.GLM(), r"it needs response, terms; write GLM\(response, terms\)"),
    "named response": (lambda: bg.GLM(response="count"), r"write GLM\('count', \['x'\]\)"),
    "formula and data": (
        lambda: bg.GLM("y ~ 0 + x", pd.DataFrame({"y": [1], "x": [2]})),
        r"is a formula, .* write bayesglm\.formula\('y ~ 0 \+ x'\)",
    ),
    "formula and family": (
        lambda: bg.GLM("y ~ x", family="poisson"),
        r"write formula\('y ~ x'\)",
    ),
    "family of a fit": (
        lambda: bg.fit("y ~ x", {}, family="poisson", priors={}, draws=10),
        r"no family=, .* write fit\(formula\('y ~ x', family='poisson', priors=\{\}\), data\)\.$",
    ),
    "data and a formula": (
        lambda: bg.fit({"y": [1.0]}, "y ~ x"),
        r"the model comes first and the data second: write fit\(formula\('y ~ x'\), data\)\.$",
    ),
    "link of folds": (
        lambda: bg.kfold(model=glm(), data={}, link="log"),
        r"kfold takes no link=, .* write kfold\(GLM\(response, terms, link='log'\), data\)\.$",
    ),
    "misspelt option": (lambda: glm(familly="poisson"), "no 'familly'. Did you mean 'family'"),
    "option of others": (lambda: glm(penalty="l2"), "no 'penalty'. Write prior="),
    "alpha": (lambda: glm(alpha=1.0), "GLM takes response, terms, .*, and no 'alpha'"),
    "no terms": (lambda: glm(None), r"got None; write \['x'\], or \[\] for an intercept alone"),
    "set of terms": (lambda: glm({"x"}), r"terms are a set, .* a list: \['x'\]"),
    "terms with priors": (lambda: glm({"x": bg.ridge(1.0)}), r"are a dict.*\['x'\], or Linear\("),
    "family of an object": (lambda: glm(family=Poisson()), "Write family='poisson'"),
    "family of a class": (lambda: glm(family=Poisson), "Write family='poisson'"),
    "normal family": (lambda: glm(family="normal"), "Write family='gaussian'"),
    "Normal family": (lambda: glm(family="Normal"), "Write family='gaussian'"),
    "linear family": (lambda: glm(family="linear"), "Write family='gaussian'"),
    "logistic family": (lambda: glm(family="logistic"), "Write family='bernoulli'"),
    "capitals": (lambda: glm(family="POISSON"), "Did you mean 'poisson'"),
    "family of a link": (lambda: glm(family="logit"), "Write family='bernoulli'"),
    "link of another family": (
        lambda: glm(family="poisson", link="logit"),
        r"does not go with link 'logit'; it allows log, softplus, identity, sqrt\.$",
    ),
    "link of an object": (lambda: glm(family="poisson", link=Log()), "Write link='log'"),
    "link of another name": (
        lambda: glm(family="bernoulli", link="logistic"),
        "Write link='logit'",
    ),
    "prior of a word": (lambda: glm(prior="ridge"), r"got 'ridge'; write ridge\(1\.0\)"),
    "prior of l1": (lambda: glm(prior="L1"), r"got 'L1'; write lasso\(1\.0\)"),
    "prior of a number": (lambda: glm(prior=1.0), r"write Normal\(1\) for a .*, or ridge\(1\)"),
    "prior of zero": (lambda: glm(prior=0), r"got 0; write Flat\(\) for no penalty"),
    "prior of a function": (lambda: glm(prior=bg.ridge), r"; write ridge\(1\.0\)"),
    "prior of a class": (lambda: glm(prior=bg.Normal), r"; write Normal\(1\.0\)"),
    "term's prior of a word": (lambda: bg.Linear("x", prior="lasso"), r"write lasso\(1\.0\)"),
    "no intercept": (lambda: glm(intercept=False), "got False; write intercept=None for none"),
    "zero intercept": (lambda: glm(intercept=0), "got 0; write intercept=None"),
    "true intercept": (lambda: glm(intercept=True), "got True; leave it out"),
    "lags in seconds": (lambda: bg.Lagged("x", 0.025), r"got 0\.025; a time in seconds is window="),
    "no lags": (lambda: bg.Lagged("x"), r"needs one of lags= \(samples\) or window="),
    "no past": (lambda: bg.History(), r"needs one of lags= \(samples\) or window="),
    "lag": (lambda: bg.Lagged("x", lag=25), "no 'lag'. Write lags="),
    "no variable": (lambda: bg.Linear(), r"it needs variable; write Linear\(variable\)"),
}


@pytest.mark.parametrize(("make", "message"), SAYS.values(), ids=SAYS.keys())
def test_the_error_says_what_to_type(make, message):
    with pytest.raises(bg.ModelError, match=message):
        make()


def test_other_words_of_a_verb_are_an_ordinary_type_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'priors'"):
        bg.fit(glm(), {}, priors={})


def test_lags_by_position_are_samples():
    assert bg.Lagged("x", 25) == bg.Lagged("x", lags=25)


@pytest.mark.parametrize(
    "family",
    [
        name
        for name in (
            *("quasipoisson", "quasibinomial", "multinomial", "gamma", "beta", "tweedie"),
            *("student_t", "inverse_gaussian", "weibull", "ordinal"),
        )
        if name not in FAMILY_NAMES
    ],
)
def test_a_family_that_is_not_there_is_no_other_misspelt(family):
    with pytest.raises(bg.ModelError) as told:
        glm(family=family)
    listed = ", ".join(FAMILY_NAMES)
    assert str(told.value) == (
        f"unknown family {family!r}; the families are {listed}. One of your own is made known by "
        "register_family first."
    )


def test_other_names_are_no_names():
    for records in (FAMILY_NAMES, LINK_NAMES):
        others = [name for record in records.values() for name in record.also]
        assert not set(others) & (set(records) - {"logit", "probit"})
        assert len(set(others)) == len(others)


@pytest.mark.parametrize("verb", ["fit", "fit_map", "fit_mcmc", "to_pymc", "predict", "sample"])
def test_verbs_are_functions(verb):
    with pytest.raises(AttributeError, match=r"verbs are functions; write bayesglm\.\w+\("):
        getattr(glm(), verb)
    assert not hasattr(glm(), verb)


def test_what_a_model_lacks_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match=r"^'GLM' object has no attribute 'colour'$"):
        glm().colour  # noqa: B018


def test_names_of_a_familys_own_parameters_are_reserved(monkeypatch):
    odd = FamilyName(links=("log",), dispersions=("alpha", "nu"))
    monkeypatch.setitem(FAMILY_NAMES, "odd", odd)
    for name in odd.dispersions:
        with pytest.raises(bg.ModelError, match=f"term '{name}': .* reserved, .*'odd'; .*name="):
            glm(name, family="odd")
        with pytest.raises(bg.ModelError, match=f"response '{name}': .*'odd'; rename"):
            bg.GLM(name, "x", family="odd")
        assert glm(name, family="poisson").terms[0].label == name
        assert glm(bg.Linear(name, name="fine"), family="odd").variables == ("y", name)
    with pytest.raises(bg.ModelError, match="the name 'nu_lag' collides"):
        glm("nu_lag", family="odd")


def test_twenty_thousand_terms_are_checked_in_one_pass():
    names = [f"x{k}" for k in range(20_000)]
    assert len(glm(names).terms) == 20_000
    with pytest.raises(bg.ModelError, match="two terms are named 'x7'"):
        glm([*names, "x7"])
