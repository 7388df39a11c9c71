"""Shares of variance: how much of what varies lies between the levels of each group."""

from __future__ import annotations

import xarray as xr

from bayesglm.inference.tree.words import INTERCEPT
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.model import GLM


def variance_shares(model: GLM, group: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the share of each group's intercepts in the variance of the latent response, by draw.

    sd_g^2 / (sum of all groups' sd^2 + residual variance): where there is one group, the intraclass
    correlation, of two samples of one level where slopes are zero. The residual variance is sigma^2
    of gaussian responses, and of those that are thresholds of a latent variable that of its
    distribution: pi^2/3 for the logit, 1 for the probit, pi^2/6 for cloglog and loglog (Nakagawa,
    Johnson & Schielzeth 2017, J R Soc Interface 14:20170213). Empty where neither holds.
    """
    residual = _residual_variance(model, group)
    names = [f"{term.label}_scale" for term in model.terms if term.facts.of_levels]
    if residual is None or not names or any(name not in group for name in names):
        return {}
    squares = {}
    for name in names:
        scale, effect = group[name], name.removesuffix("_scale") + "_effect"
        if effect in scale.dims:
            if INTERCEPT not in scale[effect].values:
                return {}
            scale = scale.sel({effect: INTERCEPT}, drop=True)
        squares[name.removesuffix("_scale")] = scale**2
    total = sum(squares.values()) + residual
    return {label: square / total for label, square in squares.items()}


def _residual_variance(model: GLM, group: xr.Dataset) -> xr.DataArray | float | None:
    family, link = FAMILY_NAMES[model.family], LINK_NAMES[model.link_name]
    if family.has_unit and link.power == 1.0 and family.dispersions == ("sigma",):
        if "sigma" in group:
            return group["sigma"] ** 2
        fixed = model.dispersion_of("sigma")
        return fixed**2 if isinstance(fixed, float) else None
    return link.latent_variance if family.is_threshold else None
