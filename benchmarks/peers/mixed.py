"""Posteriors of mixed models, by bayesglm and by samplers.

Normal(0, 2.5) on the intercept, Normal(0, 1) on the coefficients, HalfNormal(1) on sigma and on the
scale of each kind of effects, LKJ(2) on the correlation of intercepts and slopes. Every sampler
returns four chains of a thousand draws after the warm-up that it chooses itself, or that its
documentation shows; building and compiling the model is inside the clock.
"""

import logging
from typing import Any

import numpy as np

from benchmarks.peers.posterior import CHAINS, DRAWS, importing, prepare_numpyro, scalars
from benchmarks.solver import Setting, Solver
from benchmarks.work import Array, Drawn, Found, Spec, Work

MIXED = ("gaussian", "binomial", "poisson")


def columns_of(work: Work) -> dict[str, Array]:
    """Return the data by name: y, x0, x1, ..., g0, g1, ..., and of binomial responses trials."""
    data = {"y": work.y, **{f"x{k}": column for k, column in enumerate(work.X.T)}}
    if work.groups is not None:
        data |= {f"g{k}": column for k, column in enumerate(work.groups.T)}
    if work.trials is not None:
        data["trials"] = work.trials
    return data


def _prepare_bayesglm(work: Work) -> Any:
    importing("bayesglm.inference.fit", "arviz_stats.base", "nutpie", "pymc")(work)
    return work, columns_of(work)


def _model(work: Work, scales: tuple[float, ...] = ()) -> Any:
    """Return the model; with ``scales`` known, one of each grouping."""
    import bayesglm as bg

    spec = work.spec
    names = [f"x{k}" for k in range(spec.p)]
    slopes = {"slopes": "x0", "correlated": bg.LKJ(2.0)} if spec.kind == "slopes" else {}
    given = scales or (bg.HalfNormal(1.0),) * len(spec.levels)
    return bg.GLM(
        "y",
        [
            bg.Linear(names, name="w", prior=bg.Normal(1.0)),
            *(bg.Group(f"g{k}", prior=bg.Normal(one), **slopes) for k, one in enumerate(given)),
        ],
        family=spec.family,
        intercept=bg.Normal(2.5),
        dispersion=bg.HalfNormal(1.0) if spec.family == "gaussian" else None,
        trials="trials" if spec.family == "binomial" else None,
    )


def _fit_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    verb = getattr(bg, setting["verb"])
    fitted = verb(_model(work), data, draws=DRAWS, chains=CHAINS, seed=setting.get("seed", 0))
    return fitted, work


def read_tree(result: Any) -> Drawn:
    """Return intercept, coefficients, sigma, scales, correlation, and what effects were kept."""
    fitted, work = result
    group, levels = fitted["posterior"].to_dataset(), work.spec.levels
    group = group.transpose("chain", "draw", ...)
    top = [group["intercept"].values, group["w"].values]
    top += [group["sigma"].values] if "sigma" in group else []
    top += [group[f"g{k}_scale"].values for k in range(len(levels))]
    if "g0_correlation" in group:
        top.append(group["g0_correlation"].values[..., 0, 1])
    kept = [name for name in (f"g{k}" for k in range(len(levels))) if name in group]
    effects = [group[name].values for name in kept if "draw" in group[name].dims]
    # Where no weights are told of, distinct draws bound the size all the same.
    return Drawn(scalars(*top, *effects), fitted.attrs.get("importance_ess", np.inf))


def n_top(spec: Spec) -> int:
    """Return how many parameters stand above the effects of levels."""
    of_slopes = 2 if spec.kind == "slopes" else 0  # a second scale, and a correlation
    return 1 + spec.p + (spec.family == "gaussian") + len(spec.levels) + of_slopes


def _fit_map(prepared: Any, setting: Setting) -> Any:
    """Fit the mode of the effects with scales as they were simulated."""
    import bayesglm as bg

    work, data = prepared
    return bg.fit_map(_model(work, (0.5,) * len(work.spec.levels)), data)


def _tune(prepared: Any, setting: Setting) -> Any:
    """Choose the scales by their evidence; then the mode, as lme4 and glmmTMB report it."""
    import bayesglm as bg

    work, data = prepared
    terms = [f"g{k}" for k in range(len(work.spec.levels))]
    tuned = bg.tune_prior(_model(work), data, term=terms)
    return bg.fit_map(tuned.model, data)


def _read_map(fitted: Any) -> Found:
    at = fitted["map"]
    return Found(np.atleast_1d(at["intercept"].values), np.atleast_2d(at["w"].values))


