"""Where the mean passes through the responses: densities without bound, and posteriors of those."""

import numpy as np
import pytest
from families import OneChannel, drawn, phi_of

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

COLLAPSING = [
    (name, k)
    for name, words in FAMILY_NAMES.items()
    if (name, words.links[0]) in FAMILIES
    for k, one in enumerate(FAMILIES[name, words.links[0]].dispersions)
    if one.collapse is not None
]
IDS = [name for name, _ in COLLAPSING]
N = 25
X = np.random.default_rng(2).normal(size=N)


def with_noise(name, k, of_one):
    """Return a family, its dispersions where noise is ``of_one`` of that at 1, and the collapse."""
    key = name, FAMILY_NAMES[name].links[0]
    collapse = FAMILIES[key].dispersions[k].collapse
    # A Student t of many degrees of freedom has the sd of a normal; a Tweedie variable p = 1.5.
    phi = [{"student_t": 1e6, "tweedie": 1.5}.get(name, 1.0)] * len(phi_of(key))
    phi[k] = of_one ** (-1.0 / collapse.power)
    return OneChannel(key), tuple(phi), collapse


@pytest.mark.parametrize(("name", "k"), COLLAPSING, ids=IDS)
def test_the_noise_vanishes_as_the_record_says(name, k):
    eta = np.full(20_000, 0.3)
    family, phi, collapse = with_noise(name, k, 1e-3)
    mean = family.mean(eta, phi, None)
    y = family.draw(np.random.default_rng(0), eta, phi, None)
    told = collapse.sd(np.array(phi[k]), float(mean[0]))
    assert y.std() == pytest.approx(told, rel=0.03)
    peaks = []
    for of_one in (1e-4, 1e-5):
        family, phi, _ = with_noise(name, k, of_one)
        mean = family.mean(eta[:1], phi, None)
        peaks.append(family.log_likelihood(mean, eta[:1], phi, None)[0])
    assert peaks[1] - peaks[0] == pytest.approx(np.log(10.0), rel=1e-2)


@pytest.mark.parametrize(("name", "k"), COLLAPSING, ids=IDS)
def test_responses_that_a_line_reproduces_are_refused_in_words(name, k):
    family, phi, collapse = with_noise(name, k, 1.0)
    data = {"y": family.mean(0.3 + 0.4 * X, phi, None), "x": X}
    dispersion = FAMILY_NAMES[name].dispersions[k]
    others = {"dispersion": {"p": 1.5}} if "p" in FAMILY_NAMES[name].dispersions else {}
    model = bg.GLM("y", "x", family=name, **others)
    with pytest.raises(bg.ModelError, match=f"without bound as {dispersion} -> {collapse.end:g}"):
        bg.fit_map(model, data)
    with pytest.raises(bg.ModelError, match=r"without bound|2 coefficients reproduce all 25"):
        bg.fit(model, data)


def test_more_columns_than_rows_have_a_posterior_and_no_mode():
    rng = np.random.default_rng(0)
    data = {"y": drawn("gamma", np.full(8, 0.5), seed=3), "x": rng.normal(size=(8, 10))}
    model = bg.GLM("y", "x", family="gamma", prior=bg.Normal(0.5), intercept=bg.Normal(1.0))
    with pytest.raises(bg.ModelError, match=r"11 columns, 8 samples. can pass through every"):
        bg.fit_map(model, data)
    assert bg.fit(model, data, draws=200).attrs["method"] == "nested laplace"


def test_a_prior_that_falls_faster_than_the_likelihood_rises_leaves_a_mode():
    rng = np.random.default_rng(0)
    data = {"y": drawn("gamma", np.full(8, 0.5), seed=3), "x": rng.normal(size=(8, 10))}
    model = bg.GLM("y", "x", family="gamma", prior=bg.Normal(0.5), dispersion=bg.Gamma(2.0, 0.1))
    assert bg.fit_map(model, data).attrs["gradient_norm"] < 1e-8


def test_responses_far_out_are_no_noise():
    """Their sd is a million times that of the others, of whose noise sigma tells."""
    rng = np.random.default_rng(1)
    y = 1.0 + 2.0 * X + rng.normal(size=N)
    y[:3] = [1e8, 2e8, -3e8]
    found = bg.fit_map(bg.GLM("y", "x", family="student_t"), {"y": y, "x": X})
    assert float(found["map"]["x"]) == pytest.approx(2.0, abs=0.6)


def test_heavy_tails_reproduce_some_responses_and_leave_the_others():
    y = np.where(np.arange(N) < 20, 1.0 + 2.0 * X, np.cos(np.arange(N)))
    model = bg.GLM("y", "x", family="student_t")
    for verb in (bg.fit_map, bg.fit):
        with pytest.raises(bg.ModelError, match=r"through 20 of them.*sigma -> 0"):
            verb(model, {"y": y, "x": X})


@pytest.mark.slow
def test_a_posterior_may_be_proper_beside_a_density_without_a_mode():
    """Near sigma = 0 that of a line through 3 of 4 goes like sigma^(2 - 3 + nu)."""
    few = {"y": [1.0, 2.0, 3.0, 1000.0], "x": [0.0, 1.0, 2.0, 3.0]}
    known = {"nu": 0.2, "sigma": bg.HalfNormal(1.0)}
    model = bg.GLM("y", "x", family="student_t", dispersion=known, intercept=bg.Normal(5.0))
    with pytest.raises(bg.ConvergenceError, match="through 3 of them"):
        bg.fit_map(model, few)
    with pytest.warns(bg.BayesGLMWarning, match=r"through 3 of them|need care"):
        assert bg.fit(model, few, draws=100, chains=2).attrs["method"] == "nuts"
