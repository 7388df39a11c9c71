"""How a model says that responses are censored or truncated."""

import pytest

import bayesglm as bg


@pytest.mark.parametrize(
    "options",
    [
        {"censored": "status"},
        {"censored": ("status", "upper")},
        {"truncated": (0, None)},
        {"truncated": ("low", 5.5), "censored": ["status"]},
    ],
    ids=str,
)
def test_models_keep_what_they_say(options):
    model = bg.GLM("y", "x", family="weibull", **options)
    assert bg.GLM.from_json(model.to_json()) == model
    assert hash(model) == hash(bg.GLM("y", "x", family="weibull", **options))
    assert eval(repr(model), vars(bg) | {name: getattr(bg, name) for name in bg.__all__}) == model
    assert set(model.variables) >= {"y", "x"}


def test_print_says_how_responses_are_seen():
    model = bg.GLM("y", "x", family="weibull", censored=("status", "upper"), truncated=("low", 5.5))
    first = str(model).splitlines()[0]
    assert first.endswith(
        "(seen from low[i] to 5.5; censored as status[i] says, intervals up to upper[i])"
    )
    assert "(seen from 1 on)" in str(bg.GLM("y", "x", family="poisson", truncated=(1, None)))
    assert model.variables == ("y", "x", "status", "upper", "low")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"censored": 1}, "the words none, left, right, interval"),
        ({"censored": ("a", "b", "c")}, r"censored=\('status', 'upper'\)"),
        ({"censored": "y"}, "the censoring status 'y' is the response itself"),
        ({"truncated": 3}, "must be two bounds"),
        ({"truncated": (2, 1)}, r"write truncated=\(1, 2\)"),
        ({"truncated": (1, 1)}, "nothing lies between equal bounds"),
        ({"truncated": (None, None)}, "bounds nothing"),
        ({"truncated": (True, 2)}, "not True"),
        ({"truncated": ("y", 2)}, "the lower bound 'y' is the response itself"),
        ({"family": "bernoulli", "censored": "s"}, "a bernoulli response is 0 or 1"),
        ({"family": "ordinal", "truncated": (0, 1)}, "an ordinal response is a label"),
        ({"family": "categorical", "censored": "s"}, "a categorical response is a label"),
        ({"family": "von_mises", "censored": "s"}, "a circle has no ends"),
        ({"censored": "s", "terms": [bg.History(lags=2)]}, "reads the past of 'y' as amounts"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_model_can_say(options, said):
    options = {"family": "weibull", "terms": "x"} | options
    with pytest.raises(bg.ModelError, match=said):
        bg.GLM("y", **options)


def test_history_beside_bounds_is_known():
    model = bg.GLM("y", [bg.History(lags=2)], family="poisson", truncated=(None, 20))
    assert model.has_history