def _numpyro_model(work: Work) -> Any:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    spec, X, y = work.spec, jnp.asarray(work.X), jnp.asarray(work.y)
    groups = [jnp.asarray(column) for column in work.groups.T]
    trials = None if work.trials is None else jnp.asarray(work.trials)

    def model() -> None:
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5))
        eta = eta + X @ numpyro.sample("w", dist.Normal(0.0, 1.0).expand([spec.p]).to_event(1))
        if spec.kind == "slopes":
            scales = numpyro.sample("scale0", dist.HalfNormal(1.0).expand([2]).to_event(1))
            factor = numpyro.sample("factor", dist.LKJCholesky(2, 2.0))
            each = dist.Normal(0.0, 1.0).expand([spec.levels[0], 2]).to_event(2)
            effects = numpyro.sample("unit0", each) @ (scales[:, None] * factor).T
            numpyro.deterministic("effects0", effects.T)
            numpyro.deterministic("correlation", factor[1, 0])
            eta = eta + effects[groups[0], 0] + effects[groups[0], 1] * X[:, 0]
        else:
            for k, many in enumerate(spec.levels):
                scale = numpyro.sample(f"scale{k}", dist.HalfNormal(1.0))
                unit = numpyro.sample(f"unit{k}", dist.Normal(0.0, 1.0).expand([many]).to_event(1))
                effects = numpyro.deterministic(f"effects{k}", scale * unit)
                eta = eta + effects[groups[k]]
        if spec.family == "gaussian":
            sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
            numpyro.sample("y", dist.Normal(eta, sigma), obs=y)
        elif spec.family == "binomial":
            numpyro.sample("y", dist.Binomial(trials, logits=eta), obs=y)
        else:
            numpyro.sample("y", dist.Poisson(jnp.exp(eta)), obs=y)

    return model


def _fit_numpyro(work: Work, setting: Setting) -> Any:
    import jax
    import numpyro

    mcmc = numpyro.infer.MCMC(
        numpyro.infer.NUTS(_numpyro_model(work), target_accept_prob=setting.get("accept", 0.8)),
        num_warmup=1000,
        num_samples=setting.get("draws", DRAWS),
        num_chains=CHAINS,
        chain_method=setting["chain_method"],
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(setting["seed"]))
    draws = mcmc.get_samples(group_by_chain=True)
    return {name: np.asarray(one) for name, one in draws.items()}, work


def _read_named(result: Any) -> Drawn:
    """Put a sampler's arrays by name in the order of `read_tree`."""
    drawn, work = result
    top = [drawn["intercept"], drawn["w"]] + ([drawn["sigma"]] if "sigma" in drawn else [])
    top += [drawn[f"scale{k}"] for k in range(len(work.spec.levels))]
    top += [drawn["correlation"]] if "correlation" in drawn else []
    return Drawn(scalars(*top, *(drawn[f"effects{k}"] for k in range(len(work.spec.levels)))))


def _pymc_model(work: Work) -> Any:
    import pymc as pm

    spec = work.spec
    with pm.Model() as model:
        eta = pm.Normal("intercept", 0.0, 2.5) + work.X @ pm.Normal("w", shape=spec.p)
        if spec.kind == "slopes":
            factor, correlation, _ = pm.LKJCholeskyCov(
                "factor", eta=2.0, n=2, sd_dist=pm.HalfNormal.dist(1.0, shape=2)
            )
            pm.Deterministic("scale0", pm.math.sqrt((factor**2).sum(axis=1)))
            pm.Deterministic("correlation", correlation[0, 1])
            unit = pm.Normal("unit0", shape=(2, spec.levels[0]))
            effects = pm.Deterministic("effects0", factor @ unit)
            eta = eta + effects[0, work.groups[:, 0]] + effects[1, work.groups[:, 0]] * work.X[:, 0]
        else:
            for k, many in enumerate(spec.levels):
                scale = pm.HalfNormal(f"scale{k}")
                unit = pm.Normal(f"unit{k}", shape=many)
                eta = eta + pm.Deterministic(f"effects{k}", scale * unit)[work.groups[:, k]]
        if spec.family == "gaussian":
            pm.Normal("y", eta, pm.HalfNormal("sigma"), observed=work.y)
        elif spec.family == "binomial":
            pm.Binomial("y", n=work.trials, logit_p=eta, observed=work.y)
        else:
            pm.Poisson("y", mu=pm.math.exp(eta), observed=work.y)
    return model


def _fit_pymc(work: Work, setting: Setting) -> Any:
    import nutpie

    compiled = nutpie.compile_pymc_model(_pymc_model(work))
    seed = setting["seed"]
    tree = nutpie.sample(compiled, draws=DRAWS, chains=CHAINS, seed=seed, progress_bar=False)
    return {name: one.values for name, one in tree["posterior"].items()}, work


