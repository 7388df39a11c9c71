"""The model: what it keeps, what it shows, and everything that cannot be a model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model_names import RESERVED
from bayesglm.spec.priors import COEFFICIENT_PRIORS

LINKS = sorted({link for family in FAMILY_NAMES.values() for link in family.links})


def glm(terms="x", response="y", **options):
    return bg.GLM(response, terms, **options)


def test_terms_in_all_their_forms_are_one_model():
    models = [
        glm("x"),
        glm(["x"]),
        glm(("x",)),
        glm(bg.Linear("x")),
        glm(name for name in ["x"]),
        glm(np.array(["x"])),
    ]
    assert len(set(models)) == 1
    assert models[0].terms == (bg.Linear("x"),)


def test_the_canonical_link_is_the_default():
    for family, of in FAMILY_NAMES.items():
        trials = {"trials": "n"} if of.needs_trials else {}
        said = glm(family=family, link=of.links[0], **trials)
        assert said == glm(family=family, **trials)
        assert said.link_name == of.links[0]


def test_repr_reads_like_the_call():
    assert repr(glm()) == "GLM('y', [Linear('x')])"
    model = bg.GLM(
        "spikes",
        [bg.Lagged("stimulus", lags=25, prior=bg.ridge(1.0)), bg.History(lags=20)],
        family="poisson",
        link="softplus",
        intercept=None,
        weights="w",
        edges="zero",
    )
    assert repr(model) == (
        "GLM('spikes', [Lagged('stimulus', lags=25, prior=Normal(1.0)), History(lags=20)], "
        "family='poisson', link='softplus', intercept=None, weights='w', edges='zero')"
    )


def test_numpy_strings_are_plain_strings():
    model = bg.GLM(np.str_("y"), [np.str_("x")], family=np.str_("poisson"), offset=np.str_("o"))
    assert repr(model) == "GLM('y', [Linear('x')], family='poisson', offset='o')"


def test_variables_are_listed_once_the_response_first():
    model = bg.GLM(
        "y",
        ["x", bg.Linear(("x", "z"), name="xz"), bg.History(lags=2)],
        family="binomial",
        trials="n",
        offset="x",
        weights="w",
    )
    assert model.variables == ("y", "x", "z", "n", "w")
    assert model.roles == {"trials": "n", "offset": "x", "weights": "w"}
    exposed = glm(family="poisson", offset="o", exposure="km", weights="w")
    assert exposed.variables == ("y", "x", "o", "km", "w")
    assert model.has_history
    assert not glm().has_history


def test_every_coefficient_prior_is_a_models_and_a_terms():
    for prior in (bg.ElasticNet(1.0, 0.2), bg.smooth(2.0, order=2, dims="lag")):
        own = bg.Lagged("x", lags=5, prior=prior)
        assert glm(own).prior_of(own) == prior
        assert glm("z", prior=prior).prior_of(bg.Linear("z")) == prior
    assert glm(intercept=bg.elastic_net(1.0, 1.0)).intercept == bg.elastic_net(1.0, 1.0)


def test_a_terms_own_prior_comes_first():
    own, shared = bg.Linear("x", prior=bg.Flat()), bg.Linear("z")
    model = glm([own, shared], prior=bg.ridge(1.0))
    assert model.prior_of(own) == bg.Flat()
    assert model.prior_of(shared) == bg.ridge(1.0)
    assert glm([shared]).prior_of(shared) is None


def test_a_group_does_not_take_the_models_prior():
    group, own = bg.Group("g"), bg.Group("h", prior=bg.Normal(0.5))
    model = glm(["x", group, own], prior=bg.lasso(1.0))
    assert [model.prior_of(term) for term in model.terms] == [
        bg.lasso(1.0),
        None,
        bg.Normal(0.5),
    ]
    assert model.variables == ("y", "x", "g", "h")
    assert glm([bg.Group("g", slopes=("x", "z"))]).variables == ("y", "g", "x", "z")


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_family_and_link(family):
    options = {"trials": "n"} if FAMILY_NAMES[family].needs_trials else {}
    links = FAMILY_NAMES[family].links
    for link in links:
        assert glm(family=family, link=link, **options).link_name == link
    for link in (link for link in LINKS if link not in links):
        message = f"family '{family}' does not go with link '{link}'; it allows {', '.join(links)}"
        with pytest.raises(bg.ModelError, match=message):
            glm(family=family, link=link, **options)


@pytest.mark.parametrize(
    ("family", "near"),
    [
        ("poison", "poisson"),
        ("Gaussian", "gaussian"),
        ("binomal", "binomial"),
        ("bernouli", "bernoulli"),
    ],
)
def test_an_unknown_family_suggests_the_near_one(family, near):
    with pytest.raises(
        bg.ModelError,
        match=f"unknown family '{family}'; the families are gaussian, .*Did you mean '{near}'",
    ):
        glm(family=family)


@pytest.mark.parametrize("family", [None, 3, ["poisson"], {}, "", np.nan])
def test_a_family_that_is_no_word(family):
    with pytest.raises(bg.ModelError, match=r"unknown family .*gaussian, bernoulli, binomial, poi"):
        glm(family=family)


def test_a_misspelt_link_suggests_the_near_one():
    with pytest.raises(bg.ModelError, match=r"'prob'; it allows logit, probit.*mean 'probit'"):
        glm(family="bernoulli", link="prob")


FAULTS = {
    "number as a term": (lambda: glm([3]), "a term must be one of Linear, Lagged.* got 3"),
    "None as terms": (lambda: glm(None), "a term must be one of .* got None"),
    "prior as a term": (lambda: glm([bg.Normal(1.0)]), "a term must be one of"),
    "class as a term": (lambda: glm([bg.Linear]), "a term must be one of"),
    "empty name": (lambda: glm(""), "Linear variable must be a non-empty string"),
    "same term twice": (
        lambda: glm(["x", "x"]),
        "two terms are named 'x'; give one .*name=.*name='x_2'",
    ),
    "two terms of one variable": (
        lambda: glm(["x", bg.Lagged("x", lags=2)]),
        "two terms are named 'x'",
    ),
    "two histories": (
        lambda: glm([bg.History(lags=2), bg.History(lags=3)]),
        "two terms are named 'history'",
    ),
    "variable called history": (
        lambda: glm(["history", bg.History(lags=2)]),
        "two terms are named 'history'",
    ),
    "slash in a term": (lambda: glm("a/b"), "term 'a/b': a name cannot hold '/'; .*name="),
    "slash in a response": (lambda: glm(response="a/b"), "response 'a/b': .*'/'; rename"),
    "slash in a variable": (
        lambda: glm(bg.Linear("a/b", name="ab")),
        "variable 'a/b': a name cannot hold '/'; rename the variable",
    ),
    "slash in weights": (lambda: glm(weights="a/b"), "variable 'a/b': .*'/'"),
    "response as a term": (lambda: glm("y"), "term 'y' predicts 'y' from itself; use History"),
    "response renamed": (lambda: glm(bg.Linear("y", name="z")), "term 'z' predicts 'y' from its"),
    "response lagged": (lambda: glm(bg.Lagged("y", lags=(1, 5), name="z")), "use History"),
    "response among several": (lambda: glm(bg.Linear(("x", "y"), name="z")), "use History"),
    "history named as the response": (
        lambda: glm(bg.History(lags=2, name="y")),
        "the name 'y' collides .*name=",
    ),
    "derived from a term": (lambda: glm(["x", "x_lag"]), "the name 'x_lag' collides .*name="),
    "derived scale": (lambda: glm(["x", "x_scale"]), "'x_scale' collides"),
    "derived scale of a learned one": (
        lambda: glm([bg.Linear("x", prior=bg.Normal(bg.HalfNormal(1.0))), "x_scale"]),
        "the name 'x_scale' collides with one that the model itself needs; .*name=",
    ),
    "response named as a scale": (
        lambda: glm(bg.Group("g"), response="g_scale"),
        "the name 'g_scale' collides",
    ),
    "derived local scale": (lambda: glm(["x", "x_local"]), "'x_local' collides"),
    "derived slab": (lambda: glm(["x", "x_slab"]), "'x_slab' collides"),
    "derived levels": (lambda: glm([bg.Group("g"), "g_level"]), "'g_level' collides"),
    "derived effects": (lambda: glm([bg.Group("g"), "g_effect"]), "'g_effect' collides"),
    "a factor and a predictor": (lambda: glm(["g", bg.Group("g")]), "two terms are named 'g'"),
    "response as a factor": (lambda: glm(bg.Group("y")), "term 'y' predicts 'y' from itself"),
    "response as a slope": (lambda: glm(bg.Group("g", slopes="y")), "term 'g' predicts 'y' from"),
    "learned scale of the intercept": (
        lambda: glm(intercept=bg.Normal(bg.HalfNormal(1.0))),
        "a single coefficient says next to nothing of its own scale; give .* a number",
    ),
    "horseshoe of the intercept": (
        lambda: glm(intercept=bg.Horseshoe(1.0)),
        "a single coefficient says next to nothing of its own scale",
    ),
    "learned scale of a dispersion": (
        lambda: glm(dispersion=bg.HalfNormal(bg.HalfNormal(1.0))),
        "HalfNormal scale is itself a prior",
    ),
    "derived lengthscale": (lambda: glm(["x", "x_lengthscale"]), "'x_lengthscale' collides"),
    "derived columns": (lambda: glm(["x", "x_column"]), "'x_column' collides"),
    "derived data": (lambda: glm(["x", "x_data"]), "'x_data' collides"),
    "derived from the response": (lambda: glm("y_data"), "'y_data' collides"),
    "response derived from a term": (lambda: glm(response="x_lag"), "'x_lag' collides"),
    "derived from a role": (lambda: glm("w_data", weights="w"), "'w_data' collides"),
    "weights of the likelihood": (lambda: glm("y_weights", weights="w"), "'y_weights' collides"),
    "response is a number": (lambda: glm(response=3), "response must be the name .* got 3"),
    "response is several": (lambda: glm(response=["y"]), r"response must be .* got \['y'\]"),
    "response is empty": (lambda: glm(response=""), "response must be the name of a variable"),
    "trials of a poisson": (
        lambda: glm(family="poisson", trials="trial"),
        "trials='trial' is the count variable of a binomial, .*'poisson' has none.*'trial' coord",
    ),
    "trials of a gaussian": (lambda: glm(trials="n"), "'gaussian' has none.*'trial' coordinate"),
    "trials of a bernoulli": (
        lambda: glm(family="bernoulli", trials="n"),
        "'bernoulli' has none.*'trial' coordinate",
    ),
    "no trials": (
        lambda: glm(family="binomial"),
        "'binomial' needs trials=.* for 0/1 responses use family 'bernoulli'",
    ),
    "number of trials": (
        lambda: glm(family="binomial", trials=10),
        "trials must be the name of a variable, got 10",
    ),
    "exposure on softplus": (
        lambda: glm(family="poisson", link="softplus", exposure="km"),
        r"exposure='km' .* is 'softplus'. .*'gaussian' \(link='log'\) .*'poisson' \(link='log'\)",
    ),
    "exposure of a gaussian": (lambda: glm(exposure="km"), "link of this gaussian .* 'identity'"),
    "exposure of a bernoulli": (
        lambda: glm(family="bernoulli", link="cloglog", exposure="km"),
        "exposure='km' multiplies the mean.*'cloglog'.*offset=",
    ),
    "values as exposure": (
        lambda: glm(family="poisson", exposure=[1.0, 2.0]),
        "exposure must be the name",
    ),
    "response as its exposure": (
        lambda: glm(family="poisson", exposure="y"),
        "exposure='y' is the response itself",
    ),
    "derived from an exposure": (
        lambda: glm("km_data", family="poisson", exposure="km"),
        "'km_data' collides",
    ),
    "derived from two roles": (
        lambda: glm("w_offset_data", family="poisson", offset="w", weights="w"),
        "'w_offset_data' collides",
    ),
    "empty offset": (lambda: glm(offset=""), "offset must be the name"),
    "values as weights": (lambda: glm(weights=[1.0, 2.0]), "weights must be the name"),
    "response as its offset": (lambda: glm(offset="y"), "offset='y' is the response itself"),
    "response as its weights": (lambda: glm(weights="y"), "weights='y' is the response itself"),
    "edges": (lambda: glm(edges="wrap"), "edges must be 'drop' or 'zero', got 'wrap'"),
    "prior": (lambda: glm(prior=1.0), "prior must be one of Normal, Laplace, .*, got 1.0"),
    "prior of a scale": (lambda: glm(prior=bg.HalfStudentT(1.0)), "prior must be one of Normal"),
    "intercept": (lambda: glm(intercept=0.0), "intercept must be one of .*or None, got 0.0"),
    "walk of an intercept": (
        lambda: glm(intercept=bg.smooth(1.0)),
        r"intercept=RandomWalk\(1.0\): .* an intercept has none; use Normal, .*Flat",
    ),
    "walk of a dispersion": (
        lambda: glm(dispersion=bg.RandomWalk(1.0)),
        r"prior of a positive parameter .*got RandomWalk\(1.0\)",
    ),
    "elastic net of a dispersion": (
        lambda: glm(dispersion=bg.ElasticNet(1.0)),
        "prior of a positive parameter",
    ),
    "penalty as a prior": (
        lambda: glm(prior=bg.elastic_net),
        f"one of {', '.join(kind.__name__ for kind in COEFFICIENT_PRIORS)}, got <function",
    ),
    "no intercept": (lambda: glm(intercept=False), "or None, got False"),
    "dispersion of a poisson": (
        lambda: glm(family="poisson", dispersion=1.0),
        "'poisson' has no dispersion; remove dispersion=1.0",
    ),
    "dispersion zero": (lambda: glm(dispersion=0), r"dispersion \(sigma\) must be a positive"),
    "dispersion nan": (lambda: glm(dispersion=np.nan), r"dispersion \(sigma\) must be a positive"),
    "dispersion bool": (lambda: glm(dispersion=True), "dispersion"),
    "dispersion text": (lambda: glm(dispersion="one"), "positive number or a prior .*HalfNormal"),
    "dispersion normal": (
        lambda: glm(dispersion=bg.Normal(1.0)),
        r"prior of a positive parameter \(HalfNormal, HalfStudentT, Exponential, .*Flat\)",
    ),
    "dispersion of another name": (
        lambda: glm(dispersion={"shape": 1.0}),
        r"dispersion names \['shape'\]; family 'gaussian' has sigma",
    ),
    "empty dispersion": (lambda: glm(dispersion={}), "family 'gaussian' has sigma"),
}


@pytest.mark.parametrize(("make", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_no_model(make, message):
    with pytest.raises(bg.ModelError, match=message):
        make()


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names(name):
    with pytest.raises(bg.ModelError, match=f"response '{name}': the name is reserved; rename"):
        glm(response=name)
    with pytest.raises(bg.ModelError, match=f"term '{name}': the name is reserved; .*name="):
        glm(name)
    assert glm(bg.Linear(name, name="fine")).terms[0].label == "fine"


def test_dispersion_in_all_its_forms():
    assert glm(dispersion=2) == glm(dispersion=2.0) == glm(dispersion={"sigma": np.array(2.0)})
    assert glm(dispersion={"sigma": bg.Flat()}).dispersion == bg.Flat()
    assert glm(dispersion=np.array([1, 2])).dispersion == (1.0, 2.0)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "family",
                "link",
                "prior",
                "intercept",
                "dispersion",
                "trials",
                "offset",
                "exposure",
                "edges",
            ]
        ),
        st.none()
        | st.booleans()
        | st.floats()
        | st.sampled_from(["y", "x", "poisson", "log", "binomial", "logit", "", "zero", "a/b"])
        | st.sampled_from(
            [bg.Flat(), bg.Normal(1.0), bg.HalfNormal(1.0), bg.Linear("x"), bg.RandomWalk(1.0)]
        )
        | st.sampled_from([bg.Normal(bg.HalfNormal(1.0)), bg.Horseshoe(1.0), bg.StudentT(1.0)])
        | st.lists(st.floats(), max_size=2),
    ),
    st.lists(
        st.sampled_from(["x", "z", "y", "", 3, bg.History(lags=2), bg.Linear("x"), bg.Group("z")])
    ),
)
def test_any_options_make_a_model_or_a_model_error(options, terms):
    try:
        model = bg.GLM("y", terms, **options)
    except bg.ModelError:
        return
    assert eval(repr(model), vars(bg)) == model
    assert str(model)
