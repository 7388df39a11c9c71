"""The ladder against exact leave-one-out densities, by quadrature over all parameters."""

from functools import cache

import numpy as np
import pytest
from arviz_stats.utils import ELPDDataLOO
from families import KEYS, OF_NUMBERS, drawn, model_of, phi_of
from scipy.special import expit, gammaln, logsumexp
from scipy.stats import halfnorm, norm

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of
from bayesglm.inference.weights.bridge import bridged
from bayesglm.inference.weights.shifted import Whole, matched_by_halves, removed
from bayesglm.numerics.density.conjugate import LOG_2_PI
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.results.scores.ladder import climb as climbing
from bayesglm.results.scores.ladder.units import row_units
from bayesglm.results.scores.sampling import as_fit

N, TRIALS = 200, 7
LINE = np.linspace(-5.0, 5.0, 19)  # of a grid that is dense where draws are, and reaches far out
OWN = [key for key in KEYS if key[0] in OF_NUMBERS and key[1] == OF_NUMBERS[key[0]].links[0]]
OWN.remove(("gaussian", "identity"))  # of a closed form, which has a grid of its own below


def predictor():
    """Return a predictor of which two values lie far out."""
    x = np.random.default_rng(5).standard_normal(N)
    x[:2] = 4.0, -4.0
    return x


def of_levels(family):
    """Return responses of levels: labels, or a count of each."""
    latent = 0.4 * predictor() + np.random.default_rng(6).logistic(size=N)
    if family == "ordinal":
        return np.digitize(latent, [-0.5, 0.8])
    if family == "categorical":
        return np.array(["no", "yes"])[(latent > 0.0).astype(int)]
    counts = np.random.default_rng(7).binomial(TRIALS, expit(0.4 * predictor()))
    return np.stack([counts, TRIALS - counts], axis=-1)


@cache
def fitted(key):
    """Return rows of a family under its own link, and a fit to them.

    Dispersions beyond the first are fixed, so that a grid over all parameters stays small.
    """
    family, x = key[0], predictor()
    if family in OF_NUMBERS:
        y = drawn(family, 0.3 + 0.4 * x, TRIALS, 3)
        names, phi = FAMILIES[key].dispersion_names, phi_of(key)
        options = {"dispersion": dict(zip(names[1:], phi[1:], strict=True))} if names[1:] else {}
        model = model_of(key, "x", prior=bg.Normal(1.0), intercept=bg.Normal(2.0), **options)
    else:
        y = of_levels(family)
        model = bg.GLM(family, "x", family, prior=bg.Normal(1.0))
    data = {family: y, "x": x, "trials": np.full(N, TRIALS)}
    return model, data, bg.fit(model, data)


def exact(problem, thetas, line=LINE):
    """Return log p(y_i | y_-i) of all rows, by the trapezoidal rule along sinh of each axis."""
    mean, factor = thetas.mean(axis=0), np.linalg.cholesky(np.cov(thetas.T))
    u = np.stack(np.meshgrid(*[line] * len(mean)), axis=-1).reshape(-1, len(mean))
    grid = mean + (1.5 * np.sinh(u / 1.5)) @ factor.T
    log_p = problem.unconstrained.log_density(grid) + np.log(np.cosh(u / 1.5)).sum(axis=1)
    near = log_p > log_p.max() - 300.0
    each = pointwise(problem.natural, problem.natural_thetas(grid[near]))
    return logsumexp(log_p[near]) - logsumexp(log_p[near, None] - each, axis=0)


def exact_of(key):
    """Return the same of a fit."""
    model, data, fit = fitted(key)
    (problem,) = open_problems(model, data)
    (kept,) = kept_of(fit, [problem])
    return exact(problem, problem.unconstrained.registry.inner_coefficients(kept.theta))


LEVELLED = [("ordinal", "logit"), ("categorical", "logit"), ("multinomial", "logit")]


