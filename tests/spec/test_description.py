"""The description: frozen, comparable, printed, and through JSON and back."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg

NAMES = ("Flat", "GLM", "History", "Lagged", "Laplace", "Linear", "Normal", "HalfNormal")
NAMES += ("HalfStudentT", "Exponential")
WORDS = {name: getattr(bg, name) for name in NAMES}

scales = st.floats(1e-3, 1e3) | st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=3)
priors = (
    st.builds(bg.Normal, scales, st.floats(-5, 5))
    | st.builds(bg.Laplace, st.floats(1e-3, 1e3))
    | st.just(bg.Flat())
)
maybe = st.none() | priors
lags = st.integers(1, 30) | st.tuples(st.integers(-5, 0), st.integers(1, 9))
terms = (
    st.builds(bg.Linear, st.just("x"), prior=maybe)
    | st.builds(bg.Linear, st.just(("a", "b")), st.just("both"), maybe)
    | st.builds(bg.Lagged, st.just("s"), lags, prior=maybe)
    | st.builds(bg.Lagged, st.just("r"), window=st.floats(0.001, 2.0), name=st.just("slow"))
    | st.builds(bg.History, st.integers(1, 9), prior=maybe)
)
models = st.builds(
    bg.GLM,
    st.just("y"),
    st.lists(terms, max_size=4, unique_by=lambda term: term.label),
    link=st.sampled_from([None, "log", "softplus"]),
    prior=maybe,
    intercept=maybe,
    dispersion=st.none() | st.floats(0.1, 9.0) | st.just(bg.HalfStudentT(2.0, df=3)),
    offset=st.sampled_from([None, "o"]),
    weights=st.sampled_from([None, "w"]),
    edges=st.sampled_from(["drop", "zero"]),
)


@given(models)
def test_models_go_through_json_and_repr_unchanged(model):
    again = bg.GLM.from_json(model.to_json())
    assert again == model
    assert hash(again) == hash(model)
    assert eval(repr(model), WORDS) == model
    assert str(again) == str(model)


def test_models_are_frozen():
    model = bg.GLM("y", "x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.family = "poisson"
    assert model in {model}
    assert model != bg.GLM("y", "z")


def test_what_is_short_for_what():
    assert bg.GLM("y", "x") == bg.GLM("y", [bg.Linear("x")], family="gaussian", link="identity")
    assert bg.GLM("y", ["x"]).terms == (bg.Linear("x"),)
    assert bg.ridge(4.0) == bg.Normal(0.5)
    assert bg.lasso(4.0) == bg.Laplace(0.25)
    assert bg.ridge(0) == bg.lasso(0) == bg.Flat()
    assert bg.Normal(np.array([1.0, 2.0])) == bg.Normal((1, 2))
    assert bg.GLM("y", "x", dispersion={"sigma": 2.0}).dispersion == 2.0
    assert repr(bg.GLM("y", "x", family="poisson", prior=bg.ridge(4.0))) == (
        "GLM('y', [Linear('x')], family='poisson', prior=Normal(0.5))"
    )


PRINTED = {
    "encoding": (
        bg.GLM(
            "spikes",
            [
                bg.Lagged("sound", lags=25, prior=bg.ridge(4.0)),
                bg.History(lags=3, prior=bg.lasso(2.0)),
            ],
            family="poisson",
            weights="w",
            offset="drift",
        ),
        """spikes[t] ~ Poisson(exp(eta[t]))   (each sample counted w[t] times)
eta[t] = drift[t] + intercept + Σₖ sound[k]·sound[t-k] + Σₖ history[k]·spikes[t-k]
intercept             ~ Flat                no penalty
sound[k=0..24]        ~ Normal(0, 0.5²)     ridge(4) = 4/2 · Σ sound²
history[k=1..3]       ~ Laplace(0, 0.5)     lasso(2) = 2 · Σ |history|""",
    ),
    "choices": (
        bg.GLM(
            "k",
            bg.Linear(("a", "b"), name="both", prior=bg.Normal([1.0, 2.0], loc=3.0)),
            family="binomial",
            link="probit",
            trials="n",
            intercept=None,
        ),
        """k[i] ~ Binomial(n[i], Φ(eta[i]))
eta[i] = Σⱼ both[j]·(a, b)[j][i]
both                  ~ Normal(3, [1 .. 2]²) ridge(lam) = 1/2 · Σ lam·(both - 3)², lam = [0.25 .. 1]""",
    ),
    "unresolved": (
        bg.GLM("y", bg.Lagged("x", window=0.2), dispersion=bg.HalfNormal(2.0)),
        """y[t] ~ Normal(eta[t], sigma²)
eta[t] = intercept + Σₖ x[k]·x[t-k]
intercept             ~ Flat                no penalty
x[0.2 s]              ~ weakly informative, scaled by the data at the first fit
sigma                 ~ HalfNormal(2)       penalty sigma²/(2·2²)""",
    ),
}


@pytest.mark.parametrize(("model", "text"), PRINTED.values(), ids=PRINTED.keys())
def test_print_writes_mathematics(model, text):
    assert str(model) == text
