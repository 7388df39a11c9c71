"""Coefficients in the words of those who read them: ``region[North]``, ``sd of dose by subject``.

And the priors that stand beside them, each with its own numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.tree.inclusion import SUFFIX
from bayesglm.spec.model import GLM
from bayesglm.spec.notation import density_text
from bayesglm.spec.numbers import number_text
from bayesglm.spec.terms.term import Term

Array = np.ndarray
INTERCEPT = "intercept"  # the label of that among the effects of a group


@dataclass(frozen=True)
class Entries:
    """The coefficients of one variable of a fit: its name, their words, and which entries they are.

    ``places`` index the flattened entries, whose shape is ``shape``. ``term`` is the term that the
    variable is of, if any; ``own`` says that it holds that term's coefficients, and not their scale
    or correlation.
    """

    name: str
    words: tuple[str, ...]
    places: Array
    shape: tuple[int, ...]
    term: Term | None
    own: bool

    @property
    def of_eta(self) -> bool:
        """Whether they are a part of a linear predictor: coefficients, or the mean of steps."""
        is_mean = self.term is not None and _is_mean(self.name, self.term)
        return self.own or self.name == INTERCEPT or is_mean


def entries_of(model: GLM, group: xr.Dataset) -> Iterator[Entries]:
    """Return the coefficients of a fit in the order in which they are read.

    First what all samples share, then scales and correlations, then the weights of curves and the
    levels of groups.
    """
    terms = {term.label: term for term in model.every_term}
    several = [name for name, term in terms.items() if stands_last(term, group)]
    order = [INTERCEPT, *(term.label for term in model.terms)]
    for name, one in model.predicted.items():
        order += [f"{name}_intercept", *(term.label for term in one.terms)]
    order = [name for name in order if name not in several]
    order += [name for name in map(str, group.data_vars) if name not in (*order, *several)]
    for name in (*order, *several):
        if name in group:
            owner = terms.get(name) or _owner(name, terms)
            yield _entries(name, group[name], owner, name in terms)


def entries_alone(words: str, variable: xr.DataArray) -> Entries:
    """Return the entries of something beside the parameters, over the neurons of a population."""
    return dataclasses.replace(_entries(words, variable, None, False), name=words)


def stands_last(term: Term, group: xr.Dataset) -> bool:
    """Say whether a term's coefficients are many that share a scale: of levels, or of a curve."""
    is_learned = f"{term.label}_scale" in group
    return term.facts.of_levels or (is_learned and is_curve(group[term.label]))


def is_curve(variable: xr.DataArray) -> bool:
    """Say whether a term's coefficients are weights of the functions that make up a curve."""
    return f"{variable.name}_basis" in variable.dims


def with_means(model: GLM, group: xr.Dataset) -> xr.Dataset:
    """Return a fit's parameters with the mean of the steps of each monotonic effect."""
    labels = [term.label for term in model.every_term if term.facts.of_steps]
    return group.assign(
        {f"{label}_mean": group[label].mean(f"{label}_step", skipna=False) for label in labels}
    )


def _is_mean(name: str, term: Term) -> bool:
    """Say whether a variable is the mean of the steps of a term."""
    return term.facts.of_steps and name == f"{term.label}_mean"


def _owner(name: str, terms: dict[str, Term]) -> Term | None:
    """Return the term of which a variable is the scale or the correlation."""
    return terms.get(name.rpartition("_")[0])