@pytest.mark.slow
@pytest.mark.parametrize("key", [*OWN, *LEVELLED], ids=" ".join)
def test_rows_of_every_family_left_out_exactly(key):
    _, _, fit = fitted(key)
    scored, expected = bg.score(fit), exact_of(key)
    away = scored.elpd_i.values - expected
    assert abs(away.sum()) < min(3.0 * scored.mcse, 0.05)
    assert scored.mcse < 0.1
    assert np.abs(away / scored.mcse_i.values).max() < 5.0


FINE = np.linspace(-5.0, 5.0, 221)


@cache
def overdispersed():
    """Return a Poisson fit of counts that vary far more, and exact densities of its rows."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(60)
    y = rng.poisson(np.exp(2.5 + 0.8 * x) * rng.gamma(0.3, 3.0, 60))
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), intercept=bg.Normal(2.0))
    data = {"y": y, "x": x}
    fit = bg.fit(model, data)
    (problem,) = open_problems(model, data)
    (kept,) = kept_of(fit, [problem])
    return fit, kept, exact(problem, kept.theta, FINE)


def test_weights_fail_where_the_ladder_stands():
    fit, _, expected = overdispersed()
    scored = bg.score(fit)
    assert isinstance(scored, ELPDDataLOO)
    assert abs(scored.elpd - expected.sum()) < 3.0 * scored.mcse < 1.0
    by_weights = scored.elpd - scored.rungs["moved"].sum()
    assert by_weights > expected.sum() + 5.0
    assert scored.rungs["n"].to_dict() == {"psis": 48, "modes": 12}
    assert scored.influence_pareto_k.max() > 1.0 > 0.7 > scored.pareto_k.max()
    assert "12 by the evidence ratio under draws moved to the mode" in scored.why
    assert scored.why.split()[0] in str(scored)
    assert scored.elpd_i.attrs["mcse"] == scored.mcse
    assert scored.doubts == ()


@pytest.mark.parametrize("rung", ["modes", "moments", "mixture", "refit"])
def test_every_rung_by_itself(rung):
    _, kept, expected = overdispersed()
    means = climbing.Means(4, 1.0, as_fit(1000, 4, 3), 2, 0)
    units = row_units(kept)
    state = climbing.by_weights(units, means)
    which, whole = state.unsteady, units.whole
    top = units.peak(whole.thetas.mean(axis=0), None)
    peaks = {k: units.peak(top.mode, k) for k in which.tolist()}
    if rung == "refit":
        climbing.by_refits(state, units, whole, means)
    elif rung == "mixture":
        climbing.by_mixture(state, units, whole, [top, *peaks.values()], list(peaks), means)
    else:
        for unit in which.tolist():
            peak = peaks[unit] if rung == "modes" else None
            climbing.by_shift(state, units, whole, top, peak, unit)
    told = np.flatnonzero(state.rung)
    assert set(state.rung[told]) == {climbing.RUNGS.index(rung)}
    assert len(told) == (2 if rung == "refit" else len(which))
    assert state.khat[told].max() < 0.5
    away = np.abs(state.elpd[told] - expected[told])
    assert (away < 4.0 * state.error[told]).all()
    # The bar that each is held to: nats, of densities that weights alone miss by whole ones.
    allowed = {"modes": 1e-3, "moments": 0.05, "mixture": 0.2, "refit": 0.01}
    assert away.max() < allowed[rung]


def test_maps_that_moments_match_do_not_follow_the_chance_of_draws():
    d, n, tight, y, rng = 20, 4000, 2.0, 4.0, np.random.default_rng(0)
    # Of all normal coefficients, their sum over the root of d is seen at y: its sd falls to 0.58.
    a = np.full(d, d**-0.5)
    precision = np.eye(d) + tight * np.outer(a, a)
    mean, covariance = np.linalg.solve(precision, tight * y * a), np.linalg.inv(precision)
    expected = norm.logpdf(y, 0.0, np.sqrt(1.0 + 1.0 / tight))

    def left_out(thetas):
        return norm.logpdf(y, thetas @ a, tight**-0.5)

    def log_density(thetas):
        return left_out(thetas) - 0.5 * (thetas**2).sum(axis=1)

    for _ in range(5):
        thetas = rng.multivariate_normal(mean, covariance, n)
        whole = Whole(thetas, log_density(thetas), log_density)
        found = removed(whole, left_out, matched_by_halves(whole, left_out, 0.5))
        error = np.sqrt((found.moves**2).mean() / n)
        assert found.khat > 0.5 or abs(found.log_density - expected) < 4.0 * error


def test_a_bridge_of_draws_that_do_not_reach_the_deleted_point():
    """p(t) is normal around 3 and without y_i around 0: log Z / Z_i is known in closed form."""
    rng = np.random.default_rng(0)
    n = 4000
    # log p_i = 3 t - 4.5, and its mean under the rest exp(3^2 / 2 - 4.5) = 1.
    of_whole, of_rest = (3.0 * rng.normal(at, 1.0, n) - 4.5 for at in (3.0, 0.0))
    found = bridged(of_whole, of_rest, n, n)
    assert abs(found.log_ratio) < 4.0 * found.error < 0.4
    apart = (60.0 * rng.normal(at, 1.0, n) - 1800.0 for at in (60.0, 0.0))
    far = bridged(*apart, n, n)
    assert np.isfinite(far.log_ratio)
    assert far.error > climbing.BELIEVED


G, PER = 7, 4
NODES = np.linspace(-8.0, 8.0, 65)


@cache
def grouped():
    """Return a fit of counts in small groups, a group of them far out."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(G), PER)
    effects = rng.normal(0.0, 0.7, G)
    effects[2] = 3.0
    y = rng.poisson(np.exp(0.5 + effects[group]))
    scale = bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0)))
    model = bg.GLM("y", scale, "poisson", intercept=bg.Normal(2.0))
    data = {"y": y, "g": np.array(list("fbacdeg"))[group]}
    return model, data, bg.fit(model, data)


