"""Levels and reference of a response of labels: what a model may say of them."""

import numpy as np
import pytest

import bayesglm as bg


def test_levels_and_reference_come_back_from_json_in_their_order():
    model = bg.GLM("side", [], family="bernoulli", levels=["right", "left"], reference="left")
    again = bg.GLM.from_json(model.to_json())
    assert again == model
    assert again.levels == ("right", "left")
    assert again.reference == "left"


def test_levels_of_libraries_become_pythons_own():
    model = bg.GLM(
        "side", [], family="bernoulli", levels=np.array(["b", "a"]), reference=np.str_("a")
    )
    assert repr(model) == ("GLM('side', [], family='bernoulli', levels=('b', 'a'), reference='a')")


def test_a_model_without_levels_says_nothing_of_them():
    model = bg.GLM("y", [], family="bernoulli")
    assert "levels" not in model.to_json()
    assert "reference" not in model.to_json()
    assert bg.GLM.from_json(model.to_json()) == model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "poisson", "levels": ["a", "b"]}, "a poisson response is a number"),
        ({"family": "gaussian", "reference": "a"}, "leave reference out"),
        ({"family": "bernoulli", "levels": ["a"]}, "the only level is 'a'"),
        ({"family": "bernoulli", "levels": ["a", "b", "c"]}, "there are 3 levels"),
        ({"family": "bernoulli", "levels": ["a", "a"]}, "name 'a' twice"),
        ({"family": "bernoulli", "levels": ["a", 2]}, "all words or all whole numbers"),
        ({"family": "bernoulli", "levels": {"a", "b"}}, "in an order of their own"),
        ({"family": "bernoulli", "reference": None}, "name one of its levels"),
        (
            {"family": "bernoulli", "levels": ["left", "right"], "reference": "rihgt"},
            "Did you mean 'right'",
        ),
    ],
)
def test_what_cannot_be_levels_is_refused(options, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.GLM("y", [], **options)
