"""Fits in words and numbers, for the page of a report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.tree.certificate import certificate
from bayesglm.inference.tree.opened import EFFECTS, group_redrawn, model_of, parameter_group
from bayesglm.inference.tree.shown import CHECKS
from bayesglm.inference.tree.summary import summary
from bayesglm.show.coefficients import are_of_levels
from bayesglm.show.report.cells import number, whole
from bayesglm.show.report.parts import Cell, Table
from bayesglm.spec.families import LINK_NAMES

if TYPE_CHECKING:
    import xarray as xr

MOST_HELD = 5_000  # rows of the table of a fit that a report holds


def numbers(fit: xr.DataTree) -> tuple[Table, tuple[str, ...]]:
    """Return the table of a fit, with ratios where there are, and what is to be said of it."""
    table = summary(fit)
    columns = {str(name): table[name].to_numpy() for name in table}
    unknown = np.full(len(table), np.nan)
    errors = dict.fromkeys(columns, columns.get("sd", unknown)) | dict.fromkeys(CHECKS, unknown)
    if LINK_NAMES[model_of(fit).link_name].ratio:
        ratios = summary(fit, exponentiate=True)
        of = ratios.reindex(table.index)
        for name in of:
            if name in (*CHECKS, "sd", "prior"):
                continue
            is_end = str(name).endswith("%")
            head = f"{ratios.index.name} {name}" if is_end else str(ratios.index.name)
            columns[head] = of[name].to_numpy()
            errors[head] = of["sd"].to_numpy() if "sd" in of else unknown
    last = [name for name in (*CHECKS, "prior") if name in columns]
    order = [*(name for name in columns if name not in last), *last]
    rows = tuple(
        (str(words), *(_cell(name, columns[name][k], errors[name][k]) for name in order))
        for k, words in enumerate(table.index[:MOST_HELD])
    )
    more = len(table) - len(rows)
    notes = (f"And {more:,} more of its rows: bayesglm.summary(fit).",) if more else ()
    return Table((str(table.index.name), *order), rows), notes


def _cell(name: str, value: Any, error: float) -> Cell:
    """Return a cell: words as they are, numbers to a tenth of their error, sizes whole."""
    if isinstance(value, str):
        return value
    if name == "ess":
        return whole(value) if np.isfinite(value) else ""
    return number(value, error)


def of_many(fit: xr.DataTree) -> str:
    """Say, for a caption, which coefficients are shown where there are too many for one row."""
    group = parameter_group(fit)
    own = (
        set(variable.dims) - {"chain", "draw", f"{name}_effect"}
        for name, variable in group.data_vars.items()
    )
    own = (set() if are_of_levels(dims) else dims for dims in own)
    return "" if max(map(len, own), default=0) <= 1 else " (first neuron, or first row)"


def in_words(name: str, fit: xr.DataTree) -> list[str]:
    """Say how a fit was made, what its checks found, and what it left out."""
    attrs = fit.attrs
    method = attrs["method"]
    if method == "map":
        told = (
            f"{name}: MAP by {attrs['solver']} in {attrs['n_iter']} iterations, gradient norm "
            f"{attrs['gradient_norm']:.1e}; a {attrs['mode']} mode. A mode has no uncertainty."
        )
        return [told]
    told = f"{name}: posterior by {_method_name(method)} in {attrs['wall_time_s']:.1f} s; "
    notes = [f"{told}{_methods_of_units(fit) or attrs['why']}."]
    certified = certificate(attrs)
    if certified:
        notes.append(f"{name}: {certified[0].lower()}{certified[1:]}.")
    kept = group_redrawn(fit)
    if kept is not None:
        n = fit[EFFECTS].sizes[f"{kept}_level"]
        notes.append(
            f"{name}: the effects of the {n:,} levels of {kept} are kept as means, sds and "
            f"quantiles; bayesglm.draws(fit, {kept!r}, levels=...) draws them again."
        )
    if "khat" in attrs and not attrs["accepted"]:
        notes.append(f"{name}: the importance weights were refused. Do not use these draws.")
    stats = fit["sample_stats"].to_dataset() if "sample_stats" in fit.children else {}
    diverging = stats.get("diverging")
    if diverging is not None and int(diverging.sum()):
        notes.append(f"{name}: {int(diverging.sum())} draws diverged; raise target_accept.")
    return notes


def _methods_of_units(fit: xr.DataTree) -> str:
    """Say of how many units of a population each method is; empty where there is none."""
    stats = fit["sample_stats"].to_dataset() if "sample_stats" in fit.children else {}
    if "method" not in stats:
        return ""
    counts = Counter(str(one) for one in stats["method"].values.ravel())
    if len(counts) == 1:
        return f"each of {counts.total():,} units by itself"
    return ", ".join(f"{n:,} units by {_method_name(one)}" for one, n in counts.items())


def _method_name(method: str) -> str:
    names = {
        "laplace": "importance-corrected Laplace approximation",
        "nested laplace": "importance-corrected nested Laplace approximation",
        "expectation propagation": "importance-corrected expectation propagation, row by row",
        "nuts": "NUTS",
        "collapsed gibbs": "collapsed Gibbs sampling of indicators",
        "laplace by levels": "integrals over levels, and importance weights beside them,",
        "nuts by levels": "integrals over levels, and NUTS beside them,",
    }
    return " and ".join(names.get(one, one) for one in method.split("+"))