@cache
def exact_groups():
    """Return exact log densities of rows and groups left out, by formulas of this file alone.

    With t the intercept and the log of the scale on a grid, and the effects on another.
    """
    _, data, _ = grouped()
    labels, group = np.unique(data["g"], return_inverse=True)
    intercept, log_scale = np.meshgrid(np.linspace(-4.0, 5.0, 60), np.linspace(-9.0, 3.0, 80))
    t = np.stack([intercept.ravel(), log_scale.ravel()], axis=-1)
    scale = np.exp(t[:, 1])
    log_prior = norm.logpdf(t[:, 0], 0.0, 2.0) + halfnorm.logpdf(scale) + t[:, 1]
    eta = t[:, 0, None] + scale[:, None] * NODES
    log_weight = norm.logpdf(NODES) + np.log(NODES[1] - NODES[0])
    rate = np.exp(eta)
    each = np.stack([y * eta - rate - gammaln(y + 1.0) for y in data["y"]])  # (row, t, node)

    def marginal(rows):
        return logsumexp(each[rows].sum(axis=0) + log_weight, axis=-1)

    members = [np.flatnonzero(group == k) for k in range(G)]
    whole = np.stack([marginal(rows) for rows in members])
    log_p = log_prior + whole.sum(axis=0)
    of_groups = [logsumexp(log_p) - logsumexp(log_p - one) for one in whole]
    of_rows = [
        logsumexp(log_p) - logsumexp(log_p - whole[k] + marginal(members[k][members[k] != row]))
        for row, k in enumerate(group)
    ]
    return labels, np.array(of_groups), np.array(of_rows)


def test_groups_left_out_with_their_effects_integrated_out():
    _, _, fit = grouped()
    labels, of_groups, _ = exact_groups()
    scored = bg.score(fit, new="group")
    assert scored.elpd_i.dims == ("g",)
    assert scored.elpd_i["g"].values.tolist() == labels.tolist()
    away = np.abs(scored.elpd_i.values - of_groups)
    assert (away < 4.0 * scored.mcse_i.values + 1e-4).all()
    assert abs(scored.elpd - of_groups.sum()) < 3.0 * scored.mcse < 0.3
    named = bg.score(fit, new="group", by="g")
    assert named.elpd == scored.elpd


