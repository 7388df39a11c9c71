"""The estimates: every term's coefficients, in pictures and in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import model_of
from bayesglm.results.kernels import quiet_kernels
from bayesglm.results.marginals import PROB
from bayesglm.show.coefficients import (
    AROUND_EVENTS,
    LINES,
    panels,
    place_labels,
    prior_posterior_figure,
)
from bayesglm.show.intervals import before_and_after
from bayesglm.show.kernels import plot_kernels
from bayesglm.show.report.cells import number
from bayesglm.show.report.forest import MOST_TOGETHER, forest
from bayesglm.show.report.levels import levels
from bayesglm.show.report.lines import lines
from bayesglm.show.report.parts import Block, Part, Picture, Section, Table
from bayesglm.show.report.story import Story
from bayesglm.show.report.told import numbers, of_many
from bayesglm.show.units import is_around_events, unit_of_coefficients

if TYPE_CHECKING:
    import xarray as xr

    from bayesglm.spec.terms.term import Term

TO_BE_READ = (
    "Estimates are those of one unit of the predictor; columns of percents are the ends of the "
    "equal-tailed 94% interval, ess is the number of independent draws that they are worth. Of a "
    "MAP there is the mode alone, which has no interval."
)
MOST_LEVELS = 12  # lines of one term that have a panel each; more are drawn in colours
MOST_CELLS = 20_000  # of a field that its data hold on the page


def coefficients(story: Story) -> tuple[Section, ...]:
    """Return pictures of all terms of all fits: what stands alone together, then term by term."""
    called = {name: story.called(name) for name in story.fits}
    together = forest(story.fits, called, story.data)
    blocks: list[Block] = [] if together is None else [together]
    trees = {called[name]: tree for name, tree in story.kernels.items()}
    fits = {called[name]: fit for name, fit in story.fits.items()}
    for term in dict.fromkeys(str(one) for tree in trees.values() for one in tree.children):
        nodes = {
            name: tree[term].to_dataset() for name, tree in trees.items() if term in tree.children
        }
        blocks += _of_term(term, nodes, {name: fits[name] for name in nodes})
    if not blocks:
        return ()
    return (Section("The estimates", tuple(blocks)),)


def _of_term(
    term: str, nodes: dict[str, xr.Dataset], fits: dict[str, xr.DataTree]
) -> list[Picture]:
    """Return the pictures of one term: levels, lines, or a field of each model.

    None of what stands in the picture of all that stand alone.
    """
    models = {name: model_of(fit) for name, fit in fits.items()}
    first = next(iter(models.values()))
    own = next(one for one in first.every_term if one.label == term)
    unit = unit_of_coefficients(first, term)
    population = next(iter(fits.values())).attrs["population"]
    if own.facts.of_levels and not population and "value" not in next(iter(nodes.values())).dims:
        split = {name: panels({term: node}) for name, node in nodes.items()}
        return [
            levels(one, {name: every[one] for name, every in split.items() if one in every}, unit)
            for one in dict.fromkeys(effect for every in split.values() for effect in every)
        ]
    alike: dict[tuple[str, ...], dict[str, xr.Dataset]] = {}
    for name, node in nodes.items():
        alike.setdefault(tuple(map(str, node["link"].dims)), {})[name] = node.assign_attrs(
            {AROUND_EVENTS: is_around_events(models[name], term)}
        )
    is_coupled = population and not set(own.facts.common_dims).isdisjoint(next(iter(alike)))
    drawn: list[Picture] = []
    for dims, members in alike.items():
        rest = [dim for dim in dims if dim != population]
        size = int(np.prod([next(iter(members.values())).sizes[dim] for dim in rest]))
        if is_drawn_alone(dims, size, population, own):
            continue
        if is_coupled or is_field(rest, next(iter(members.values()))):
            drawn += [_field(term, name, fits[name]) for name in members]
        else:
            curve = unit.split(" per ")[0] if "value" in dims else unit
            drawn.append(lines(term, members, curve, ""))
    return drawn


def is_field(rest: list[str], node: xr.Dataset) -> bool:
    """Say whether coefficients are drawn in colours: two dims or more, of too many lines."""
    beside = [dim for dim in rest if dim not in LINES]
    n_beside = int(np.prod([node.sizes[dim] for dim in beside]))
    is_line = any(dim in LINES for dim in rest) and "value_2" not in rest
    return len(rest) > 1 and not (is_line and n_beside <= MOST_LEVELS)


def is_drawn_alone(dims: tuple[str, ...], size: int, population: str, term: Term) -> bool:
    """Say whether coefficients are rows of the picture of those that stand alone."""
    is_line = any(dim in LINES for dim in dims) or term.is_lagged
    return not is_line and size <= MOST_TOGETHER and population not in dims


def _field(term: str, name: str, fit: xr.DataTree) -> Picture:
    """Draw a field of one model by `plot_kernels`, and hold its numbers."""
    figure = plot_kernels(fit, term)
    node = quiet_kernels(fit, PROB)[term].to_dataset()
    link = node["link"]
    values = np.abs(np.nan_to_num(link.values))
    at = np.unravel_index(int(values.argmax()), link.shape)
    where = ", ".join(
        f"{dim} {place_labels(node, str(dim))[k]}" for dim, k in zip(link.dims, at, strict=True)
    )
    what = "posterior means, with their sds" if "link_sd" in node else "MAP estimates"
    alt = f"{term} of {name}, farthest from zero: {float(link.values[at]):.3g} at {where}."
    places = list(np.ndindex(*link.shape))[:MOST_CELLS]
    labels = {str(dim): place_labels(node, str(dim)) for dim in link.dims}
    sd = node["link_sd"].values if "link_sd" in node else np.full(link.shape, np.nan)
    rows = tuple(
        (
            *(labels[str(dim)][k] for dim, k in zip(link.dims, place, strict=True)),
            number(float(link.values[place])),
            number(float(sd[place])),
        )
        for place in places
    )
    more = link.size - len(rows)
    left_out = f" Its data hold the first {MOST_CELLS:,} of {link.size:,} places." if more else ""
    table = Table((*map(str, link.dims), "estimate", "sd"), rows)
    return Picture(figure, f"{term!r} of {name}: {what}.{left_out}", alt, table)


def tables(story: Story) -> tuple[Section, ...]:
    """Return the table of each fit, with ratios where there are."""
    blocks: list[Block] = []
    for name, fit in story.fits.items():
        table, notes = numbers(fit)
        blocks += [Part(story.called(name)), table, *notes]
    return (Section("The estimates in numbers", (TO_BE_READ, *blocks)),)


def prior_and_posterior(story: Story) -> tuple[Section, ...]:
    """Return what the data added to the priors, model by model."""
    pictures = []
    for name, fit in story.posteriors.items():
        nodes = before_and_after(fit) if "posterior" in fit.children else {}
        if nodes:
            scales = " Single coefficients are in units of half their prior's interval."
            note = scales if sum(node["link"].size == 1 for node in nodes.values()) > 1 else ""
            drawn = together(nodes)
            caption = f"{name}: 94% intervals{of_many(fit)}, grey before the data.{note}"
            pictures.append(Picture(prior_posterior_figure(drawn), caption, *_shrunk(name, nodes)))
    if not pictures:
        return ()
    text = (
        "Where the coloured bar is as long as the grey one, the prior speaks; where it is much "
        "shorter, the data do."
    )
    return (Section("Prior and posterior", (text, *pictures)),)


def together(nodes: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Put single coefficients along one dim, each in units of half the interval of its prior."""
    import xarray as xr

    single = {name: node for name, node in nodes.items() if node["link"].size == 1}
    if len(single) < 2:
        return nodes
    ends = {
        end: [
            (node[end] / (0.5 * (node["prior_upper"] - node["prior_lower"]))).item()
            for node in single.values()
        ]
        for end in ("prior_lower", "prior_upper", "link_lower", "link_upper", "link")
    }
    joined = xr.Dataset(
        {end: ("coefficient", values) for end, values in ends.items()},
        coords={"coefficient": list(single)},
    )
    rest = {name: node for name, node in nodes.items() if name not in single}
    return {"single coefficients": joined, **rest}


def _shrunk(name: str, nodes: dict[str, xr.Dataset]) -> tuple[str, Table]:
    """Say how much of each prior's interval is left in the median, and list all intervals."""
    told, rows = [], []
    ends = ("prior_lower", "prior_upper", "link_lower", "link_upper")
    for term, node in nodes.items():
        before, _, low, high = (np.atleast_1d(node[end].values) for end in ends)
        share = (high - low) / (np.atleast_1d(node["prior_upper"].values) - before)
        told.append(f"{term} {np.nanmedian(share):.0%}")
        dim = str(node["link"].dims[-1]) if node["link"].ndim else ""
        labels = place_labels(node, dim) if dim else [""]
        values = [np.atleast_1d(node[end].values) for end in ends]
        rows += [
            (term, label, *(number(float(one[k])) for one in values))
            for k, label in enumerate(labels)
        ]
    shown = "; ".join(told[:MOST_LEVELS])
    more = f"; and {len(told) - MOST_LEVELS:,} more" if len(told) > MOST_LEVELS else ""
    alt = f"{name}: length of the posterior interval, as a share of the prior's: {shown}{more}."
    return alt, Table(("term", "at", "prior 3%", "prior 97%", "3%", "97%"), tuple(rows))
