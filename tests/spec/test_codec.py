"""A model survives being written: as its repr, as JSON, as a key of a dict; for any model."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.codec import NOUNS
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.priors import learned_scale

LIKELIHOODS = [(name, link) for name, family in FAMILY_NAMES.items() for link in family.links]
NAMES = st.text(alphabet="abcdexyzäω .-", min_size=1, max_size=6).map(lambda name: f"v{name}")


def arrays_of(numbers):
    """A number, or an array of one or two dims as nested tuples."""
    row = st.lists(numbers, min_size=1, max_size=3).map(tuple)
    table = st.integers(1, 3).flatmap(
        lambda n: st.lists(
            st.lists(numbers, min_size=n, max_size=n).map(tuple), min_size=1, max_size=3
        ).map(tuple)
    )
    return numbers | row | table


POSITIVE = arrays_of(st.floats(1e-300, 1e300))
REAL = arrays_of(st.floats(allow_nan=False, allow_infinity=False))
RATIO = arrays_of(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
WEIGHT = st.floats(1e-100, 1e100) | st.just(0.0)
ORDER = st.integers(1, 4)
DIMS = st.none() | NAMES | st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)
ONE = st.floats(1e-300, 1e300)
ABOVE = (
    st.builds(bg.HalfNormal, POSITIVE)
    | st.builds(bg.HalfStudentT, POSITIVE, POSITIVE)
    | st.builds(bg.Exponential, POSITIVE)
)


def pointwise(scale):
    """Priors of single coefficients that take a scale."""
    return (
        st.builds(bg.Normal, scale, REAL)
        | st.builds(bg.Laplace, scale, REAL)
        | st.builds(bg.StudentT, scale, POSITIVE, REAL)
        | st.builds(bg.ElasticNet, scale, RATIO, REAL)
    )


POINTWISE = (
    pointwise(POSITIVE)
    | st.builds(bg.SpikeSlab, arrays_of(st.floats(1.0, 1e300)), st.floats(1e-300, 0.9), RATIO)
    | st.just(bg.Flat())
    | WEIGHT.map(bg.ridge)
    | WEIGHT.map(bg.lasso)
    | st.builds(bg.elastic_net, WEIGHT, WEIGHT)
)
LEARNED = pointwise(ABOVE) | st.builds(bg.Horseshoe, ONE, ONE, ONE)
PRIORS = (
    POINTWISE
    | LEARNED
    | st.builds(bg.RandomWalk, POSITIVE | ABOVE, ORDER, DIMS)
    | st.builds(bg.smooth, WEIGHT, ORDER, DIMS)
)
DISPERSIONS = ABOVE | st.just(bg.Flat()) | POSITIVE


LEVELS = (
    st.none()
    | st.lists(NAMES, min_size=1, unique=True)
    | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True)
)


@st.composite
def spans(draw, first):
    """Keywords that say lags or a window in one of their forms."""
    start = draw(st.integers(first, 5))
    stop = start + draw(st.integers(1, 30))
    return draw(
        st.sampled_from(
            [
                {"lags": stop - start},
                {"lags": (start, stop)},
                {"window": (stop - start) / 7},
                {"window": (start / 7, stop / 7)},
            ]
        )
    )


@st.composite
def models(draw):
    """Any model: every family and link, every kind of term and prior, every option."""
    many = st.lists(NAMES, min_size=12, max_size=12, unique_by=lambda name: name.strip())
    response, *names = draw(many)
    optional, of_slopes = st.none() | PRIORS, st.none() | POINTWISE | LEARNED
    terms = draw(
        st.lists(
            st.sampled_from(
                [
                    bg.Linear(names[0], prior=draw(optional)),
                    bg.Linear((names[1], names[2]), name=names[3], prior=draw(optional)),
                    bg.Lagged(names[4], **draw(spans(-5)), prior=draw(optional)),
                    bg.History(**draw(spans(1)), prior=draw(optional)),
                    bg.Group(names[8], prior=draw(optional), levels=draw(LEVELS)),
                    bg.Group(names[8], (names[0], names[9]), name=names[9], prior=draw(of_slopes)),
                ]
            ),
            unique_by=lambda term: term.label,
        )
    )
    family, link = draw(st.sampled_from(LIKELIHOODS))
    labels = FAMILY_NAMES[family].labels
    of_levels = (labels is not None and labels.each) or bool(FAMILY_NAMES[family].increasing)
    if of_levels:  # which are no amounts, and have a predictor each, or cutpoints for an intercept
        terms = [term for term in terms if not term.reads_response]
    link = draw(st.sampled_from([None, link]))
    is_log = LINK_NAMES[link or FAMILY_NAMES[family].links[0]].is_log
    return bg.GLM(
        response,
        terms,
        family=family,
        link=link,
        prior=draw(optional),
        intercept=bg.Flat() if of_levels else draw(st.none() | POINTWISE),
        dispersion=draw(st.none() | DISPERSIONS) if family == "gaussian" else None,
        trials=names[5] if FAMILY_NAMES[family].needs_trials else None,
        offset=None if of_levels else draw(st.none() | st.just(names[6])),
        exposure=draw(st.none() | st.just(names[10])) if is_log else None,
        weights=draw(st.none() | st.just(names[7])),
        edges=draw(st.sampled_from(["drop", "zero"])),
    )


@given(models())
def test_json_and_repr_give_an_equal_model_back(model):
    again = bg.GLM.from_json(model.to_json())
    assert again == model
    assert hash(again) == hash(model)
    assert again.to_json() == model.to_json()
    assert eval(repr(model), vars(bg)) == model


@given(models())
def test_any_model_prints(model):
    lines = str(model).splitlines()
    n_rows = (
        (model.intercept is not None)
        + len(model.terms)
        + len(FAMILY_NAMES[model.family].dispersions)
    )
    n_rows += sum(learned_scale(model.prior_of(term)) is not None for term in model.terms)
    labels = FAMILY_NAMES[model.family].labels
    if labels is not None and labels.most is None:  # the levels, and what each has of its own
        n_rows += 1 + labels.each
    assert len(lines) == 2 + n_rows
    assert all(line == line.rstrip() for line in lines)


@settings(max_examples=30)
@given(models(), models())
def test_equal_means_equal_in_every_field(one, other):
    same = all(
        getattr(one, field.name) == getattr(other, field.name) for field in dataclasses.fields(one)
    )
    assert (one == other) == same
    assert len({one, other, bg.GLM.from_json(one.to_json())}) == (1 if same else 2)


@pytest.mark.parametrize(
    "noun",
    [
        bg.Linear("x"),
        bg.Linear(["a", "b"], name="ab", prior=bg.Normal([[1.0, 2.0], [3.0, 4.0]], loc=[1.0])),
        bg.Lagged("x", lags=3),
        bg.Lagged("x", lags=(-2, 3), name="k"),
        bg.Lagged("x", window=(-0.1, 0.2)),
        bg.History(window=0.2, prior=bg.Laplace(2.0)),
        bg.Lagged("x", lags=3, prior=bg.smooth(4.0, order=2, dims="lag")),
        bg.Linear("film", prior=bg.RandomWalk([[1.0], [2.0]], dims=["height", "width"])),
        bg.Linear("x", prior=bg.elastic_net(1.0, 2.0)),
        bg.Linear("x", prior=bg.Horseshoe(0.1, slab_df=2)),
        bg.Linear("x", prior=bg.StudentT(bg.HalfStudentT([1.0, 2.0], df=3), df=7)),
        bg.Group("g"),
        bg.Group("g", slopes=["x", "z"], name="b", prior=bg.Normal(bg.Exponential(0.5))),
        bg.Flat(),
    ],
    ids=repr,
)
def test_every_noun_inside_a_model(noun):
    is_prior = isinstance(noun, bg.Flat)
    model = bg.GLM("y", [] if is_prior else [noun], prior=noun if is_prior else None)
    assert bg.GLM.from_json(model.to_json()) == model
    assert eval(repr(noun), vars(bg)) == noun


@pytest.mark.parametrize("noun", [bg.GLM("y", "x"), bg.Flat()], ids=repr)
def test_nouns_are_frozen(noun):
    for field in dataclasses.fields(noun) or [None]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, field.name if field else "scale", 2.0)
    assert noun == eval(repr(noun), vars(bg))


def test_json_is_plain_and_leaves_defaults_out():
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(np.array([[1, 2]]))), intercept=None)
    assert json.loads(model.to_json()) == {
        "type": "GLM",
        "response": "y",
        "terms": [
            {"type": "Linear", "variable": "x", "prior": {"type": "Normal", "scale": [[1.0, 2.0]]}}
        ],
        "intercept": None,
    }


def test_json_of_the_priors_with_options():
    prior = bg.RandomWalk(0.5, order=2, dims=("y", "x"))
    model = bg.GLM("y", bg.Linear("film", prior=prior), prior=bg.ElasticNet(2.0, ratio=0.25))
    plain = json.loads(model.to_json())
    assert plain["terms"][0]["prior"] == {
        "type": "RandomWalk",
        "scale": 0.5,
        "order": 2,
        "dims": ["y", "x"],
    }
    assert plain["prior"] == {"type": "ElasticNet", "scale": 2.0, "ratio": 0.25}


def test_json_of_a_group_whose_scale_is_learned():
    prior = bg.Normal(bg.HalfStudentT(2.0, df=3))
    model = bg.GLM("y", bg.Group("g", slopes="x", prior=prior), family="poisson")
    assert json.loads(model.to_json())["terms"] == [
        {
            "type": "Group",
            "factor": "g",
            "slopes": ["x"],
            "prior": {
                "type": "Normal",
                "scale": {"type": "HalfStudentT", "scale": 2.0, "df": 3.0},
            },
        }
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        (None, "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[" * 900 + "]" * 900, "brackets inside brackets, more than 32 deep"),
        (
            '{"type": "GLM", "response": "y", "terms": [], "prior": {"type": "Normal", "scale": '
            + "[" * 400
            + "1"
            + "]" * 400
            + "}}",
            "brackets inside brackets, more than 32 deep",
        ),
        ('{"a":' * 900 + "1" + "}" * 900, "brackets inside brackets, more than 32 deep"),
        ('{"type": "GLM", "response": "y", "response": "z", "terms": []}', "'response' stands tw"),
        (b'{"type": "GLM\xff"}', "not valid JSON"),
        ("3", "says a int, not a GLM"),
        ('{"type": "Flat"}', "says a Flat, not a GLM"),
        ("[]", "says a tuple, not a GLM"),
        ('{"response": "y"}', "unknown type None"),
        ('{"type": ["GLM"]}', r"unknown type \['GLM'\]"),
        ('{"type": "Norml", "scale": 1}', "Did you mean 'Normal'"),
        ('{"type": "Normal", "scal": 1}', "unknown field 'scal'. Did you mean 'scale'"),
        ('{"type": "GLM", "response": "y"}', "GLM is incomplete: .*terms"),
        ('{"type": "GLM", "response": "y", "terms": 3}', "a term must be"),
        ('{"type": "GLM", "response": "y", "terms": ["x"], "link": "logit"}', "does not go with"),
        (
            '{"type": "GLM", "response": "y", "terms": [], "prior": {"type": "Normal",'
            ' "scale": NaN}}',
            "Normal scale must be a positive, finite number",
        ),
        (
            '{"type": "GLM", "response": "y", "terms": [], "prior": {"type": "RandomWalk",'
            ' "scale": 1, "order": 1.0}}',
            "RandomWalk order must be 1, 2, 3 or 4, got 1.0",
        ),
        (
            '{"type": "GLM", "response": "y", "terms": [], "prior": {"type": "ElasticNet",'
            ' "scale": 1, "ratio": 1}}',
            "ElasticNet ratio must lie above 0 and below 1, got 1.0",
        ),
        (
            '{"type": "GLM", "response": "y", "terms": [], "prior": {"type": "Normal",'
            ' "scale": {"type": "Flat"}}}',
            r"Normal scale has the prior Flat\(\); .* takes a proper prior of a positive parameter",
        ),
        (
            '{"type": "GLM", "response": "y", "terms": [{"type": "Group", "factor": "g",'
            ' "slopes": 3}]}',
            "Group slopes must be names of variables, got 3",
        ),
        ('{"type": "Dispersions"}', "Dispersions is incomplete: it needs entries"),
        ('{"type": "Dispersions", "entries": [[]]}', r"pairs of a parameter's name .*, got \(\)"),
        ('{"type": "Dispersions", "entries": "sigma"}', "pairs of a parameter's name .* 'sigma'"),
        ('{"type": "Dispersions", "entries": [["a", 1], ["a", 2]]}', "name 'a' twice"),
        ('{"type": "Predictor", "terms": 3}', "a term must be"),
        ('{"type": "Predictor", "terms": [], "prior": 3}', "must be one of HalfNormal, .* got 3"),
        ('{"type": "Interaction", "parts": null}', "a part must be a variable's name, .* got None"),
    ],
)
def test_json_that_says_no_model(text, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.GLM.from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "scale", "dims", "lags", "response", "factor", "slopes"]),
            inner,
        )
    ),
    max_leaves=8,
)


NAMED = {name: getattr(bg, name) for name in bg.__all__}  # all that a repr may name


def survives_where_it_is_a_model(parsed):
    try:
        model = bg.GLM.from_json(json.dumps(parsed))
    except bg.ModelError:
        return
    assert bg.GLM.from_json(model.to_json()) == model
    assert hash(model) == hash(eval(repr(model), NAMED))
    assert str(model)


@given(st.sampled_from(sorted(NOUNS)), st.data())
def test_any_json_is_a_model_or_a_model_error(name, data):
    fields = {field.name: JSON for field in dataclasses.fields(NOUNS[name])}
    noun = {"type": name, **data.draw(st.fixed_dictionaries({}, optional=fields))}
    model = {"type": "GLM", "response": "y", "terms": ["x"]}
    survives_where_it_is_a_model(noun)
    survives_where_it_is_a_model({**model, "terms": [noun], "prior": noun})
    survives_where_it_is_a_model({**model, "dispersion": noun})
