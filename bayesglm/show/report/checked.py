"""Findings of what a fit makes of its data: what the data can tell, and how the model fits them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.groups import SILENT
from bayesglm.inference.tree.opened import kept_of, model_of, reopen
from bayesglm.results.power_scaling import THRESHOLD
from bayesglm.results.scores.alike import FOLDS, QUESTIONS
from bayesglm.results.scores.dependence import correlations, told_from
from bayesglm.show.report.lights import Finding

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray
INFLATED = (10.0, 1000.0)  # times: the usual rule (Fox & Monette 1992 call for judgement); chosen
UNLIKELY, FAR = 0.01, 0.1  # a p-value that is told, and a distance that is large whatever n: chosen
MANY_OUTSIDE = (0.2, 0.5)  # share of bins, or lags, outside bands of 94%: chosen
MANY_LEFT_OUT = (0.05, 0.5)  # share of samples: chosen
MOST_NAMED = 5  # silent units: chosen
MANY_HIGH = 0.01  # share of samples with a high k-hat: chosen


def findings_of_data(fit: xr.DataTree, told: xr.DataTree | None) -> list[Finding]:
    """Return what is known of the data of a fit: left out, silent, separated, collinear."""
    found = [_left_out(fit), _silent(fit)]
    if told is not None and "terms" in told.children:
        terms = told["terms"].to_dataset()
        found += [_separated(terms), _collinear(terms), _contradicted(terms), _sensitive(terms)]
    return [one for one in found if one is not None]


def findings_of_score(fit: xr.DataTree, elpd: ELPDData | None) -> list[Finding]:
    """Return what is known of the score of a fit: influential samples, dependent ones."""
    if elpd is None:
        return []
    found = [_influential(elpd), _dependent(fit, elpd)]
    return [one for one in found if one is not None]


def findings_of_fitting(told: xr.DataTree | None) -> list[Finding]:
    """Return how well a model fits the data that it was fitted to."""
    if told is None:
        return []
    found = [_residuals(told), _calibration(told), _intervals(told), _autocorrelation(told)]
    return [one for one in found if one is not None]


def _left_out(fit: xr.DataTree) -> Finding:
    counts = {"n_missing": "have missing values", "n_dropped": "lack a full past or future"}
    n = {name: int(fit.attrs.get(name, 0)) for name in counts}
    whole = max(1, int(fit.attrs.get("n_samples", 0)))
    words = [f"{n[name]:,} of {whole:,} samples {why}" for name, why in counts.items() if n[name]]
    return Finding(
        "Samples left out",
        np.array([n["n_missing"] / whole]),
        *MANY_LEFT_OUT,
        lambda k: " and ".join(words) + ", and are left out" if words else "none",
        "Look at why values are missing: what is left out may differ from what is not.",
    )


def _silent(fit: xr.DataTree) -> Finding | None:
    """Tell of units of the data that have no fit."""
    if not fit.attrs["population"]:
        return None
    lost = json.loads(fit.attrs.get(SILENT, "[]"))
    more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
    told = f"{', '.join(lost[:MOST_NAMED])}{more}: never vary, and have no fit"
    return Finding(
        "Silent units",
        np.array([float(len(lost) > 0)]),
        1.0,
        2.0,
        lambda k: told if lost else "none",
        "A proper prior of the intercept (intercept=Normal(...)) keeps them.",
    )


def _of_terms(variable: xr.DataArray) -> tuple[Array, list[str]]:
    """Return the values ``(units, terms)`` of terms, and the names of these."""
    ordered = variable.transpose(..., "term")
    n_terms = ordered.sizes["term"]
    return ordered.values.reshape(-1, n_terms), [str(one) for one in ordered["term"].values]


def _worst_terms(values: Array, names: list[str], least: float) -> list[str]:
    """Return, unit by unit, the names of the terms that reach a limit."""
    return [
        ", ".join(name for name, one in zip(names, own, strict=True) if one >= least)
        for own in values
    ]


def _separated(terms: xr.Dataset) -> Finding | None:
    if "separated" not in terms:
        return None
    values, names = _of_terms(terms["separated"])
    which = _worst_terms(values, names, 1.0)
    return Finding(
        "Separation",
        values.any(axis=1).astype(float),
        1.0,
        2.0,
        lambda k: (
            f"{which[k]}: the data tell only in which direction, not how far; how far is the "
            "prior's alone"
            if which[k]
            else "none: the data bound every term"
        ),
        "Report the bound, not the estimate; see how it moves with the prior.",
    )


def _collinear(terms: xr.Dataset) -> Finding | None:
    if "inflation" not in terms:
        return None
    values, names = _of_terms(terms["inflation"])
    if values.shape[1] < 2:
        return None
    at = values.argmax(axis=1)
    return Finding(
        "Collinear terms",
        values.max(axis=1),
        *INFLATED,
        lambda k: (
            f"the other terms widen the variance of {names[at[k]]} {values[k, at[k]]:.3g} times, "
            "the most of all"
        ),
        "Which of them carries the effect the data hardly say: read them together.",
    )


def _contradicted(terms: xr.Dataset) -> Finding | None:
    if "contradicted" not in terms:
        return None
    values, names = _of_terms(terms["contradicted"])
    which = _worst_terms(values, names, 1.0)
    return Finding(
        "Prior against data",
        values.any(axis=1).astype(float),
        1.0,
        2.0,
        lambda k: (
            f"the estimate of {which[k]} lies where the prior expects less than 1 in 100"
            if which[k]
            else "the data contradict no prior"
        ),
        "Look at the data first, then take a wider prior.",
    )


def _sensitive(terms: xr.Dataset) -> Finding | None:
    if "prior_sensitivity" not in terms:
        return None
    values, names = _of_terms(terms["prior_sensitivity"])
    which = _worst_terms(values, names, THRESHOLD)
    most = np.array([np.nan if np.isnan(own).all() else np.nanmax(own) for own in values])
    return Finding(
        "Hangs on the prior",
        most,
        THRESHOLD,
        np.inf,
        lambda k: (
            f"{which[k]} moves with the prior (power-scaling sensitivity {most[k]:.2f}, told from "
            f"{THRESHOLD:g} on)"
            if which[k]
            else f"no term moves with its prior (power-scaling sensitivity {most[k]:.2f})"
        ),
        "See the prior's sensitivity; a strong prior that is meant is no fault.",
    )


def _influential(elpd: ELPDData) -> Finding | None:
    if elpd.pareto_k is None or elpd.good_k is None:
        return None
    khat = np.asarray(elpd.pareto_k.values, dtype=float)
    of_units = khat.reshape(len(khat), -1).T
    limit = float(elpd.good_k)
    high = (of_units > limit).sum(axis=1)
    n = np.maximum(1, np.isfinite(of_units).sum(axis=1))
    return Finding(
        "Influential samples",
        high / n,
        0.5 / float(n.max()),
        MANY_HIGH,
        lambda k: (
            f"at {high[k]:,} of {n[k]:,} samples k-hat is above {limit:.2f}"
            + ("; their leave-one-out scores are not to be trusted" if high[k] else "")
        ),
        "score(fit) goes on where weights fail; look at these samples (plot_khat).",
    )


def _dependent(fit: xr.DataTree, elpd: ELPDData) -> Finding:
    if elpd.kind == FOLDS or elpd.kind in QUESTIONS:
        kind = "folds" if elpd.kind == FOLDS else QUESTIONS[elpd.kind]
        bad, said = np.zeros(1), [f"scored by what is left out in one piece: {kind}"]
    elif model_of(fit).has_history:
        bad = np.ones(1)
        said = [
            "a response that is left out stays in as a covariate of later ones, so that "
            "leave-one-out is optimistic"
        ]
    else:
        found = list(correlations([one.finished[1] for one in kept_of(fit, reopen(fit))]))
        bad = np.array([abs(one) / told_from(n) for one, n in found])
        said = [
            f"residuals of neighbouring samples have a correlation of {one:.2f} (told from "
            f"{told_from(n):.2f} on)"
            for one, n in found
        ] or ["samples have no order in time"]
        bad = bad if found else np.zeros(1)
    return Finding(
        "Dependence of samples",
        bad,
        1.0,
        np.inf,
        lambda k: said[k],
        "Leave-one-out is optimistic here. Score by blocks: kfold(model, data, by='time'), or lfo.",
    )


def _values(told: xr.DataTree, check: str, name: str) -> Array:
    """Return a number of each unit."""
    return np.atleast_1d(np.asarray(told[check].to_dataset()[name].values, dtype=float)).ravel()


def _by_distance(told: xr.DataTree, check: str, name: str, words: str, remedy: str) -> Finding:
    """Return a finding of a Kolmogorov-Smirnov distance: unlikely is amber, and large besides red.

    Of very many samples a distance that is told may be too small to matter: it stays amber.
    """
    p, distance = _values(told, check, "p_value"), _values(told, check, "ks_distance")
    bad = (p < UNLIKELY) * (1.0 + (distance > FAR)) + 0.5 * np.nan_to_num(distance)
    return Finding(
        name,
        np.where(np.isnan(distance), np.nan, bad),
        1.0,
        2.0,
        lambda k: f"{words} (Kolmogorov-Smirnov distance {distance[k]:.3f}, p = {p[k]:.2g})",
        remedy,
    )


def _residuals(told: xr.DataTree) -> Finding | None:
    if "quantile_residuals" not in told.children:
        return None
    return _by_distance(
        told,
        "quantile_residuals",
        "Distribution",
        "quantile residuals against normal ones",
        "Another family or link may fit better: see the goodness of fit.",
    )


def _intervals(told: xr.DataTree) -> Finding | None:
    if "time_rescaling" not in told.children:
        return None
    return _by_distance(
        told,
        "time_rescaling",
        "Intervals between events",
        "rescaled intervals against uniform ones",
        "A term of history, or of a slow drift, may be missing.",
    )


def _calibration(told: xr.DataTree) -> Finding | None:
    if "calibration" not in told.children:
        return None
    own = told["calibration"].to_dataset()
    seen = own["observed"].notnull()
    outside = ((own["observed"] < own["lower"]) | (own["observed"] > own["upper"])) & seen
    units = [dim for dim in outside.dims if dim in _lead(told)]
    dims = [dim for dim in outside.dims if dim not in units]
    counts, n = (np.atleast_1d(one.sum(dims).values) for one in (outside, seen))
    return Finding(
        "Calibration",
        counts / np.maximum(n, 1),
        *MANY_OUTSIDE,
        lambda k: f"{counts[k]} of {n[k]} bins lie outside what the model foretells with 94%",
        "Means are off where they are large or small: look for a curve, or another link.",
    )


def _lead(told: xr.DataTree) -> set[str]:
    """Return the dim of units, if any: the one of scores, of which there is one for each."""
    return set(map(str, told["scores"].to_dataset()["log_likelihood"].dims))


def _autocorrelation(told: xr.DataTree) -> Finding | None:
    if "autocorrelation" not in told.children:
        return None
    share = _values(told, "autocorrelation", "share_outside")
    values = told["autocorrelation"].to_dataset()["autocorrelation"].transpose(..., "lag").values
    first = values.reshape(-1, values.shape[-1])[:, 0]
    return Finding(
        "Autocorrelation of residuals",
        share,
        *MANY_OUTSIDE,
        lambda k: (
            f"{share[k]:.0%} of lags lie outside the band of independent ones (6% would by "
            f"chance); {first[k]:.2f} at lag 1"
        ),
        "Something slow is not in the model: intervals are too narrow, and leave-one-out flatters.",
    )