def test_rows_of_small_groups_by_weights_that_forget_their_effects():
    model, data, fit = grouped()
    _, _, of_rows = exact_groups()
    scored = bg.score(fit)
    assert abs(scored.elpd - of_rows.sum()) < 3.0 * scored.mcse < 0.6
    assert "new='group', by='g'" in scored.doubts[0]
    units = row_units(kept_of(fit, open_problems(model, data))[0])
    state = climbing.by_weights(units, climbing.Means(4, 1.0, as_fit(1000, 4, 3), 2, 0))
    first = state.error.copy()
    state.khat[:] = np.inf  # as if no weights stood
    climbing.by_integrals(state, units, np.arange(units.n))
    assert (climbing.RUNGS[state.rung[0]], len(set(state.rung))) == ("integrated", 1)
    assert (np.abs(state.elpd - of_rows) < 5.0 * state.error).all()
    assert state.error.sum() < 0.7 * first.sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_where_scales_are_learned_err_by_what_is_told(seed):
    """The exact sum is of a grid over intercept, slope and log scale, effects by quadrature."""
    x = [0.346, 0.822, 0.33, 3.0, 0.905, 0.446, -0.537, 0.581, 0.365, 0.294, 0.028, 0.547]
    y = [2, 2, 3, 0, 2, 2, 0, 3, 1, 2, 2, 1, 3, 1]
    data = {"y": y, "x": [*x, -0.736, -0.163], "g": list("aaabbbccddddde")}
    group = bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0)))
    model = bg.GLM("y", ["x", group], family="poisson", prior=bg.Normal(1.0))
    scored = bg.score(bg.fit(model, data, seed=seed))
    assert abs(scored.elpd + 23.4425) < 3.0 * scored.mcse < 0.2


def test_effects_of_a_row_each_are_integrated_out():
    _, data, _ = grouped()
    data = data | {"row": np.random.default_rng(3).permutation(len(data["y"]))}
    own = bg.Group("row", prior=bg.Normal(bg.HalfNormal(1.0)))
    fit = bg.fit(bg.GLM("y", own, "poisson", intercept=bg.Normal(2.0)), data)
    scored, weighted = bg.score(fit), bg.loo(fit)
    steady = weighted.pareto_k.values < 0.5
    away = np.abs(scored.elpd_i.values - weighted.elpd_i.values)[steady]
    assert away.max() < 0.02
    assert scored.doubts == ()


# Of samples, one of them far out: how many, how many columns, what else is said, and groups.
GAUSSIANS = {
    "few columns": (30, 2, {}, ()),
    "weights": (30, 2, {"weights": "w", "offset": "o"}, ()),
    "known sigma": (30, 2, {"dispersion": 0.7, "weights": "w"}, ()),
    "more columns than rows": (20, 32, {}, ()),
    "as many columns as rows": (20, 21, {}, ()),
    "a group of known scale": (30, 2, {}, ("g",)),
}


