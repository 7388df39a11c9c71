"""Splines and bases as they are said."""

import pytest

import bayesglm as bg

REFUSED = [
    (lambda: bg.Spline("x", df=2), "Spline df must be a whole number of at least 3"),
    (lambda: bg.Spline("x", df=6.5), "whole number"),
    (lambda: bg.Spline("x", degree=0), "degree must be a whole number of at least 1"),
    (lambda: bg.Spline("x", cyclic=True), "needs its period; write bounds="),
    (lambda: bg.Spline("x", cyclic="yes"), "cyclic must be True or False"),
    (lambda: bg.Spline("x", bounds=(1, 0)), "bounds must increase"),
    (lambda: bg.Spline("x", bounds=(0, 1, 2)), "the two ends of a range"),
    (lambda: bg.Spline("x", bounds=3.0), "sequence of numbers"),
    (lambda: bg.Spline("x", knots=[1, 1]), "knots must increase"),
    (lambda: bg.Spline("x", knots=[1, 2], bounds=(0, 2)), "inner knots lie between"),
    (lambda: bg.Spline("x", df=8, knots=[1, 2]), "leave df out, which is then 5"),
    (lambda: bg.Basis("x"), "needs its number of columns"),
    (lambda: bg.Basis("x", "bx", df=3), "must be one of bs, cr, poly"),
    (lambda: bg.Basis("x", df=2), "Basis df of 'bs' must be a whole number of at least 3"),
    (lambda: bg.Basis("x", "cr", df=3, degree=2), "takes no degree"),
    (lambda: bg.Basis("x", "poly", df=3, knots=[1.0]), "has no knots"),
    (lambda: bg.Basis("x", df=4, knots=[1.0, 2.0]), "leave df out, which is then 5"),
    (lambda: bg.Spline.from_text("x:many"), "must be whole"),
    (lambda: bg.Spline("x", k=10), "no 'k'. Write df="),
    (lambda: bg.Basis.from_text("x:bs"), "must be whole, for example age:cr:4"),
    (lambda: bg.Spline("x", knots=[1], bounds=(0, 2), constants=[[0.0] * 3] * 2), "that a fit sto"),
    (lambda: bg.Spline("x", df=3, constants=[[0.0] * 3] * 2), "beside the bounds"),
    (lambda: bg.Spline("x", df=3, bounds=(0, 1), constants=[[0.0] * 3] * 2), "and no knots"),
    (lambda: bg.Basis("x", "cr", df=3, bounds=(0, 1), constants=[[0.0] * 4]), "and no knots"),
    (lambda: bg.Basis("x", "poly", df=3, bounds=(0, 1), constants=[[0.0] * 3]), "that a fit sto"),
    (lambda: bg.Basis("x", df=3, constants=3.0), "must be sequences of numbers"),
    (
        lambda: bg.Interaction(bg.Spline("x"), bg.Basis("z", "poly", df=2)),
        "has a curve beside another",
    ),
    (lambda: bg.Interaction(bg.Spline("x"), bg.Lagged("z", lags=2)), "or beside lags"),
    (lambda: bg.RandomWalk(1.0, free=bg.Flat()), "free must be a Normal"),
    (lambda: bg.RandomWalk(1.0, free=bg.Normal(bg.HalfNormal(1.0))), "free must be a Normal"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_cannot_be_said(make, words):
    with pytest.raises(bg.ModelError, match=words):
        make()


def test_knots_say_how_many_columns_there_are():
    assert bg.Spline("x", knots=[1, 2]).df == 5
    assert bg.Spline("x", knots=[1, 2, 3], bounds=(0, 4), cyclic=True).df == 3
    assert bg.Basis("x", knots=[1, 2], degree=2).df == 4
    assert bg.Basis("x", "cr", knots=[1, 2]).df == 3


def test_the_line_of_a_curve_is_printed():
    free = bg.Normal(3.0, loc=1.0)
    model = bg.GLM("y", bg.Spline("x", prior=bg.RandomWalk(0.5, order=2, free=free)))
    assert "x                     ~ RandomWalk(2, 0.5², free Normal(1, 3²))" in str(model)


@pytest.mark.parametrize(("name", "term"), [("s", "Spline"), ("bs", "Basis"), ("poly", "Basis")])
def test_words_of_formulas_are_told_what_to_write(name, term):
    with pytest.raises(AttributeError, match=rf"write bayesglm\.{term}\("):
        getattr(bg, name)
