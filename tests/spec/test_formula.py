"""Formulas: the models that they say, the algebra of others, and what is refused in words."""

import re

import pandas as pd
import pytest
from formulae.parser import Parser
from formulae.resolver import Resolver
from formulae.scanner import Scanner
from hypothesis import example, given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.formula.algebra import expand
from bayesglm.spec.formula.syntax import parse
from bayesglm.spec.hints import FUNCTIONS_ELSEWHERE

MEANT = {
    "y ~ x + z": bg.GLM("y", ["x", "z"]),
    "y~x+z+1": bg.GLM("y", ["x", "z"]),
    "y ~ 0 + x": bg.GLM("y", ["x"], intercept=None),
    "y ~ x - 1": bg.GLM("y", ["x"], intercept=None),
    "y ~ -1 + x": bg.GLM("y", ["x"], intercept=None),
    "y ~ 1": bg.GLM("y", []),
    "y ~ `dose (mg)` + z": bg.GLM("y", ["dose (mg)", "z"]),
    "y ~ a*b": bg.GLM("y", ["a", "b", bg.Interaction("a", "b")]),
    "y ~ (a + b + c)**2 - a:c": bg.GLM(
        "y", ["a", "b", "c", bg.Interaction("a", "b"), bg.Interaction("b", "c")]
    ),
    "y ~ a/b": bg.GLM("y", ["a", bg.Interaction("a", "b")]),
    "y ~ a + b %in% a": bg.GLM("y", ["a", bg.Interaction("a", "b")]),
    "y ~ C(g)": bg.GLM("y", [bg.Category("g")]),
    "y ~ C(g, reference='b')": bg.GLM("y", [bg.Category("g", reference="b")]),
    "y ~ C(g, Treatment('b'))": bg.GLM("y", [bg.Category("g", reference="b")]),
    "y ~ C(g, Treatment(reference=2))": bg.GLM("y", [bg.Category("g", reference=2)]),
    "y ~ C(g, Sum)": bg.GLM("y", [bg.Category("g", contrasts="sum")]),
    "y ~ C(g, levels=['b', 'a'])": bg.GLM("y", [bg.Category("g", levels=["b", "a"])]),
    "y ~ C(g, levels=c('b', 'a'))": bg.GLM("y", [bg.Category("g", levels=["b", "a"])]),
    "y ~ mo(x)": bg.GLM("y", [bg.Monotonic("x")]),
    "y ~ mo(x, levels=['a', 'b']) + x": bg.GLM(
        "y", [bg.Monotonic("x", name="mo(x, levels=['a', 'b'])", levels=["a", "b"]), "x"]
    ),
    "y ~ s(x)": bg.GLM("y", [bg.Spline("x")]),
    "y ~ s(x, 6)": bg.GLM("y", [bg.Spline("x", df=6)]),
    "y ~ s(x, k=6, bounds=[0, 24], cyclic=True)": bg.GLM(
        "y", [bg.Spline("x", df=6, bounds=(0, 24), cyclic=True)]
    ),
    "y ~ bs(x, df=5) + cr(z, 4) + poly(u, 2)": bg.GLM(
        "y", [bg.Basis("x", df=5), bg.Basis("z", "cr", df=4), bg.Basis("u", "poly", df=2)]
    ),
    "y ~ log(x) + np.sqrt(z) + scale(u)": bg.GLM(
        "y",
        [
            bg.Linear("x", transform="log"),
            bg.Linear("z", transform="sqrt"),
            bg.Linear("u", transform="scale"),
        ],
    ),
    "y ~ I(x**2) + I(x / z)": bg.GLM(
        "y", [bg.Linear("x", transform="x**2"), bg.Linear(("x", "z"), transform="x / z")]
    ),
    "y ~ x + x:C(g, Sum)": bg.GLM(
        "y", ["x", bg.Interaction("x", bg.Category("g", contrasts="sum"))]
    ),
    "y ~ (1 | g)": bg.GLM("y", [bg.Group("g")]),
    "y ~ (x || g)": bg.GLM("y", [bg.Group("g", slopes="x")]),
    "y ~ (x | g)": bg.GLM("y", [bg.Group("g", slopes="x", correlated=True)]),
    "y ~ (1 + x + z | g)": bg.GLM("y", [bg.Group("g", slopes=("x", "z"), correlated=True)]),
    "y ~ (0 + x + z | g)": bg.GLM(
        "y", [bg.Group("g", slopes=("x", "z"), intercept=False, correlated=bg.LKJ(1))]
    ),
    "y ~ (1 + x | a/b)": bg.GLM(
        "y", [bg.Group(f, slopes="x", correlated=True) for f in ("a", ("a", "b"))]
    ),
    "y ~ (1 | g) + (0 + x | g)": bg.GLM("y", [bg.Group("g", slopes="x")]),
    "y ~ (0 + x | g)": bg.GLM("y", [bg.Group("g", slopes="x", intercept=False)]),
    "y ~ (1 | a/b)": bg.GLM("y", [bg.Group("a"), bg.Group(("a", "b"))]),
    "y ~ (1 | a:b)": bg.GLM("y", [bg.Group(("a", "b"))]),
    "y ~ (1 | a) + (1 | b)": bg.GLM("y", [bg.Group("a"), bg.Group("b")]),
    "y ~ x + offset(z)": bg.GLM("y", ["x"], offset="z"),
    "y | weights(w) ~ x": bg.GLM("y", ["x"], weights="w"),
    "y ~ x + s(x)": bg.GLM("y", ["x", bg.Spline("x", name="s(x)")]),
    "y ~ g + (1 | g)": bg.GLM("y", ["g", bg.Group("g", name="(1 | g)")]),
    "y ~ Lagged(x, lags=5) + History(lags=3)": bg.GLM(
        "y", [bg.Lagged("x", lags=5), bg.History(lags=3)]
    ),
}