@pytest.mark.parametrize("new", ["row", "group"])
@pytest.mark.parametrize(("n", "p", "options", "groups"), GAUSSIANS.values(), ids=GAUSSIANS)
def test_gaussian_responses_in_closed_form(n, p, options, groups, new):
    """Against log p(y) - log p(y_-i) of y that are normal given sigma, on a grid of sigma."""
    rng = np.random.default_rng(4)
    x, g = rng.normal(0.0, 1.0, (n, p)), rng.permutation(np.arange(n) % 5)
    w, o = rng.integers(1, 3, n), rng.standard_normal(n)
    y = 0.5 * x[:, 0] + 0.3 * rng.standard_normal(n) + ("offset" in options) * o
    y[3] += 4.0
    data = bg.as_dataset({"y": y, "x": x, "w": w, "o": o}).assign_coords(g=("obs", g))
    terms = ["x", *(bg.Group(name, prior=bg.Normal(0.8)) for name in groups)]
    options = {"dispersion": bg.HalfNormal(2.0)} | options
    model = bg.GLM("y", terms, prior=bg.Normal(0.6), intercept=bg.Normal(2.0), **options)
    scored = bg.score(bg.fit(model, data, draws=50), new=new, by="g" if new == "group" else None)
    learned = options["dispersion"] != 0.7
    log_sigma = np.linspace(-60.0, 3.0, 6301) if learned else np.log([0.7])
    log_p = (halfnorm.logpdf(np.exp(log_sigma), 0.0, 2.0) + log_sigma) * learned
    K = 0.36 * x @ x.T + 4.0 + 0.64 * (g[:, None] == g) * len(groups)
    count, away = w if "weights" in options else np.ones(n), y - ("offset" in options) * o

    def log_evidence(keep):
        """Return log p(y) of some rows, along the eigenvectors of K in units of their noise."""
        root = np.sqrt(count[keep])
        values, vectors = np.linalg.eigh(root[:, None] * K[np.ix_(keep, keep)] * root)
        every = np.exp(2.0 * log_sigma)[:, None] + np.maximum(values, 0.0)
        squares = np.square(vectors.T @ (root * away[keep]))
        of_y = -0.5 * (np.log(every) + squares / every).sum(axis=1)
        of_y += log_sigma * (len(root) - count[keep].sum()) - 0.5 * count[keep].sum() * LOG_2_PI
        return logsumexp(log_p + of_y)

    units = np.arange(n) if new == "row" else g
    every = log_evidence(np.full(n, True))
    expected = [every - log_evidence(units != unit) for unit in np.unique(units)]
    np.testing.assert_allclose(scored.elpd_i, expected, atol=1e-6)
    if new == "row" and p <= n + 1:
        folds = bg.kfold(model, data, by="obs", folds=n, draws=50)
        np.testing.assert_allclose(folds.elpd_i, expected, atol=1e-6)
        assert folds.elpd_i.attrs["n_exact"] == n
    assert scored.rungs["n"].to_dict() == {"exact": len(expected)}
    assert scored.mcse < 1e-5
    assert f"They are told: {len(expected)} by the closed form" in scored.why


def test_time_is_left_out_in_blocks():
    rng = np.random.default_rng(0)
    data = {"y": rng.poisson(2.0, 90), "x": rng.standard_normal(90)}
    data = bg.as_dataset(data).rename(obs="time").assign_coords(time=np.arange(90.0))
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0))
    scored = bg.score(bg.fit(model, data), new="time", folds=3)
    assert scored.kind == "loo_kfold"
    assert scored.n_folds == 3
    assert abs(scored.elpd - bg.kfold(model, data, by="time", folds=3).elpd) < 0.5
    assert "Blocks of time" in scored.why
    assert scored.why[:20] in str(scored)
    by_trial = data.assign_coords(trial=("time", np.arange(90) // 30))
    fit = bg.fit(model, by_trial)
    assert "each 'trial' are left out together" in bg.score(fit, "time", "trial", folds=3).why
    assert bg.score(fit, by="time", folds=3).elpd == bg.score(fit, "time", folds=3).elpd
    with pytest.raises(bg.DataError, match="Give by='trial'"):
        bg.score(fit, "group")


def test_levels_that_no_other_tells_are_doubted():
    region = np.array(list("abc"))[np.arange(40) % 3]
    terms = [bg.Category("region", prior=bg.Normal(1.0)), "x"]
    fit = bg.fit(bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0)), FRAME | {"region": region})
    alone, few = bg.score(fit, by="region").doubts
    assert "(1 | region)" in alone
    assert "3 levels" in few


FRAME = {
    "y": np.random.default_rng(0).poisson(2.0, 40),
    "x": np.random.default_rng(1).standard_normal(40),
    "a": np.arange(40) % 5,
    "b": np.arange(40) % 4,
}


@cache
def plain(*groups):
    terms = ["x", *(bg.Group(name, prior=bg.Normal(0.5)) for name in groups)]
    return bg.fit(bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0)), FRAME)


