"""Columns of products, and how their categories are coded beside other terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError, ModelError
from bayesglm.spec.terms.category import FULL
from bayesglm.spec.terms.interaction import Interaction
from bayesglm.spec.terms.table import OF_A_NAME
from bayesglm.spec.terms.term import LEVELS, Term

Array = np.ndarray
type Span = tuple[frozenset[Any], frozenset[str]]  # numbers, and factors whose differences


def interaction_block(
    term: Interaction, readings: Readings, build: Callable[[Term, Readings], Block]
) -> Block:
    """Lay the products of its parts: lags first, then features, then the levels of categories."""
    blocks = [build(part, readings) for part in term.parts]
    for one in blocks:
        if one.rank:
            raise ModelError(
                f"{one.name!r} has rank={one.rank}, and the field of an interaction "
                f"({term.label!r}) is one of any numbers; leave rank= out of it."
            )
    lagged = [one for one in blocks if one.lags is not None]
    numbers = [one for one in blocks if one.lags is None and one.codes is None]
    # Twins have what sums to zero along the last dims.
    margins = sorted((one for one in blocks if one.codes is not None), key=lambda one: one.sums)
    dims, coords, shape = _dims(term, [*lagged, *numbers], margins)
    n = len(blocks[0].signal)
    signal = reduce(_products, (one.signal for one in numbers), np.ones((n, 1)))
    curves = [one for one in numbers if one.curve is not None]
    if curves and signal.shape[1] > curves[0].size:
        raise DataError(
            f"the curve of the interaction {term.label!r} is multiplied by several numbers a "
            "sample; give each an interaction of its own."
        )
    first = len(shape) - len(margins)
    parts = tuple(
        replace(part, **one.settles) for part, one in zip(term.parts, blocks, strict=True)
    )
    return Block(
        term.label,
        signal,
        shape,
        dims,
        coords,
        codes=_codes(margins),
        n_level_dims=max(len(margins), 1),
        sums=tuple(first + k for k, one in enumerate(margins) if one.sums),
        multiplier=lagged[0] if lagged else None,
        per_column=any(one.per_column for one in numbers) and not lagged,
        n_ones=0 if numbers else 1,
        settles={"parts": parts},
        curve=curves[0].curve if curves else None,
        n_straight=curves[0].n_straight if curves else None,
    )


def _products(one: Array, other: Array) -> Array:
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)


def _codes(margins: Sequence[Block]) -> Array | None:
    """Return the number of each sample's combination of levels; -1 where one has no coefficient."""
    if not margins:
        return None
    n = len(margins[0].signal)
    codes, silent = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=bool)
    for one in margins:
        assert one.codes is not None
        codes, silent = codes * one.shape[0] + one.codes, silent | (one.codes < 0)
    return np.where(silent, -1, codes)


def _dims(
    term: Interaction, numbers: Sequence[Block], margins: Sequence[Block]
) -> tuple[tuple[str, ...], dict[str, Array], tuple[int, ...]]:
    """Return the dims of the coefficients with their labels and sizes; own dims bear its name."""
    dims: list[str] = []
    coords: dict[str, Array] = {}
    for one in numbers:
        for dim in one.dims:
            own = dim.startswith(f"{one.name}_")
            named = f"{term.label}{dim.removeprefix(one.name)}" if own else dim
            if named in coords:
                raise DataError(
                    f"two parts of the interaction {term.label!r} have the dim {dim!r}; rename it "
                    "in one of their variables."
                )
            dims.append(named)
            coords[named] = one.coords[dim]
    for k, one in enumerate(margins, start=1):
        dims.append(f"{term.label}_level" + (f"_{k}" if k > 1 else ""))
        coords[dims[-1]] = one.coords[one.dims[0]]
    return tuple(dims), coords, tuple(len(coords[dim]) for dim in dims)


def coded(terms: Sequence[Any], intercept: bool, labelled: Callable[[Term], Term]) -> list[Term]:
    """Return the terms of one linear predictor, the parts of interactions as terms, and coded.

    ``labelled`` returns what a term is whose variable holds labels.

    Without an intercept the first category has a coefficient for each level. A category keeps its
    contrasts where all that is not yet there, products of fewer of the
    factors with the same numbers, has it; elsewhere it has a coefficient for each level.
    """
    known = {one.variable: one for one in _categories(terms)}
    alone = None if intercept else next(iter(known.values()), None)
    spans: set[Span] = {(frozenset(), frozenset())} if intercept else set()
    made: list[Any] = [
        replace(one, parts=tuple(_part(part, known, labelled) for part in one.parts))
        if isinstance(one, Interaction)
        else (replace(alone, contrasts=FULL, reference=None) if one is alone else one)
        for one in terms
    ]
    several = [one for one in made if isinstance(one, Interaction)]
    for term in made if several else ():
        if not isinstance(term, Interaction):
            spans |= _spanned([term])
    found = dict[int, Term]()
    for term in sorted(several, key=lambda one: len(_factors(one.parts))):
        parts = _coded_parts(term.parts, spans)
        spans |= _spanned(parts)
        found[id(term)] = replace(term, parts=parts)
    return [found.get(id(one), one) for one in made]


def _part(part: Any, known: dict[str, Any], labelled: Callable[[Term], Term]) -> Any:
    if part in known:
        return replace(known[part], name=None, prior=None)
    return labelled(OF_A_NAME(part) if isinstance(part, str) else part)


def _categories(parts: Iterable[Any]) -> list[Any]:
    return [part for part in parts if part.facts.part == LEVELS]


def _factors(parts: Iterable[Any]) -> list[str]:
    return [part.variable for part in _categories(parts)]


def _numbers(parts: Iterable[Any]) -> frozenset[Any]:
    """Return what is multiplied beside categories, whatever its coefficients are called."""
    others = (part for part in parts if part.facts.part != LEVELS)
    return frozenset(replace(part, name="any", prior=None) for part in others)


def _subsets(names: Sequence[str], among: Sequence[str]) -> list[frozenset[str]]:
    """Return the sets of factors that hold some names, and any of the others."""
    others = [name for name in among if name not in names]
    return [
        frozenset((*names, *some))
        for size in range(len(others) + 1)
        for some in combinations(others, size)
    ]


def _spanned(parts: Sequence[Any]) -> set[Span]:
    """Return the differences, and products of them, that the columns of some parts make up."""
    numbers = _numbers(parts)
    reduced = [one.variable for one in _categories(parts) if one.contrasts != FULL]
    return {(numbers, factors) for factors in _subsets(reduced, _factors(parts))}


def _coded_parts(parts: tuple[Any, ...], spans: set[Span]) -> tuple[Any, ...]:
    factors, numbers = _factors(parts), _numbers(parts)
    lacking = [one for one in _subsets((), factors) if (numbers, one) not in spans]
    reduced = frozenset.intersection(*lacking) if lacking else frozenset(factors)
    return tuple(
        replace(part, contrasts=FULL, reference=None)
        if part.facts.part == LEVELS and part.variable not in reduced
        else part
        for part in parts
    )