@pytest.mark.parametrize("text", list(MEANT))
def test_a_formula_is_the_model_of_its_terms(text):
    model = bg.formula(text)
    assert model == MEANT[text]
    assert hash(model) == hash(MEANT[text])
    assert bg.GLM.from_json(model.to_json()) == model


def test_options_of_models_and_what_the_left_side_says():
    assert bg.formula("p(k, n) ~ x", "binomial") == bg.GLM("k", ["x"], "binomial", trials="n")
    assert bg.formula("k | trials(n) ~ x", "binomial") == bg.formula("p(k, n) ~ x", "binomial")
    counts = bg.formula("y ~ x + offset(log(km))", "poisson")
    assert counts == bg.GLM("y", ["x"], "poisson", exposure="km")
    assert counts == bg.formula("y | rate(km) ~ x", family="poisson")
    with pytest.raises(bg.ModelError, match=r"offset\(\) must be the name of a variable, got log"):
        bg.formula("y ~ x + offset(log(km))", "poisson", link="softplus")
    beside = bg.formula("y ~ x", dispersion={"sigma": "~ z + (1 | g)"})
    assert beside == bg.GLM("y", ["x"], dispersion={"sigma": ["z", bg.Group("g")]})
    survival = bg.formula("t | cens(status) + trunc(lb=1) ~ x", "weibull")
    assert survival == bg.GLM("t", ["x"], "weibull", censored="status", truncated=(1.0, None))
    interval = bg.formula("t | cens(status, upper) + trunc(lb=a, ub=b) ~ x", "weibull")
    assert interval.censored == ("status", "upper")
    assert interval.truncated == ("a", "b")


def test_priors_by_the_names_of_terms():
    priors = {"x": bg.Normal(1.0), "a:b": bg.lasso(2.0), "intercept": bg.Normal(5.0)}
    model = bg.formula("y ~ x + a:b + z", priors=priors, prior=bg.ridge(1.0))
    terms = [
        bg.Linear("x", prior=bg.Normal(1.0)),
        bg.Interaction("a", "b", prior=bg.lasso(2.0)),
        "z",
    ]
    assert model == bg.GLM("y", terms, prior=bg.ridge(1.0), intercept=bg.Normal(5.0))
    with pytest.raises(bg.ModelError, match=r"priors name 'agee', .* Did you mean 'age'\?"):
        bg.formula("y ~ age", priors={"agee": bg.Flat()})
    sigma = bg.formula("y ~ x", dispersion={"sigma": "~ x"}, priors={"sigma_x": bg.Normal(0.1)})
    assert sigma.every_term[1].prior == bg.Normal(0.1)


def of_others(text):
    """The products and groups that formulae's own parser finds."""
    model = Resolver(Parser(Scanner(text).scan()).parse()).resolve()
    return {term.name for term in model.common_terms}, {term.name for term in model.group_terms}