@pytest.mark.parametrize(
    ("groups", "asked", "words"),
    [
        ((), {"new": "subject"}, "new must be 'row', 'group' or 'time'"),
        ((), {"new": "row", "by": "x"}, "write new='group'"),
        ((), {"new": "row", "by": "time"}, "write new='time'"),
        ((), {"new": "group", "by": "time"}, r"write score\(fit, new='time', by='time'\)"),
        ((), {"by": "garage"}, r"set_coords\('garage'\), in the shell fit --coords garage"),
        ((), {"new": "group"}, "the model has no Group, and the fit holds no label.*set_coords"),
        (("a", "b"), {"new": "group"}, "the groups a, b.*by='a'"),
        (("a",), {"new": "group", "by": "b"}, "'b' is neither .* there are a"),
        ((), {"refits": -1}, "refits"),
        ((), {"folds": 2.5}, "folds"),
        (("a",), {"new": "group", "by": ["a"]}, "by must be 'time', or the name of a coord"),
    ],
)
def test_what_cannot_be_asked(groups, asked, words):
    with pytest.raises(bg.DataError, match=words):
        bg.score(plain(*groups), **asked)


def test_a_group_that_holds_whole_levels_of_another_is_refitted():
    frame = FRAME | {"site": np.arange(40) % 5 // 2}
    terms = [bg.Group("a", prior=bg.Normal(0.5)), bg.Group("site", prior=bg.Normal(0.5))]
    fit = bg.fit(bg.GLM("y", terms, "poisson"), frame, draws=250)
    scored = bg.score(fit, new="group", by="site")
    assert scored.kind == "loo_kfold"
    assert scored.elpd_i.dims == ("site",)
    assert "whole" in scored.why or "hold all" in scored.why


def test_history_is_doubted_by_row():
    rng = np.random.default_rng(0)
    data = {"y": rng.poisson(1.0, 60)}
    fit = bg.fit(bg.GLM("y", bg.History(lags=2), "poisson", prior=bg.Normal(0.5)), data)
    (doubt,) = bg.score(fit).doubts
    assert "new='time'" in doubt


def test_draws_that_an_interruption_left_out_score_nothing():
    fit, _, _ = overdispersed()
    gone = (fit["posterior"]["draw"] >= 600) & (fit["posterior"]["chain"] == 3)
    short, kept = fit.copy(deep=True), fit.copy(deep=True)
    short["posterior"] = fit["posterior"].to_dataset().where(~gone)
    kept["posterior"] = fit["posterior"].to_dataset().isel(draw=slice(0, 600))
    with pytest.warns(bg.BayesGLMWarning, match="k-hat is above"):
        some, all_chains = bg.loo(short), bg.loo(kept)
    assert some.n_samples == 3600
    stands = (some.pareto_k < 0.5) & (all_chains.pareto_k < 0.5)
    np.testing.assert_allclose(some.elpd_i[stands], all_chains.elpd_i[stands], atol=0.1)
    scored = bg.score(short)
    assert scored.elpd == pytest.approx(bg.score(fit).elpd, abs=5.0 * scored.mcse)
    mixed = bg.stack({"short": short, "fit": fit}, weights={"short": 0.5, "fit": 0.5})
    assert not mixed["y_mean"].isnull().any()


@pytest.mark.parametrize("verb", [bg.loo, bg.score, bg.plot_khat])
def test_draws_without_a_tail_are_refused(verb):
    fit, _, _ = overdispersed()
    with pytest.raises(bg.DataError, match=r"too few draws to be weighted \(5\)"):
        verb(fit.isel(chain=[0], draw=slice(0, 5)))


@pytest.mark.parametrize("verb", [bg.loo, bg.score, bg.residuals, bg.plot_khat])
def test_a_draw_that_lacks_a_part_is_told_of(verb):
    fit, _, _ = overdispersed()
    torn = fit.copy(deep=True)
    torn["posterior"]["x"].values[1, 3] = np.nan
    with pytest.raises(bg.DataError, match="'x' is NaN at chain 1, draw 3"):
        verb(torn)
