"""Kernels as a picture: curves with bands, fields with their sds, and who drives whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.tree.opened import model_of, reopen
from bayesglm.results.edges import edges
from bayesglm.results.kernels import quiet_kernels
from bayesglm.show.coefficients import AROUND_EVENTS, LINES
from bayesglm.show.displayed import DisplayedFigure
from bayesglm.show.figures import CHOOSES, WIDTH, check_term, members, not_drawn, write_note
from bayesglm.show.kernel_panels import (
    MOST_WRITTEN,
    SURE,
    draw_curves,
    draw_field,
    draw_frames,
    draw_matrix,
    draw_numbers,
)
from bayesglm.show.text import plain
from bayesglm.show.units import is_around_events, unit_of_coefficients
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure, SubFigure

MOST_LINES = 4  # of one panel, whose bands can be told apart
MOST_PANELS = 12  # of one term, of a population's curves
MOST_FIELDS = 4  # of one term, each with its sd beside
MOST_UNITS = 100  # of a population whose coupling is a matrix, or whose numbers stand in a row
PANELS_ACROSS = 4


@dataclass(frozen=True)
class _Section:
    """What one term draws into a part of the figure: how high, and what is left out of it."""

    title: str
    height: float
    draw: Callable[[SubFigure], None]
    note: str = ""


def plot_kernels(
    fit: xr.DataTree, term: str | None = None, prob: float = 0.94, units: Any = None
) -> Figure:
    """Draw what each term adds to the linear predictor, as a curve, a field or a matrix.

    Kernels over lags and curves over values are lines with their pointwise bands, between dotted
    lines that hold the whole curve with the same probability; a population has a panel for each of
    its members, all of one term on one scale. Fields are images: lags by places, or frames at the
    lags where they are strongest, with the posterior sd beside, those of all members on one scale.
    Coupling is a matrix of integrated
    kernels, from each member to each other, with a dot where the sign is as good as known. Single
    coefficients are points with bars.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; a MAP has no bands and no sds.
    term : str, optional
        The term to draw alone.
    prob : float
        Probability of the bands, as in `kernels`.
    units : label or sequence of labels, optional
        Members of a population to draw, in this order; all by default. Of more than 12 (fields:
        four) the first are drawn, and a note names the others. Of coupling they are the targets.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No fit, an unknown term, a model without terms, ``prob`` outside (0, 1), units that the fit
        has not.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1, 0, 2], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2, -1.0, 0.5]}
    >>> model = bg.GLM("y", bg.Lagged("x", lags=3), family="poisson", prior=bg.Normal(1.0))
    >>> figure = bg.plot_kernels(bg.fit_laplace(model, data))
    >>> figure.axes[0].get_xlabel()
    'lag (samples before the response)'
    """
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    tree = quiet_kernels(fit, prob)
    names = list(tree.children)
    if not names:
        raise DataError("the model of this fit has no term to draw, only an intercept.")
    if term is not None:
        check_term(term, names, "fit")
        names = [term]
    problem = reopen(fit)[0]
    population = fit.attrs["population"] or ""
    numbers = members(units, problem.plan.labels, problem.plan.population)
    coupled = {block.name for block in problem.design.predictors.named if block.part_of}
    nodes = {name: tree[name].to_dataset() for name in names}
    model, single = model_of(fit), [name for name in names if not nodes[name]["link"].dims]
    table = edges(fit) if coupled.intersection(names) else None
    sections = [_together({name: nodes[name] for name in single})] if len(single) > 1 else []
    for name in names:
        if name in single and len(single) > 1:
            continue
        node = nodes[name].assign_attrs(
            {
                "term": name,
                "unit": _unit(model, name, nodes[name]),
                AROUND_EVENTS: is_around_events(model, name),
            }
        )
        whose = population if population in node.dims else ""
        if name in coupled and whose:
            node = _with_edges(node, table, whose).isel({whose: numbers})
            sections.append(_coupling(name, node, whose))
        else:
            chosen = node.isel({whose: numbers}) if whose else node
            sections.append(_of_term(name, chosen, whose))
    figure = DisplayedFigure(figsize=(WIDTH, sum(s.height for s in sections)), layout="constrained")
    heights = [section.height for section in sections]
    parts = figure.subfigures(len(sections), 1, squeeze=False, height_ratios=heights)
    for part, section in zip(parts[:, 0], sections, strict=True):
        section.draw(part)
        part.suptitle(plain(section.title), x=0.01, ha="left", fontsize=12)
        write_note(part, section.note)
    return figure


def _unit(model: GLM, name: str, node: xr.Dataset) -> str:
    """Return the unit of a term's kernel, in two lines where it is long."""
    unit = unit_of_coefficients(model, name)
    return (unit.split(" per ")[0] if "value" in node.dims else unit).replace(" per ", "\nper ")


