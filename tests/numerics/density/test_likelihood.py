"""Log likelihoods: row by row, off their moments, and many at once, all say the same."""

from dataclasses import replace

import numpy as np
import pytest
from families import KEYS, OneChannel, phi_of, trials_of

import bayesglm.numerics.density.likelihood as likelihood_module
import bayesglm.numerics.density.together as together_module
import bayesglm.numerics.rows.parallel as parallel_module
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.moments import moment_slopes, moments
from bayesglm.numerics.density.together import curvatures, slopes
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.source import Source

N, P = 90, 4
RNG = np.random.default_rng(8)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])


def draw(key, seed, trials=None):
    """Responses of a family at random."""
    rng = np.random.default_rng(seed)
    eta = X @ (0.4 * rng.normal(size=P))
    return OneChannel(key).draw(rng, eta, phi_of(key), trials)


def make(key, seed=0, weights=None, offset=0.0, trials=None, y=None, design=X):
    """The likelihood of drawn responses on the common design."""
    trials = trials_of(key[0], np.full(N, 4.0)) if trials is None else trials
    y = draw(key, seed, trials) if y is None else y

    return Rowwise(Source.of(design, y, offset, weights, trials), FAMILIES[key])


WEIGHTS = {
    "none": None,
    "counts": RNG.integers(0, 4, N).astype(float),
    "fractions": RNG.uniform(0.1, 3.0, N),
}


@pytest.mark.parametrize("offset", [0.0, 0.3 * RNG.normal(size=N)], ids=["none", "offset"])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("sigma", [0.2, 5.0])
def test_moments_are_the_sum_over_rows(weights, offset, sigma):
    rowwise = make(("gaussian", "identity"), weights=WEIGHTS[weights], offset=offset)
    rng = np.random.default_rng(1)
    for anchor in (np.zeros(P), rng.normal(size=P)):
        taken = moments(rowwise, anchor)
        again = moments(rowwise, anchor, taken.gram)
        np.testing.assert_array_equal(taken.pull, again.pull)
        for w in (anchor, *rng.normal(size=(3, P)), 100.0 * rng.normal(size=P)):
            expected = rowwise.terms(w, [sigma])
            found = taken.terms(w, [sigma])
            assert found.value == pytest.approx(expected.value, rel=1e-12)
            assert taken.value(w, [sigma]) == pytest.approx(expected.value, rel=1e-12)
            for one, other in zip(found[1:], expected[1:], strict=True):
                one, other = np.array(one), np.array(other)
                # What cancels in a gradient is of the size of the Gram matrix times w.
                size = np.abs(np.diag(taken.gram)).max() * (1.0 + np.abs(w).max()) / sigma**3
                np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13 * size)


def test_moments_around_the_maximum_keep_the_digits_of_its_slope():
    # A column of 1e6 loses twelve digits of a slope read off the moments around zero.
    far = X + np.array([0.0, 1e6, 0.0, 0.0])
    y = far @ np.array([0.3, 2.0, -1.0, 0.1]) + RNG.normal(size=N)
    rowwise = make(("gaussian", "identity"), y=y, design=far)
    best = np.linalg.lstsq(far, y, rcond=None)[0]
    exact = rowwise.terms(best, [1.0]).w
    found = moments(rowwise, best).terms(best, [1.0]).w
    np.testing.assert_allclose(found, exact, rtol=1e-12)