@pytest.mark.parametrize(
    "text",
    [
        *("a*b", "a*b*c", "a/b", "a/b/c", "a/(b + c)", "(a + b)/c", "(a + b + c)**2"),
        *("(a + b + c)**3 - a:b:c", "(a + b + c)**2 - a:b - c", "a:b:c + a", "a*b - a", "a + a"),
        *("0 + a", "a - 1", "1 + a", "(a + b):(c + d)", "a:b + b:a", "a*(b + c:d)"),
        *("(1 | a/b)", "(1 | a:b)", "(1 + x | g)", "(0 + x | g)", "(x | g) + (1 | h)"),
    ],
)
def test_the_algebra_is_that_of_formulae(text):
    whole = expand(parse(text))
    own = {":".join(map(str, factors)) or "Intercept" for factors in whole.products.values()}
    theirs, groups = of_others(f"y ~ {text}")
    as_sets = [{frozenset(one.split(":")) for one in names} for names in (own, theirs)]
    assert as_sets[0] == as_sets[1]
    found = set()
    for pair in whole.groups:
        effects = [":".join(map(str, one)) or "1" for one in expand(pair.left).products.values()]
        factors = expand(pair.right, has_intercept=False).products.values()
        found |= {f"{e}|{':'.join(map(str, f))}" for e in effects for f in factors}
    assert found == groups


REFUSED = {
    "y": r"has no ~; write 'y ~ x'",
    "y = x + z": r"has no ~; write 'y ~ x \+ z'",
    "~ x": r"has no response; write 'y ~ ...'",
    "bf(y ~ x, sigma ~ z)": r"a ~ inside a call; .*dispersion={'sigma': '~ z'}",
    "y ~ x ~ z": "more than one ~",
    "y ~": "a name or a number must follow, and it does not at its end",
    "y ~ x z": r"an operator must stand before 'z'",
    "y ~ x +": "a name or a number must follow",
    "y ~ (x": r"'\)' must close '\('",
    "y ~ x)": "an operator must stand before",
    "y ~ x < 3": r"'<' at '< 3' is no part of formulas",
    "y ~ .": "name the variables",
    "y ~ x ? z": r"'\?' at '\? z' is no part",
    "y ~ `abc": "is never closed",
    "y ~ 2x": "neither a number nor a name",
    "y ~ 2": "2 is no term",
    "y ~ 'x'": "'x' is no term; name a variable",
    "y ~ x**2": r"a power of one term is the term itself; write I\(x\*\*2\)",
    "y ~ (a + b)**0.5": "no positive whole number",
    "y ~ (a + b)**z": "no positive whole number",
    "y ~ foo(x)": r"unknown function foo\(\); known are C, s, ",
    "y ~ lgo(x)": r"Did you mean 'log'\?",
    "y ~ eval(x)": r"unknown function eval\(\)",
    "y ~ __import__('os')": r"unknown function __import__\(\)",
    "y ~ os.system('x')": r"unknown function os.system\(\)",
    "y ~ (lambda x: 1)": "must close",
    "y ~ log(exec(x))": r"unknown function exec\(\)",
    "y ~ s(log(x))": r"first argument of s\(\) must be the name of a variable, got log\(x\)",
    "y ~ s(x, knots=mine)": r"Nothing of the program is looked up",
    "y ~ s(x, dff=3)": r"Spline takes .* and no 'dff'",
    "y ~ s(x, 3, 4)": "without a name; name them",
    "y ~ s(x, df=3, k=4)": "says df twice",
    "y ~ s(df=3, x)": "put arguments without a name first",
    "y ~ C(g, Helmert)": "unknown coding Helmert",
    "y ~ C(g, Treatment('a', 'b'))": "takes the reference level only",
    "y ~ x | g": r"a group is not in parentheses; write \(1 \| g\)",
    "y ~ x*(1 | g)": "stands where terms are multiplied",
    "y ~ x - (1 | g)": "nothing can be taken away",
    "y ~ (0 | g)": "nothing varies",
    "y ~ (1 | log(g))": "must be a variable of labels",
    "y ~ (x:z | g)": "the slope x:z .* is no variable",
    "y ~ (1 | g | h)": "within a group",
    "log(y) ~ x": "the response is .*, and must be a variable; compute it as a column",
    "y / km ~ x": r"write y ~ \.\.\. \+ offset\(log\(km\)\) for .* p\(y, km\) ~ \.\.\. for",
    "cbind(a, b) ~ x": r"write p\(successes, trials\)",
    "Surv(time, event) ~ x": r"write time \| cens\(status\) ~ .*none, right, left, interval",
    "y ~ factor(g)": r"unknown function factor\(\); write C\(x\)\.$",
    "y ~ ns(x, 3)": r"write cr\(x, df=4\), or s\(x\)",
    "y ~ Q('a b')": "write a name in backticks",
    "y ~ s(x, by=g)": r"a curve of each level is s\(x\):g",
    "y ~ s(x, bs='cr')": r"cr\(x, df=5\) have no penalty",
    "y | wieghts(w) ~ x": r"Did you mean 'weights'\?",
    "y | weights(w, v) ~ x": "takes the name of one variable",
    "y ~ offset(x) + offset(z)": "more than one offset",
    "y ~ x:offset(z)": "is known and cannot be multiplied",
    "y ~ I(3)": "names no variable",
    "y ~ x:y": "predicts 'y' from itself",
    "y ~ [x]": "is no term",
}


