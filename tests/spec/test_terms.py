"""Terms as they are said: lags and windows in all their forms, names, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg


@pytest.mark.parametrize(
    ("term", "lags"),
    [
        (bg.Lagged("x", lags=1), range(0, 1)),
        (bg.Lagged("x", lags=25), range(0, 25)),
        (bg.Lagged("x", lags=(-3, 2)), range(-3, 2)),
        (bg.Lagged("x", lags=(5, 8)), range(5, 8)),
        (bg.Lagged("x", window=0.025), range(0, 25)),
        (bg.Lagged("x", window=(-0.01, 0.02)), range(-10, 20)),
        (bg.Lagged("x", window=0.0254), range(0, 25)),
        (bg.Lagged("x", window=0.0256), range(0, 26)),
        (bg.History(lags=20), range(1, 21)),
        (bg.History(lags=(3, 5)), range(3, 5)),
        (bg.History(window=0.02), range(1, 21)),
        (bg.History(window=(0.001, 0.005)), range(1, 5)),
    ],
    ids=repr,
)
def test_lags_of_a_term_at_one_millisecond(term, lags):
    assert term.lag_range(0.001) == lags


@given(st.integers(1, 500), st.sampled_from([0.001, 0.01, 1 / 3, 1 / 1024, 0.1]))
def test_a_window_of_whole_samples_is_that_many_lags(n, step):
    assert bg.Lagged("x", window=n * step).lag_range(step) == range(n)
    assert bg.History(window=n * step).lag_range(step) == range(1, n + 1)


@pytest.mark.parametrize("lags", [np.int64(3), np.array(3)])
def test_numpy_lags_are_plain_ints(lags):
    assert repr(bg.Lagged("x", lags=lags)) == "Lagged('x', lags=3)"
    pair = bg.Lagged("x", lags=np.array([-1, 3]), name=np.str_("k"))
    assert repr(pair) == "Lagged('x', lags=(-1, 3), name='k')"
    assert repr(bg.History(window=np.float64(0.5))) == "History(window=0.5)"


@pytest.mark.parametrize("kind", [lambda **k: bg.Lagged("x", **k), bg.History])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"needs one of lags= \(samples\) or window= \(seconds\)\."),
        ({"lags": 2, "window": 0.1}, "needs one of lags="),
        ({"lags": 0}, "lags must be at least 1, got 0"),
        ({"lags": -2}, "lags must be at least 1, got -2"),
        ({"lags": 2.0}, "whole number or"),
        ({"lags": True}, "whole number or"),
        ({"lags": "3"}, "whole number or"),
        ({"lags": (1, 2, 3)}, "whole number or"),
        ({"lags": (1.0, 2.0)}, "whole number or"),
        ({"lags": (False, True)}, "whole number or"),
        ({"lags": (3, 3)}, "hold no lag; stop is exclusive"),
        ({"lags": (3, 1)}, "hold no lag; stop is exclusive"),
        ({"window": 0.0}, "window must be a positive time"),
        ({"window": -0.1}, "window must be a positive time"),
        ({"window": np.nan}, "window must be a positive time"),
        ({"window": np.inf}, "window must be a positive time"),
        ({"window": 10**400}, "window must be a positive time"),
        ({"window": True}, "window must be a positive time"),
        ({"window": "1 s"}, "window must be a positive time"),
        ({"window": (0.2, 0.1)}, "window must be a positive time"),
        ({"window": (0.1, 0.2, 0.3)}, "window must be a positive time"),
        ({"window": (0.1, (0.2,))}, "window must be a positive time"),
        ({"window": (0.1, np.nan)}, "window must be a positive time"),
    ],
)
def test_no_lags(kind, options, message):
    with pytest.raises(bg.ModelError, match=f"(Lagged 'x'|History 'history').*{message}"):
        kind(**options)


@pytest.mark.parametrize("lags", [(0, 5), (-3, 5)])
def test_history_never_sees_the_present(lags):
    with pytest.raises(bg.ModelError, match=r"cannot predict itself .* Start at lag 1 or later"):
        bg.History(lags=lags)


def test_history_window_never_sees_the_present():
    with pytest.raises(bg.ModelError, match=r"window=.* starts in the response's own future"):
        bg.History(window=(-0.1, 0.1))
    with pytest.raises(
        bg.ModelError, match=r"'history'.* starts at lag 0, and history at lag 1; .*"
    ):
        bg.History(window=(0.0, 0.1)).lag_range(0.01)


@pytest.mark.parametrize("kind", [bg.Lagged("x", window=0.0004), bg.History(window=0.0004)])
def test_a_window_below_one_sample(kind):
    with pytest.raises(bg.ModelError, match=r"0.0004 holds no whole lag at 0.001 s .* widen it"):
        kind.lag_range(0.001)


def test_a_window_without_time():
    with pytest.raises(bg.ModelError, match=r"'x': window=0.5 is in seconds, .* 'time'.* lags="):
        bg.Lagged("x", window=0.5).lag_range(None)


@pytest.mark.parametrize(
    "term",
    [
        bg.Lagged("x", lags=10**9),
        bg.Lagged("x", lags=(-(10**400), 2)),
        bg.Lagged("x", window=1e300),
    ],
    ids=["lags", "huge", "window"],
)
def test_a_mistaken_unit_is_no_array_of_a_billion(term):
    with pytest.raises(bg.ModelError, match=r"'x' reaches from lag .* samples and window= in sec"):
        term.lag_range(1e-300)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bg.Linear(""), "Linear variable must be a non-empty string, got ''"),
        (lambda: bg.Linear(3), "Linear variable must be .*got 3"),
        (lambda: bg.Linear(None), "got None"),
        (lambda: bg.Linear(()), "names no variable"),
        (lambda: bg.Linear(["a", "b"]), "needs a name for its coefficients; add name='...'"),
        (lambda: bg.Linear(("a", 2), name="k"), "got 2"),
        (lambda: bg.Linear(("a", "a"), name="k"), "names a variable twice"),
        (lambda: bg.Linear("x", name=""), "Linear name must be a non-empty string"),
        (lambda: bg.Linear("x", name=7), "Linear name must be .* got 7"),
        (lambda: bg.Lagged(7, lags=2), "Lagged variable must be .* got 7"),
        (lambda: bg.Lagged(("a", "b"), lags=2), "Lagged variable must be"),
        (lambda: bg.History(lags=2, name=3), "History name must be .* got 3"),
        (lambda: bg.Linear("x", prior=1.0), r"'x': prior must be one of Normal.*ridge.*got 1.0"),
        (lambda: bg.Lagged("x", lags=2, prior=bg.HalfStudentT(1.0)), "'x': prior must be one of"),
        (lambda: bg.History(lags=2, prior=bg.Normal), "'history': prior must be one of"),
        (lambda: bg.Group(""), "Group factor must be a non-empty string"),
        (lambda: bg.Group(("a", 3)), "Group factor must be"),
        (lambda: bg.Group("g", name=3), "Group name must be"),
        (lambda: bg.Group("g", slopes=None), "Group slopes must be names of variables, got None"),
        (lambda: bg.Group("g", slopes=3), "Group slopes must be names of variables, got 3"),
        (lambda: bg.Group("g", slopes=("x", 3)), "Group slope must be a non-empty string, got 3"),
        (lambda: bg.Group("g", slopes=""), "Group slope must be a non-empty string"),
        (lambda: bg.Group("g", slopes=["x", "x"]), "names a variable twice"),
        (lambda: bg.Group("g", slopes="g"), "names a variable twice"),
        (lambda: bg.Group("g", slopes="intercept"), "as the varying intercepts are; rename"),
        (
            lambda: bg.Group("g", correlated=True),
            r"Group\('g', correlated=True\) has one effect, 'intercept', .*; name slopes",
        ),
        (
            lambda: bg.Group("g", slopes="x", intercept=False, correlated=bg.LKJ(2.0)),
            "has one effect, 'x', and a correlation is one of two or more",
        ),
        (
            lambda: bg.Group("g", slopes="x", correlated=2.0),
            r"correlated must be True, False or the prior of the correlation, bg.LKJ\(2.0\) say",
        ),
        (lambda: bg.Group("g", slopes="x", correlated=1), "correlated must be True.*, got 1"),
        (
            lambda: bg.Group("g", slopes="x", correlated=True, prior=bg.lasso(1.0)),
            "a multivariate normal, and a Laplace prior holds each by itself; take Normal",
        ),
        (lambda: bg.Group("g", prior=bg.HalfStudentT(1.0)), "'g': prior must be one of"),
        (lambda: bg.Group("g", levels="ab"), r"levels must be labels .* got 'ab'; write levels=\["),
        (lambda: bg.Group("g", levels=np.array("ab")), "in an order of their own, got array"),
        (lambda: bg.Group("g", levels=np.array([["a"]])), r"levels\[0\] is \['a'\]"),
        (lambda: bg.Group("g", levels={"a"}), "levels must be labels in an order of their own"),
        (lambda: bg.Group("g", levels=3), "levels must be labels in an order of their own, got 3"),
        (lambda: bg.Group("g", levels=[]), "levels are empty; name them"),
        (lambda: bg.Group("g", levels=["a", 1]), r"all whole numbers, and levels\[1\] is 1; turn"),
        (lambda: bg.Group("g", levels=[1, True]), r"levels\[1\] is True; turn them all into words"),
        (lambda: bg.Group("g", levels=[None]), r"levels\[0\] is None"),
        (lambda: bg.Group("g", levels=[1, 1.5]), r"levels\[1\] is 1.5"),
        (lambda: bg.Group("g", levels=[np.nan]), r"levels\[0\] is nan"),
        (lambda: bg.Group("g", levels=["a", "b", "a"]), "levels name 'a' twice; name each once"),
        (lambda: bg.Group("g", levels=["a\0"]), r"no file can hold the level 'a\\x00'.*; rename"),
        (lambda: bg.Group("g", levels=[2**64]), "numbers of 64 bits do not; turn them into words"),
        (lambda: bg.Group("g", levels=[-1, 2**63]), "levels reach from -1 to 9223372036854775808"),
        (
            lambda: bg.Group("g", slopes="x", prior=bg.RandomWalk(bg.HalfNormal(1.0))),
            "a RandomWalk learns one scale for the whole term, .* a number for each effect",
        ),
    ],
)
def test_no_term(make, message):
    with pytest.raises(bg.ModelError, match=message):
        make()


def test_slopes_in_all_their_forms():
    group = bg.Group("g", slopes=("x",))
    for slopes in ("x", ["x"], np.array(["x"]), (name for name in ["x"]), np.str_("x")):
        assert bg.Group("g", slopes=slopes) == group
    assert repr(group) == "Group('g', slopes=('x',))"
    assert bg.Group(np.str_("g")) == bg.Group("g", slopes=[]) == bg.Group("g", ())


def test_levels_in_all_their_forms():
    words = bg.Group("g", levels=("b", "a"))
    for levels in (
        ["b", "a"],
        np.array(["b", "a"]),
        (level for level in "ba"),
        np.array(["b", "a"], object),
    ):
        assert bg.Group("g", levels=levels) == words
    assert repr(words) == "Group('g', levels=('b', 'a'))"
    numbers = bg.Group("g", levels=[2, 0])
    for levels in (np.array([2, 0]), [2.0, 0.0], [np.int8(2), np.uint64(0)], range(2, -1, -2)):
        assert repr(bg.Group("g", levels=levels)) == repr(numbers) == "Group('g', levels=(2, 0))"
    assert repr(bg.Group("g", levels=np.array([True, False]))) == "Group('g', levels=(True, False))"
    assert bg.Group("g").levels is None


def test_labels_and_variables():
    assert (bg.Group("g").label, bg.Group("g").variables) == ("g", ("g",))
    group = bg.Group("g", slopes=("x", "z"), name="b")
    assert (group.label, group.variables) == ("b", ("g", "x", "z"))
    assert bg.Linear("x").label == "x"
    assert bg.Linear("x", name="k").label == "k"
    several = bg.Linear(["a", "b"], name="k")
    assert (several.label, several.variables) == ("k", ("a", "b"))
    assert bg.Lagged("x", lags=2, name="k").variables == ("x",)
    assert (bg.History(lags=2).label, bg.History(lags=2).variables) == ("history", ())
