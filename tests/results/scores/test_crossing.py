"""Folds that are corrected from draws of all rows score as the posteriors of the others do."""

import numpy as np
import pytest
from families import model_of
from terms import sample_data

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of
from bayesglm.results.criteria import posterior_of
from bayesglm.results.scores.crossing import WEIGHTED, cross_scores
from bayesglm.results.scores.kfold import held_out

DATA = sample_data()
SAMPLING = posterior_of(4000, 0)
KEYS = [
    ("gaussian", "identity"),
    ("bernoulli", "probit"),
    ("poisson", "log"),
    ("categorical", "softmax"),
    ("negative_binomial", "log"),
]


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_weighted_draws_of_a_fit_score_folds_as_refits_do(key):
    model = model_of(key, ["x"], prior=bg.Normal(1.0))
    fit = bg.fit(model, DATA)
    problems = open_problems(bg.GLM.from_json(fit.attrs["model"]), DATA)
    fold_of = np.arange(problems[0].design.n_rows) % 12
    crossed = cross_scores(problems, fold_of, SAMPLING, whole=kept_of(fit, problems))
    assert (crossed.ways == WEIGHTED).mean() > 0.5
    assert (crossed.khat[crossed.ways == WEIGHTED] < 0.7).all()
    np.testing.assert_allclose(crossed.elpd, held_out(problems, fold_of, SAMPLING), atol=0.1)