def _entries(name: str, variable: xr.DataArray, term: Term | None, own: bool) -> Entries:
    dims = tuple(str(dim) for dim in variable.dims if dim not in ("chain", "draw"))
    labels = [list(map(str, variable[dim].values)) for dim in dims]
    index = list(np.ndindex(*map(len, labels)))
    of = [[own_labels[k] for own_labels, k in zip(labels, at, strict=True)] for at in index]
    places = np.arange(len(index))
    if name.endswith("_correlation") and term is not None and not own:
        kept = [k for k, at in enumerate(index) if at[-2] < at[-1]]
        places = places[kept]
        words = [
            _indexed(f"correlation of {of[k][-2]} and {of[k][-1]} by {term.label}", of[k][:-2])
            for k in kept
        ]
    elif name.endswith("_scale") and term is not None and not own:
        words = [_scale_words(term, dims, at) for at in of]
    elif name.endswith("_lengthscale") and term is not None and not own:
        words = [_indexed(f"lengthscale of {term.label}", at) for at in of]
    elif name.endswith(SUFFIX) and term is not None and not own:
        words = [f"inclusion of {_effect_words(term.label, dims, at)}" for at in of]
    elif name.endswith("_r2") and term is not None and not own:
        words = [_indexed(f"share of variance explained by {term.label}", at) for at in of]
    elif name.endswith("_share") and term is not None and not own:
        words = [f"share of that by {_effect_words(term.label, dims, at)}" for at in of]
    elif term is not None and _is_mean(name, term):
        words = [_indexed(f"mean change of {term.label}", at) for at in of]
    else:
        words = [_effect_words(name, dims, at) for at in of]
    if term is not None and not set(term.facts.common_dims).isdisjoint(dims):
        places = np.array([k for k, at in enumerate(of) if not _is_with_itself(term, dims, at)])
        words = [words[k] for k in places]
    return Entries(name, tuple(words), places, tuple(map(len, labels)), term, own)


def _is_with_itself(term: Term, dims: tuple[str, ...], at: list[str]) -> bool:
    """Say whether an entry is what one of a population would have with itself: no parameter."""
    return any(at[dims.index(dim)] == at[0] for dim in term.facts.common_dims if dim in dims)


def _effect_words(name: str, dims: tuple[str, ...], at: list[str]) -> str:
    """Write ``g[a]`` of a level, ``g.x[a]`` of its slope, ``x[lag 2]`` of a lag."""
    inside = []
    for dim, label in zip(dims, at, strict=True):
        if dim == f"{name}_effect":
            name = effect_name(name, label)
        else:
            inside.append(f"lag {label}" if dim.endswith("_lag") else label)
    return _indexed(name, inside)


def effect_name(group: str, effect: str) -> str:
    """Return what an effect of a group is called: its intercepts by the group's own name.

    >>> effect_name("g", "intercept"), effect_name("g", "x")
    ('g', 'g.x')
    """
    return group if effect == INTERCEPT else f"{group}.{effect}"


def _scale_words(term: Term, dims: tuple[str, ...], at: list[str]) -> str:
    if not term.facts.of_levels:
        return _indexed(f"scale of {term.label}", at)
    what, inside = term.label, []
    for dim, label in zip(dims, at, strict=True):
        if dim != f"{term.label}_effect":
            inside.append(label)
        elif label != INTERCEPT:
            what = f"{label} by {term.label}"
    return _indexed(f"sd of {what}", inside)


def _indexed(name: str, inside: list[str]) -> str:
    return f"{name}[{', '.join(inside)}]" if inside else name


def prior_words(prior: Any, entries: Entries) -> list[str]:
    """Write the prior of each entry of a variable, with the numbers that are its own."""
    if isinstance(prior, str):
        return [prior] * len(entries.words)
    if isinstance(prior, float):
        return [f"fixed at {number_text(prior)}"] * len(entries.words)
    arrays = {
        field.name: np.asarray(value)
        for field in dataclasses.fields(prior)
        if isinstance(value := getattr(prior, field.name), tuple)
        and not prior.traits.of_field
        and np.asarray(value).dtype.kind == "f"
    }
    above = _scales_of(entries, prior.traits.learned)
    if not arrays:
        written = {name: density_text(prior, name) for name in dict.fromkeys(above)}
        return [written[name] for name in above]
    each = {name: np.broadcast_to(v, entries.shape).ravel() for name, v in arrays.items()}
    own = [{key: float(v[k]) for key, v in each.items()} for k in entries.places]
    return [
        density_text(dataclasses.replace(prior, **numbers), name)
        for numbers, name in zip(own, above, strict=True)
    ]


def _scales_of(entries: Entries, learned: str) -> list[str]:
    """Return what is learned above each entry, ``learned`` by name; of levels an effect's sd."""
    if entries.term is None or not entries.term.facts.of_levels:
        return [f"({learned} of {entries.name})"] * len(entries.words)
    effects = [words.partition("[")[0].removeprefix(entries.name) for words in entries.words]
    slopes = [f"{effect[1:]} by " if effect else "" for effect in effects]
    return [f"(sd of {slope}{entries.name})" for slope in slopes]
