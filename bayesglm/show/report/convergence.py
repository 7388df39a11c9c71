"""Findings of how a fit was made: whether its draws, or its optimum, are what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.tree.opened import parameter_group
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.show.report.lights import Finding

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
# r-hat and effective sizes: Vehtari, Gelman, Simpson, Carpenter & Buerkner 2021, Bayesian Analysis
# 16:667: below 1.01, and 100 of each of four chains.
RHAT = (1.01, 1.05)
EFFECTIVE = (400.0, 100.0)
MANY_DIVERGED = 0.01  # share of draws: chosen
# Gradient norm of a MAP, against the size of its log posterior: rounding, and an early stop; chosen
GRADIENT = (1e-6, 1e-3)
ACCEPTED, QUADRATURE = 0.5, 0.1  # of proposals at the worst level; nats: chosen


def findings_of_fit(fit: xr.DataTree) -> list[Finding]:
    """Return what is known of how a fit was made."""
    attrs = fit.attrs
    if "draw" not in parameter_group(fit).dims:
        return _of_mode(attrs)
    found = [_khat(fit), _effective(fit), _rhat(attrs), _diverged(fit), _levels(attrs)]
    return [one for one in found if one is not None]


def _of_mode(attrs: dict[Any, Any]) -> list[Finding]:
    size = max(1.0, abs(float(attrs["log_posterior"])))
    norm, n_iter = float(attrs["gradient_norm"]), attrs["n_iter"]
    is_local = attrs["mode"] != "global"
    optimum = Finding(
        "Optimum",
        np.array([norm / size]),
        *GRADIENT,
        lambda k: f"the gradient norm is {norm:.1e} after {n_iter} iterations of {attrs['solver']}",
        "The optimiser stopped early: rescale the predictors, or take a tighter prior.",
    )
    mode = Finding(
        "Mode",
        np.array([float(is_local)]),
        1.0,
        2.0,
        lambda k: (
            "a local mode: the objective is not log-concave, and others may be higher"
            if is_local
            else "the only mode: the objective is log-concave"
        ),
        "Fit the posterior (fit, fit_mcmc), whose draws may visit other modes.",
    )
    uncertainty = Finding(
        "Uncertainty",
        np.array([1.0]),
        1.0,
        2.0,
        lambda k: "a MAP estimate has none: no number of it says how sure it is",
        "Fit the posterior: fit(model, data).",
    )
    return [optimum, mode, uncertainty]


def _of_units(fit: xr.DataTree, name: str) -> Array | None:
    """Return what importance weights say of each unit, or of all together."""
    if "laplace" in fit.children and name in fit["laplace"].data_vars:
        return np.atleast_1d(np.asarray(fit["laplace"].to_dataset()[name].values, dtype=float))
    return np.array([float(fit.attrs[name])]) if name in fit.attrs else None


def _khat(fit: xr.DataTree) -> Finding | None:
    values = _of_units(fit, "khat")
    if values is None:
        return None
    sizes = parameter_group(fit).sizes
    limit = khat_limit(sizes["chain"] * sizes["draw"])
    refused = not fit.attrs.get("accepted", 1)
    bad = np.where(values < limit, 0.0, 2.0)
    if refused and not bad.any():
        bad = np.full_like(bad, 2.0)
    return Finding(
        "Importance weights",
        bad + 1e-3 * np.nan_to_num(np.clip(values, -1.0, 1.0)),
        1.0,
        1.5,
        lambda k: (
            f"k-hat is {values[k]:.2f}, with {limit:.2f} its limit"
            f"{'; the weights were refused' if refused else ''}"
        ),
        "Do not use these draws: fit_mcmc(model, data) draws from the posterior itself.",
    )


def _effective(fit: xr.DataTree) -> Finding | None:
    values = _of_units(fit, "importance_ess")
    if values is None:
        values = _of_units(fit, "min_ess")
    elif "min_ess" in fit.attrs:
        values = np.minimum(values, float(fit.attrs["min_ess"]))
    if values is None:
        return None
    sizes = parameter_group(fit).sizes
    n = sizes["chain"] * sizes["draw"]
    own = values
    return Finding(
        "Effective draws",
        -own,
        -EFFECTIVE[0] + 0.5,
        -EFFECTIVE[1] + 0.5,
        lambda k: f"{own[k]:,.0f} effective of {n:,} draws, at the least",
        "Draw more: draws=, chains= of fit.",
    )


def _rhat(attrs: dict[Any, Any]) -> Finding | None:
    if "max_rhat" not in attrs:
        return None
    rhat = float(attrs["max_rhat"])
    return Finding(
        "Chains agree",
        np.array([rhat]),
        *RHAT,
        lambda k: f"r-hat is {rhat:.3f} at most ({RHAT[0]} or less is good)",
        "Draw longer chains (draws=, tune=), or take tighter priors.",
    )


def _diverged(fit: xr.DataTree) -> Finding | None:
    stats = fit["sample_stats"].to_dataset() if "sample_stats" in fit.children else {}
    if "diverging" not in stats and "n_divergent" not in fit.attrs:
        return None
    sizes = parameter_group(fit).sizes
    n = sizes["chain"] * sizes["draw"]
    if "diverging" in stats:
        counts = stats["diverging"].sum(("chain", "draw")).values
    else:
        counts = fit.attrs["n_divergent"]
    counts = np.atleast_1d(np.asarray(counts, dtype=float))
    return Finding(
        "Divergences",
        counts / n,
        0.5 / n,
        MANY_DIVERGED,
        lambda k: f"{counts[k]:,.0f} of {n:,} draws diverged",
        "Raise target_accept of fit_mcmc; where that does not help, take tighter priors.",
    )


def _levels(attrs: dict[Any, Any]) -> Finding | None:
    """Tell of effects that were taken apart level by level."""
    if "level_acceptance" not in attrs:
        return None
    share, error = float(attrs["level_acceptance"]), float(attrs.get("quadrature_error", 0.0))
    where = f" ({attrs['levels_of']}={attrs['worst_level']})" if "worst_level" in attrs else ""
    bad = max(float(share < ACCEPTED), 2.0 * float(error > QUADRATURE))
    return Finding(
        "Levels",
        np.array([bad]),
        1.0,
        2.0,
        lambda k: (
            f"level by level at least {share:.0%} of proposals were accepted{where}; the "
            f"integrals over them are right to {error:.2g} nats in all"
        ),
        "fit_mcmc(model, data) draws all of them together.",
    )
