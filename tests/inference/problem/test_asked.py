"""The doors of the verbs: the model, how many draws, their seed, and the room they need."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.spec.asked import LARGEST_SEED

DATA = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
MODEL = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0), intercept=bg.Normal(1.0))

DRAWING = {
    "fit": bg.fit,
    "fit_laplace": bg.fit_laplace,
    "fit_mcmc": bg.fit_mcmc,
    "kfold": lambda *given, **asked: bg.kfold(*given, folds=2, **asked),
    "tune_prior": lambda *given, **asked: bg.tune_prior(*given, scales=[0.5, 1.0], **asked),
}
VERBS = DRAWING | {
    "fit_map": bg.fit_map,
    "to_pymc": bg.to_pymc,
    "prior_path": lambda *given: bg.prior_path(*given, scales=[1.0]),
}
SEEDS = [-1, 1.5, 0.0, "a", None, True, 2**63, 2**70, np.float64(1), np.inf, [0], 1j, b"1"]
COUNTS = [0, -1, 1.5, "a", None, True, np.nan, [10]]


@pytest.mark.parametrize("verb", DRAWING.values(), ids=DRAWING.keys())
@pytest.mark.parametrize("seed", SEEDS, ids=repr)
def test_seeds_that_are_none(verb, seed):
    with pytest.raises(bg.DataError, match="seed must be"):
        verb(MODEL, DATA, seed=seed)


@pytest.mark.parametrize("seed", SEEDS, ids=repr)
def test_seeds_of_predictions_that_are_none(seed):
    found = bg.fit_map(MODEL, DATA)
    with pytest.raises(bg.DataError, match="seed must be"):
        bg.predict(found, kind="response", seed=seed)


@pytest.mark.parametrize("verb", DRAWING.values(), ids=DRAWING.keys())
@pytest.mark.parametrize("draws", COUNTS, ids=repr)
def test_draws_that_are_none(verb, draws):
    with pytest.raises(bg.DataError, match="draws must be a whole number of at least 1, got "):
        verb(MODEL, DATA, draws=draws)


@pytest.mark.parametrize("name", ["fit", "fit_laplace", "fit_mcmc", "kfold"])
@pytest.mark.parametrize("chains", COUNTS, ids=repr)
def test_chains_that_are_none(name, chains):
    with pytest.raises(bg.DataError, match="chains must be a whole number of at least 1, got "):
        DRAWING[name](MODEL, DATA, chains=chains)


@pytest.mark.parametrize("verb", DRAWING.values(), ids=DRAWING.keys())
def test_draws_without_room_are_refused_with_their_size(verb):
    with pytest.raises(
        bg.DataError, match=r"draws=10{12}, chains=. of 2 parameters need [\d,]+ GB of"
    ):
        verb(MODEL, DATA, draws=10**12)
    with pytest.raises(bg.DataError, match="GB of memory, and this machine has"):
        verb(MODEL, DATA, draws=np.int64(10**12))


def test_chains_and_a_warm_up_without_room_are_refused():
    for verb in (bg.fit, bg.fit_laplace, bg.fit_mcmc):
        with pytest.raises(bg.DataError, match=r"chains.* GB of memory.*fewer"):
            verb(MODEL, DATA, chains=10**9)
    with pytest.raises(bg.DataError, match=r"tune=10{12} of .* GB of memory"):
        bg.fit_mcmc(MODEL, DATA, tune=10**12)


@pytest.mark.parametrize("tune", [0, -5, "a", 1.5, True, np.nan, [1]], ids=repr)
def test_warm_ups_that_are_none(tune):
    with pytest.raises(bg.DataError, match="tune must be a whole number of at least 1, got "):
        bg.fit_mcmc(MODEL, DATA, tune=tune)


@pytest.mark.parametrize("target", [None, 0, 1, 2, -1, "a", True, np.nan, [0.8], 0.5j], ids=repr)
def test_acceptances_that_are_none(target):
    with pytest.raises(bg.DataError, match="target_accept must be a number between 0 and 1, got "):
        bg.fit_mcmc(MODEL, DATA, target_accept=target)


def test_whole_numbers_of_numpy_and_the_largest_seed_fit_and_save(tmp_path):
    small, large = {"draws": 100, "chains": 4}, {"draws": np.int16(100), "chains": np.int8(4)}
    plain = bg.fit(MODEL, DATA, seed=3, **small)
    numpys = bg.fit(MODEL, DATA, seed=np.uint64(3), **large)
    np.testing.assert_array_equal(plain["posterior"]["x"], numpys["posterior"]["x"])
    largest = bg.fit(MODEL, DATA, seed=LARGEST_SEED, **small)
    read = bg.load(bg.save(largest, tmp_path / "fit.nc"))
    assert int(read.attrs["seed"]) == LARGEST_SEED
    sampled = bg.fit_mcmc(MODEL, DATA, seed=LARGEST_SEED, draws=50, tune=50, chains=1)
    assert np.isfinite(sampled["posterior"]["x"]).all()


NO_MODELS = {
    "formula": ("y ~ x + z", r"the string 'y ~ x \+ z'; write fit\(formula\('y ~ x \+ z'\), data"),
    "no intercept": ("y ~ 0 + x", r"write fit\(formula\('y ~ 0 \+ x'\), data\)"),
    "response": ("y", r"write fit\(GLM\('y', \['x'\]\), data\)"),
    "hard formula": ("y ~ s(x) + z", r"write fit\(formula\('y ~ s\(x\) \+ z'\), data\)"),
    "class": (bg.GLM, "the class GLM itself; write"),
    "nothing": (None, r"must be a GLM, got 'NoneType'; write fit\(GLM\('y', \['x'\]\), data\)"),
    "terms": ([bg.Linear("x")], "must be a GLM, got 'list'; write"),
    "json": ({"type": "GLM"}, "must be a GLM, got 'dict'; write"),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
@pytest.mark.parametrize(("model", "message"), NO_MODELS.values(), ids=NO_MODELS.keys())
def test_what_is_no_model_says_what_to_write(verb, model, message):
    with pytest.raises(bg.ModelError, match=message):
        verb(model, DATA)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_model_and_data_in_each_others_place(verb):
    with pytest.raises(bg.ModelError, match=r"the model comes first .*write fit\(model, data\)"):
        verb(DATA, MODEL)


def test_a_tuning_in_the_place_of_its_model():
    tuned = bg.tune_prior(MODEL, DATA, scales=[0.5, 1.0, 2.0], draws=400)
    with pytest.raises(bg.ModelError, match=r"got 'Tuned'; write fit\(tuned\.model, data\)"):
        bg.fit(tuned, DATA)
