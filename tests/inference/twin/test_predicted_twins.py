"""The two engines side by side where dispersions have linear predictors of their own."""

import numpy as np
import pytest
import xarray as xr
from families import KEYS, drawn, model_of
from twins import compare

import bayesglm as bg
from bayesglm.inference.twin.likelihoods import LIKELIHOODS
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

CASES = [
    (key, names)
    for key in KEYS
    if len(FAMILIES[key].channels) == 1 and key[0] in LIKELIHOODS
    for every in [
        tuple(n for n in FAMILIES[key].dispersion_names if FAMILY_NAMES[key[0]].link_of(n))
    ]
    for names in dict.fromkeys([every, *((name,) for name in every)])
    if names
]
N = 40


def data_of(name, n=N):
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, n))
    trials = rng.integers(1, 9, n)
    y = drawn(name, 0.3 * x, trials)
    return {
        name: y,
        "x": x,
        "z": z,
        "g": rng.choice(["a", "b", "c"], n),
        "w": rng.choice([0.5, 1.0, 2.0], n),
        "o": 0.1 * rng.normal(size=n),
        "trials": trials,
    }


TERMS = [
    bg.Linear("x", prior=bg.Normal(0.5)),
    bg.Lagged("z", lags=3, prior=bg.smooth(2.0)),
    bg.Group("g"),
]
# A family sees of its terms what they add up to: it takes turns with them, the first has them all.
DEALT = [(*case, [TERMS[k % 3]] if k else TERMS) for k, case in enumerate(CASES)]


@pytest.mark.parametrize(("key", "names", "terms"), DEALT, ids=str)
def test_terms_of_every_kind(key, names, terms):
    dispersion = dict.fromkeys(names, terms)
    model = model_of(key, ["z"], dispersion=dispersion, offset="o", weights="w")
    compare(model, data_of(key[0]), spread=0.1)


@pytest.mark.parametrize("prior", [bg.HalfNormal(1.2), bg.Exponential(0.8), bg.Flat()], ids=repr)
def test_priors_of_the_parameter_where_all_terms_are_zero(prior):
    compare(
        model_of(("gaussian", "log"), [], dispersion={"sigma": [prior, "x"]}), data_of("gaussian")
    )


def test_a_population_whose_predictors_are_each_neurons_own():
    rng = np.random.default_rng(7)
    data = {
        "y": (("time", "neuron"), rng.normal(size=(30, 2))),
        "x": (("time", "neuron"), rng.normal(size=(30, 2))),
        "z": ("time", rng.normal(size=30)),
        "time": np.arange(30.0),
    }
    model = bg.GLM("y", ["z"], dispersion={"sigma": ["x", bg.History(lags=2)]})
    compare(model, xr.Dataset(data))