def _together(nodes: dict[str, xr.Dataset]) -> _Section:
    """Put terms of one coefficient each into one panel, along their names."""
    import xarray as xr

    joined = xr.concat(list(nodes.values()), dim="term", combine_attrs="drop")
    joined = joined.assign_coords(term=list(nodes)).assign_attrs(unit="link units")
    return _numbers("single coefficients", joined, "")


def _of_term(name: str, node: xr.Dataset, population: str) -> _Section:
    own = [str(dim) for dim in node["link"].dims if dim != population]
    along = [dim for dim in own if dim in LINES]
    beside = [dim for dim in own if dim not in LINES]
    n_beside = 1
    for dim in beside:
        n_beside *= node.sizes[dim]
    if along and len(beside) <= 1 and n_beside <= MOST_LINES:
        return _curves(name, node, population)
    if len(own) == 2:
        return _fields(name, node, population, draw_field)
    if along and len(own) == 3:
        return _fields(name, node, population, draw_frames)
    return _numbers(name, node, population)


def _curves(name: str, node: xr.Dataset, population: str) -> _Section:
    shown, note = _first(node, population, MOST_PANELS, population)
    n = shown.sizes[population] if population else 1
    across = min(n, PANELS_ACROSS)
    down = -(-n // across)
    draw = partial(draw_curves, node=shown, population=population, grid=(down, across))
    return _Section(name, 0.7 + (2.6 if down == 1 else 1.9 * down), draw, note)


def _fields(name: str, node: xr.Dataset, population: str, draw: Any) -> _Section:
    shown, note = _first(node, population, MOST_FIELDS, population)
    n = shown.sizes[population] if population else 1
    has_sd = "link_sd" in shown
    each = 2.6 if draw is draw_field else 1.7 * (1 + has_sd)
    return _Section(name, 0.7 + each * n, partial(draw, node=shown, population=population), note)


def _numbers(name: str, node: xr.Dataset, population: str) -> _Section:
    dims = [str(dim) for dim in node["link"].dims]
    longest = max(dims, key=lambda dim: node.sizes[dim], default="")
    shown, note = _first(node, longest, MOST_UNITS, population)
    rest = [dim for dim in dims if dim != longest]
    for dim in rest:
        shown, more = _first(shown, dim, MOST_LINES, population)
        note = " ".join(filter(None, (note, more)))
    return _Section(name, 2.9, partial(draw_numbers, node=shown, along=longest), note)


def _coupling(name: str, node: xr.Dataset, population: str) -> _Section:
    shown, note = _first(node, population, MOST_UNITS, population)
    shown, more = _first(shown, "source", MOST_UNITS, population)
    n = max(shown.sizes[population], shown.sizes["source"])
    draw = partial(draw_matrix, node=shown, population=population)
    told = "Hatched: no unit drives itself through coupling."
    if "p_sign" in shown:
        is_written = n <= MOST_WRITTEN
        told += (
            " P: the probability that a gain has its sign."
            if is_written
            else f" Dot: P(sign) > {SURE}."
        )
    notes = " ".join(filter(None, (told, note, more)))
    return _Section(name, 4.5 if n <= MOST_WRITTEN else 6.0, draw, notes)


def _with_edges(node: xr.Dataset, table: pd.DataFrame, population: str) -> xr.Dataset:
    """Add the integrated gain of each pair, and the probability that it has the mean's sign."""
    own = table[table["term"] == node.attrs["term"]]
    places = [
        pd.Index(node[dim].values).get_indexer(own[column])
        for dim, column in ((population, "target"), ("source", "source"))
    ]
    dims = population, "source"
    gain = np.full([node.sizes[dim] for dim in dims], np.nan)
    gain[tuple(places)] = own["gain"]
    node = node.assign(gain=(dims, gain))
    if "p_positive" not in own:
        return node
    sign = np.full(gain.shape, np.nan)
    sign[tuple(places)] = np.maximum(own["p_positive"], 1.0 - own["p_positive"])
    return node.assign(p_sign=(dims, sign))


def _first(node: xr.Dataset, dim: str, most: int, population: str) -> tuple[xr.Dataset, str]:
    """Return the first places along a dim, and a sentence that names the others."""
    if not dim or node.sizes[dim] <= most:
        return node, ""
    labels = node[dim].values[most:] if dim in node.coords else np.arange(most, node.sizes[dim])
    remedy = CHOOSES if dim == population else "kernels(fit) holds them"
    return node.isel({dim: slice(0, most)}), not_drawn(dim, labels, remedy)