def test_moments_never_say_that_a_linear_predictor_moves_less_than_it_does():
    rowwise = make(("gaussian", "identity"))
    taken = moments(rowwise, np.zeros(P))
    unit = max(2.0, np.sqrt(taken.squares / taken.count))
    for step in np.random.default_rng(2).normal(size=(5, P)):
        furthest = np.abs(X @ step).max()
        assert rowwise.change(step) == pytest.approx(furthest, rel=1e-12)
        assert furthest <= taken.change(step, 2.0) * unit <= furthest * np.sqrt(N)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_terms_are_the_value_and_its_parts(key):
    rowwise = make(key, weights=WEIGHTS["fractions"], offset=0.2 * RNG.normal(size=N))
    w, phi = 0.3 * RNG.normal(size=P), phi_of(key)
    found = rowwise.terms(w, phi)
    assert rowwise.value(w, phi) == pytest.approx(found.value, rel=1e-13)
    np.testing.assert_allclose(rowwise.curvature(w, phi), -found.w_w, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rowwise.diagonal(w, phi), -np.diag(found.w_w), rtol=1e-11)
    for members in ([2], [0, 3], [3, 1, 0, 2], []):
        members = np.array(members, dtype=int)
        expected = -found.w_w[np.ix_(members, members)]
        part = rowwise.curvature(w, phi, members)
        np.testing.assert_allclose(part, expected, rtol=1e-12, atol=1e-12)
        rough = rowwise.curvature(w, phi, members, single=True)
        np.testing.assert_allclose(rough, expected, atol=1e-5 * np.abs(found.w_w).max())


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_the_constant_is_what_no_parameter_moves(key):
    weights = WEIGHTS["counts"]
    rowwise = make(key, weights=weights)
    rows = rowwise.source.form(slice(0, N))
    w, phi = 0.3 * RNG.normal(size=P), phi_of(key)
    each = OneChannel(key).log_likelihood(rows.y, X @ w, phi, rows.trials)
    assert rowwise.value(w, phi) == pytest.approx(weights @ each, rel=1e-12)
    free = OneChannel(key).kernel(rows.y, X @ w, phi, rows.trials, 0).value
    assert rowwise.constant == pytest.approx(weights @ (each - free), rel=1e-9, abs=1e-10)


def several(key, case):
    """Four likelihoods that differ in the ways of the case, and their dispersions."""
    rng = np.random.default_rng(4)
    made = []
    for k in range(4):
        options = {}
        if "weights" in case:
            options["weights"] = rng.choice([0.0, 0.5, 2.0], N)
        if "offsets" in case:
            options["offset"] = 0.2 * rng.normal(size=N)
        if "trials" in case and trials_of(key[0]):
            options["trials"] = rng.integers(1, 6, N).astype(float)
        made.append(make(key, seed=k, **options))
    return made, [phi_of(key, 0.5 + 0.2 * k) for k in range(4)]


def joint_slopes(made, W, phi):
    """Slopes of likelihoods on one design, a line of the blocks' arrays for each."""
    rows, parts = [one.source.form(slice(0, N)) for one in made], {}
    for name in ("y", "offset", "weights", "trials"):
        each = [getattr(one, name) for one in rows]
        parts[name] = np.stack(each) if isinstance(each[0], np.ndarray) else each[0]
    values, gradients = slopes(made[0].family, Source.of(rows[0].X, **parts), W, phi)
    return values + [one.constant for one in made], gradients


def shared_slopes(one, W, phi):
    """Slopes of one likelihood at several points."""
    values, gradients = slopes(one.family, one.source, W, phi)
    return values + one.constant, gradients


@pytest.mark.parametrize("case", [(), ("weights",), ("weights", "offsets", "trials")], ids=str)
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_slopes_of_many_are_those_of_each(key, case):
    made, phi = several(key, case)
    W = 0.3 * np.random.default_rng(5).normal(size=(4, P))
    values, gradients = joint_slopes(made, W, phi)
    for k, one in enumerate(made):
        alone = one.terms(W[k], phi[k])
        assert values[k] == pytest.approx(alone.value, rel=1e-12)
        np.testing.assert_allclose(gradients[k], alone.w, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("together", ["different points", "one point"])
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_slopes_of_one_likelihood_at_several_points(key, together):
    one = make(key, weights=WEIGHTS["fractions"])
    W = 0.3 * np.random.default_rng(6).normal(size=(3, P))
    if together == "one point":
        W[:] = W[0]
    values, gradients = shared_slopes(one, W, [phi_of(key)] * 3)
    assert gradients.shape == (3, P)
    for k in range(3):
        alone = one.terms(W[k], phi_of(key))
        assert values[k] == pytest.approx(alone.value, rel=1e-12)
        np.testing.assert_allclose(gradients[k], alone.w, rtol=1e-10, atol=1e-10)
    # So is one response with several dispersions.
    if FAMILIES[key].dispersions:
        dispersions = [phi_of(key, value) for value in (0.3, 0.7, 1.1)]
        values, _ = shared_slopes(one, W, dispersions)
        expected = [one.value(w, phi) for w, phi in zip(W, dispersions, strict=True)]
        np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_slopes_off_moments_are_those_of_the_rows():
    one = make(("gaussian", "identity"), weights=WEIGHTS["fractions"])
    W = np.random.default_rng(7).normal(size=(3, P))
    phi = [[0.4], [1.0], [3.0]]
    expected = shared_slopes(one, W, phi)
    found = moment_slopes(moments(one, W[0]), W, phi)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-10)