@pytest.mark.parametrize("text", list(REFUSED))
def test_what_is_no_formula_is_refused_in_one_line(text):
    with pytest.raises(bg.ModelError, match=REFUSED[text]) as caught:
        bg.formula(text)
    assert "\n" not in str(caught.value)


def test_what_is_said_twice_or_is_no_text():
    with pytest.raises(bg.ModelError, match="both say intercept"):
        bg.formula("y ~ 0 + x", intercept=bg.Normal(1.0))
    with pytest.raises(bg.ModelError, match="both say weights"):
        bg.formula("y | weights(w) ~ x", weights="v")
    with pytest.raises(bg.ModelError, match="a formula is a string such as 'y ~ x', got 3"):
        bg.formula(3)
    with pytest.raises(bg.ModelError, match="is no right side; write '~ x'"):
        bg.formula("y ~ x", dispersion={"sigma": "x"})
    for field in ({"family": pd.DataFrame({"y": [1.0]})}, {"data": {"y": [1.0]}}):
        with pytest.raises(bg.ModelError, match=r"before the data; write fit\(formula\('y ~ x'\),"):
            bg.formula("y ~ x", **field)
    with pytest.raises(bg.ModelError, match="one prior of all terms is prior="):
        bg.formula("y ~ x", priors=bg.Flat())


def test_a_family_is_known_before_what_its_link_says_of_offsets():
    with pytest.raises(bg.ModelError, match=r"unknown family.*Write family='negative_binomial'"):
        bg.formula("y ~ x + offset(log(km))", family="negbinomial")
    assert bg.formula("y ~ x + offset(log(km))", family="poisson").exposure == "km"


@pytest.mark.parametrize(
    ("coding", "name"), [("contr.sum", "sum"), ("contr.treatment", "treatment")]
)
def test_codings_of_r(coding, name):
    model = bg.formula(f"y ~ C(g, {coding})")
    assert model == bg.GLM("y", [bg.Category("g", contrasts=name)])


def test_calls_of_formulas_elsewhere_are_told_what_is_a_formula_here():
    for name, call in FUNCTIONS_ELSEWHERE.items():
        written = re.findall(r"[A-Za-z]+\([^()]*\)(?::g)?", call)
        for one in written:
            bg.formula(f"y ~ {one}")
        assert written or name == "Q"
    with pytest.raises(bg.ModelError, match="an intercept always"):
        bg.formula("y ~ x", dispersion={"sigma": "~ 0 + x"})


@pytest.mark.parametrize(
    "text",
    [
        "y ~ " + "(" * 10_000 + "x" + ")" * 10_000,
        "y ~ " + "-" * 10_000 + "x",
        "y ~ " + ":".join("abcdefgh" * 100),
        "y ~ (" + " + ".join(f"x{k}" for k in range(300)) + ")**9",
        "y ~ " + "log(" * 5_000 + "x" + ")" * 5_000,
        "y ~ " + "x" * 200_000,
        "y ~ 2" + "**2" * 5_000,
    ],
    ids=["parentheses", "signs", "products", "powers", "calls", "length", "exponents"],
)
def test_a_hostile_formula_is_refused_at_once(text):
    with pytest.raises(bg.ModelError):
        bg.formula(text)


def test_many_terms_are_read():
    names = [f"x{k}" for k in range(2_000)]
    assert bg.formula("y ~ " + " + ".join(names)) == bg.GLM("y", names)


PIECES = st.lists(
    st.sampled_from(
        [*"xyzg0123~+-*/:|()[]`'\",.^% =\n", "**", "||", "%in%", "log", "C", "s", "offset", "1e9"]
    ),
    max_size=24,
).map("".join)


@given(st.one_of(PIECES, PIECES.map(lambda right: f"y ~ {right}"), st.text(max_size=30)))
@example("y ~ x\x00")
@example("y ~ \ud800")
@example("y ~ ²")
def test_any_text_is_a_model_or_a_model_error(text):
    try:
        model = bg.formula(text)
    except bg.ModelError:
        return
    assert bg.GLM.from_json(model.to_json()) == model
