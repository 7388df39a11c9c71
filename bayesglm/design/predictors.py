"""The linear predictors of one neuron: their blocks, the known part, and the samples in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.design import Beside, Predictors, levels_of
from bayesglm.design.gaps import left_out
from bayesglm.design.readings import Readings
from bayesglm.design.roles import known_part, per_sample, trials_of
from bayesglm.design.seen import bounds_of, has_own_bounds
from bayesglm.design.terms.table import build_block
from bayesglm.errors import DataError
from bayesglm.spec.model import GLM

Array = np.ndarray


def lay_beside(model: GLM, readings: Readings, first: Predictors) -> Predictors:
    """Lay the terms of a model on the data of one more neuron, beside those of the first.

    What is not the neuron's own is the first's: the same samples, and the same blocks.
    """
    blocks = tuple(
        build_block(term, readings)
        if term.reads_response or readings.is_own(term.variables)
        else block
        for term, block in zip(model.every_term, first.blocks, strict=True)
    )
    changed: dict[str, Any] = {}
    if any(block is not other for block, other in zip(blocks, first.blocks, strict=True)):
        changed["blocks"] = blocks
    if readings.is_own([model.offset, model.exposure]):
        changed["offset"] = known_part(model, readings)
    if readings.is_own([model.trials]):
        changed["trials"] = per_sample(model, readings, "trials")
    if readings.is_own([model.trials]) or has_own_bounds(model, readings):
        changed["bounds"] = bounds_of(model, readings, changed.get("trials", first.trials))
    return replace(first, **changed) if changed else first


def lay_predictors(model: GLM, readings: Readings, counted: Array | None) -> Predictors:
    """Lay the terms of a model on one neuron's data; ``counted`` samples count for some neuron."""
    offset = known_part(model, readings)
    trials = trials_of(model, readings)
    blocks = tuple(build_block(term, readings) for term in model.every_term)
    n = readings.clock.n_samples
    keep = np.ones(n, dtype=bool)
    if model.edges == "drop":
        for block in blocks:
            keep &= block.complete()
    n_incomplete = n - int(keep.sum())
    gaps = readings.gaps
    if gaps:
        pairs = list(zip(model.every_term, blocks, strict=True))
        keep &= ~left_out(model, gaps, pairs, n, not readings.is_new)
    n_missing = n - n_incomplete - int(keep.sum())
    rows = np.flatnonzero(keep if counted is None else keep & counted)
    lagged = [one for block in blocks if (one := block.of_lags) is not None]
    if not keep.any() and lagged:
        longest = max(lagged, key=lambda block: block.size)
        assert longest.lags is not None
        first, last = (int(longest.lags[k]) for k in (0, -1))
        step = longest.step
        span = "" if step is None else f" ({first * step:.6g} to {last * step:.6g} s)"
        seconds = " (a window= is in seconds)" if span else ""
        raise DataError(
            f"no sample has a full past: term {longest.name!r} reaches from lag {first} to {last}"
            f"{span}, and no trial of the {n} samples is long enough{seconds}. Use fewer lags, "
            "more samples, or edges='zero'."
        )
    if not len(rows) and n_missing:
        told = ", ".join(f"{name!r} ({int(mask.sum())})" for name, mask in gaps.items())
        raise DataError(
            f"no sample is left: {n_missing} read missing values of {told}; fill some of them in."
        )
    if not len(rows):
        zero = " or ".join(
            f"{role} {getattr(model, role)!r}"
            for role in ("weights", "trials")
            if getattr(model, role)
        )
        raise DataError(f"{zero} are zero for every sample in use; no sample counts.")
    return Predictors(
        blocks,
        model.intercept is not None,
        rows,
        n,
        n_incomplete,
        offset,
        trials,
        bounds_of(model, readings, trials),
        beside=tuple(Beside(name, len(one.terms)) for name, one in model.predicted.items()),
        levels=levels_of(model),
        n_missing=n_missing,
    )