def _prepare_bambi(work: Work) -> Any:
    """Lay out the table that Bambi takes."""
    import pandas as pd

    importing("bambi", "nutpie")(work)
    logging.disable(logging.INFO)  # it tells of every fit
    table = pd.DataFrame(columns_of(work))
    for k in range(len(work.spec.levels)):
        table[f"g{k}"] = table[f"g{k}"].astype(str)
    return work, table.astype({"y": float if work.spec.family == "gaussian" else int})


def _fit_bambi(prepared: Any, setting: Setting) -> Any:
    import bambi as bmb

    work, table = prepared
    spec = work.spec
    names = [f"x{k}" for k in range(spec.p)]
    half = bmb.Prior("HalfNormal", sigma=1.0)
    priors = {
        "Intercept": bmb.Prior("Normal", mu=0.0, sigma=2.5),
        **{name: bmb.Prior("Normal", mu=0.0, sigma=1.0) for name in names},
        **{
            f"1|g{k}": bmb.Prior("Normal", mu=0.0, sigma=bmb.Prior("HalfNormal", sigma=1.0))
            for k in range(len(spec.levels))
        },
    }
    priors |= {"sigma": half} if spec.family == "gaussian" else {}
    left = "p(y, trials)" if spec.family == "binomial" else "y"
    right = " + ".join([*names, *(f"(1|g{k})" for k in range(len(spec.levels)))])
    family = spec.family
    model = bmb.Model(
        f"{left} ~ {right}", table, family=family, priors=priors, center_predictors=False
    )
    tree = model.fit(
        draws=DRAWS,
        tune=1000,
        chains=CHAINS,
        random_seed=setting["seed"],
        inference_method="nutpie",
        progressbar=False,
    )
    return tree, work


def _read_bambi(result: Any) -> Drawn:
    tree, work = result
    group, spec = tree["posterior"], work.spec
    drawn = {"intercept": group["Intercept"].values}
    drawn["w"] = np.stack([group[f"x{k}"].values for k in range(spec.p)], axis=-1)
    if "sigma" in group:
        drawn["sigma"] = group["sigma"].values
    for k in range(len(spec.levels)):
        effects = group[f"1|g{k}"]
        order = np.argsort(effects[f"g{k}__factor_dim"].values.astype(int))
        drawn |= {
            f"scale{k}": group[f"1|g{k}_sigma"].values,
            f"effects{k}": effects.values[..., order],
        }
    return _read_named((drawn, work))


def _bayesglm(name: str, verb: str) -> Solver:
    setting = {"verb": verb}
    return Solver(
        name, ("bayesglm",), _fit_bayesglm, read_tree, (setting,), _prepare_bayesglm, MIXED
    )


def _numpyro(name: str, setting: Setting) -> Solver:
    needs = ("numpyro",)
    return Solver(name, needs, _fit_numpyro, _read_named, (setting,), prepare_numpyro, MIXED)


FIT = _bayesglm("bayesglm", "fit")
FIT_MCMC = _bayesglm("bayesglm fit_mcmc", "fit_mcmc")
MAP = Solver(
    "bayesglm fit_map, scales known",
    ("bayesglm",),
    _fit_map,
    _read_map,
    prepare=_prepare_bayesglm,
    families=MIXED,
)
TUNE = Solver(
    "bayesglm tune_prior, then fit_map",
    ("bayesglm",),
    _tune,
    _read_map,
    prepare=_prepare_bayesglm,
    families=MIXED,
)
NUMPYRO = tuple(
    _numpyro(f"numpyro, {method}", {"chain_method": method})
    for method in ("vectorized", "parallel")
)
_NUTPIE = ("pymc", "nutpie")
PYMC = Solver("PyMC, nutpie", _NUTPIE, _fit_pymc, _read_named, ({},), importing(*_NUTPIE), MIXED)
BAMBI = Solver(
    "Bambi, nutpie", ("bambi", "nutpie"), _fit_bambi, _read_bambi, ({},), _prepare_bambi, MIXED
)
SAMPLERS = (FIT, FIT_MCMC, BAMBI, PYMC, *NUMPYRO)
# Bambi draws no correlations of effects.
OF_SLOPES = (FIT, FIT_MCMC, PYMC, *NUMPYRO)
# So long a run that its own error hardly counts beside those of the others.
REFERENCE = _numpyro("reference", {"chain_method": "parallel", "draws": 25_000, "accept": 0.9})