# Blocks are cut and added up before any family sees its rows: families take turns with them.
CUTS = [(size, threads) for threads in (1, 3) for size in (1, 7, N, 10_000)]
CUT = [
    (key, *cut)
    for place, key in enumerate(KEYS)
    for cut in (CUTS if key == ("gaussian", "identity") else [CUTS[place % len(CUTS)]])
]


@pytest.mark.parametrize(("key", "size", "threads"), CUT, ids=str)
def test_blocks_of_any_size_among_any_threads_say_the_same(key, size, threads, monkeypatch):
    made, phi = several(key, ("weights", "trials"))
    W = 0.3 * np.random.default_rng(9).normal(size=(4, P))

    def everything():
        first = made[0]
        # The constant is kept once computed: take it afresh.
        terms = replace(first).terms(W[0], phi[0])
        parts = [
            terms.value,
            terms.w,
            terms.w_w,
            replace(first).constant,
            first.diagonal(W[0], phi[0]),
        ]
        parts += [*joint_slopes(made, W, phi), *shared_slopes(first, W, [phi[0]] * 4)]
        if key == ("gaussian", "identity"):
            parts += list(vars(moments(first, W[1])).values())
        return parts

    expected = everything()
    monkeypatch.setattr(likelihood_module, "ROWS", size)
    monkeypatch.setattr(parallel_module, "n_threads", lambda: threads)
    for one, other in zip(everything(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


LOG_CONCAVE = [key for key in KEYS if FAMILIES[key].log_concave]


@pytest.mark.parametrize("paired", [0, 200])
@pytest.mark.parametrize("key", LOG_CONCAVE, ids="-".join)
def test_curvatures_of_many_are_those_of_each(key, paired, monkeypatch):
    monkeypatch.setattr(together_module, "PAIRED", paired)
    monkeypatch.setattr(together_module, "PAIRS", 40 * P * P)
    trials = trials_of(key[0], np.full(N, 4.0))
    y = np.stack([draw(key, seed, trials) for seed in range(4)])
    weights = np.stack([WEIGHTS["fractions"] * k for k in range(1, 5)])
    W, phi = 0.3 * RNG.normal(size=(4, P)), [phi_of(key, 0.5 + k) for k in range(4)]
    source = Source.of(X, y, 0.1, weights, trials)
    found = curvatures(FAMILIES[key], source, W, phi)
    for k, own in enumerate(phi):
        one = make(key, weights=weights[k], offset=0.1, y=y[k])
        exact = one.curvature(W[k], own)
        units = np.sqrt(np.outer(np.diagonal(exact), np.diagonal(exact)))
        np.testing.assert_allclose(found[k] / units, exact / units, rtol=0.0, atol=2e-6)


@pytest.mark.parametrize("key", [("poisson", "log"), ("gaussian", "log")], ids="-".join)
def test_a_row_that_counts_nothing_may_overflow(key):
    far = X.copy()
    far[0, 1] = 1e4
    weights = np.r_[0.0, np.ones(N - 1)]
    w = np.array([0.1, 0.5, -0.2, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        found = make(key, weights=weights, design=far).terms(w, phi_of(key))
    expected = make(key, weights=weights).terms(w, phi_of(key))
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(found.w, expected.w, rtol=1e-11)
    np.testing.assert_allclose(found.w_w, expected.w_w, rtol=1e-11)


def test_threads_warn_no_more_than_their_caller(monkeypatch):
    monkeypatch.setattr(parallel_module, "n_threads", lambda: 3)
    monkeypatch.setattr(likelihood_module, "ROWS", 10)
    far = make(("poisson", "log"), design=1e4 * X)
    with np.errstate(over="ignore", invalid="ignore"):
        assert far.value(np.ones(P), []) == -np.inf
