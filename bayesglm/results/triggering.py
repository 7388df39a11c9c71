"""Spikes and the stimulus before them, read in stretches of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Plan
from bayesglm.design.plan import lay
from bayesglm.errors import DataError, ModelError, tell
from bayesglm.numerics.rows.columns import Columns
from bayesglm.results.stretches import STRETCHES
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM
from bayesglm.spec.prior.apart import Normal
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.lags import Lags, Window

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
ROWS = 4096  # rows that are multiplied at a time: chosen
LONG = 2  # of the lags, a stretch is at least: chosen, so that few rows read the last one's


class Group(NamedTuple):
    """Neurons, by their numbers, that are triggered on the same columns."""

    block: Block
    neurons: tuple[int, ...]


@dataclass(frozen=True)
class Triggered:
    """A stimulus at the lags of one term, less its mean, and the responses of all neurons."""

    plan: Plan
    groups: tuple[Group, ...]

    @property
    def rows(self) -> Array:
        """The samples that see every lag inside their own trial."""
        return self.plan.designs[0].predictors.rows

    @property
    def size(self) -> int:
        """Number of columns: of lags times features."""
        return self.groups[0].block.size

    @property
    def stretches(self) -> list[slice]:
        """Runs of the rows, of equal length, that stand for independent repetitions."""
        lags = self.groups[0].block.lags
        assert lags is not None
        n = len(self.rows)
        count = int(np.clip(n // (LONG * len(lags)), min(n, 8), min(n, STRETCHES)))
        edges = np.linspace(0, n, count + 1).astype(int)
        return [slice(a, b) for a, b in pairwise(edges)]

    def counts(self, neurons: tuple[int, ...], part: slice) -> Array:
        """Return the responses of some neurons ``(neurons, rows)`` of a part of the rows."""
        rows = self.rows[part]
        return np.stack([self.plan.designs[k].y[rows] for k in neurons]).astype(np.float64)

    def pieces(self, group: Group, stretch: slice) -> Iterator[tuple[Columns, Array]]:
        """Run through a stretch: columns of some rows, and the responses ``(neurons, rows)``."""
        for start in range(stretch.start, stretch.stop, ROWS):
            part = slice(start, min(start + ROWS, stretch.stop))
            yield group.block.on(self.rows[part]), self.counts(group.neurons, part)

    def all_rows(self, group: Group) -> Iterator[tuple[Columns, Array]]:
        """The same of all rows."""
        return self.pieces(group, slice(0, len(self.rows)))

    @property
    def dims(self) -> tuple[str, ...]:
        """Dims of a filter: ``lag``, then those of the stimulus's features."""
        block = self.groups[0].block
        return tuple("lag" if dim == f"{block.name}_lag" else dim for dim in block.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers along these."""
        return self.groups[0].block.shape

    def dataset(self, variables: dict[str, tuple[tuple[str, ...], Array]]) -> xr.Dataset:
        """Label arrays of all neurons ``(neurons, *dims)``, filters as kernels are."""
        import xarray as xr

        plan, block = self.plan, self.groups[0].block
        lead = () if plan.population is None else (plan.population,)
        named = {
            name: ((*lead, *dims), values if lead else values[0])
            for name, (dims, values) in variables.items()
        }
        coords: dict[str, Any] = dict(zip(self.dims, block.coords.values(), strict=True))
        if block.step is not None:
            assert block.lags is not None
            coords["lag_time"] = ("lag", block.lags * block.step, {"units": "s"})
        if lead:
            coords[lead[0]] = plan.labels
        known = {dim for dims, _ in named.values() for dim in dims}
        return xr.Dataset(
            named, coords={k: v for k, v in coords.items() if k in known or k == "lag_time"}
        )


def trigger(data: Any, stimulus: str, spikes: str, lags: Lags, window: Window) -> Triggered:
    """Open the door for the data and lay the stimulus at the lags, as a `Lagged` term is laid."""
    for name, value in (("stimulus", stimulus), ("spikes", spikes)):
        if not isinstance(value, str):
            raise ModelError(
                f"{name} must name a variable of the data, got {shown(value)}; write "
                "sta(data, 'stimulus', 'spikes', lags=25)."
            )
    # What does not vary, a silent neuron say, is refused where parameters are free.
    term, sure = Lagged(stimulus, lags=lags, window=window), Normal(1.0)
    plan = lay(GLM(spikes, term, intercept=sure, dispersion=1.0, missing="drop"), data)
    if plan.n_missing:
        n = plan.designs[0].predictors.n_samples
        tell(
            f"{plan.n_missing} of {n} samples read missing values of {stimulus!r} or {spikes!r} "
            "and are left out. Fill the gaps in knowingly, or remove them before."
        )
    of_block: dict[int, tuple[Block, list[int]]] = {}
    for k, design in enumerate(plan.designs):
        block = design.predictors.blocks[0]
        of_block.setdefault(id(block), (block, []))[1].append(k)
    groups = [Group(_centred(block), tuple(neurons)) for block, neurons in of_block.values()]
    return Triggered(plan, tuple(groups))


def _centred(block: Block) -> Block:
    """Return a block less its stimulus's mean, in the precision that the stimulus has.

    Rows read samples of their own trials only, so that all columns move by constants.
    """
    signal = block.signal
    kind = signal.dtype if signal.dtype.kind == "f" else np.dtype(np.float64)
    return replace(block, signal=signal - signal.mean(axis=0, dtype=np.float64).astype(kind))


def check_counts(triggered: Triggered) -> None:
    """Raise DataError where responses are negative, and tell of neurons that are silent."""
    plan, rows = triggered.plan, triggered.rows
    for k, design in enumerate(plan.designs):
        y = design.y[rows]
        if y.min() < 0:
            raise DataError(
                f"{plan.model.response!r}{plan.name_of(k)} is negative in {int((y < 0).sum())} "
                f"samples, the first at {plan.sample_dim}={int(rows[np.argmax(y < 0)])}: what "
                "triggers an average must be counts or rates. Of signals of both signs, "
                "whitened_sta is the least-squares filter."
            )
    tell_of_silence(triggered)


def tell_of_silence(triggered: Triggered) -> Array:
    """Tell of neurons that are silent; return which they are ``(neurons,)``."""
    plan, rows = triggered.plan, triggered.rows
    silent = np.array([not design.y[rows].any() for design in plan.designs])
    if silent.any():
        named = [plan.name_of(k).strip(" ()") or "it" for k in np.flatnonzero(silent).tolist()]
        tell(
            f"{plan.model.response!r} holds no spikes of {len(named)} of {len(silent)} "
            f"neurons ({', '.join(named[:5])}{', ...' if len(named) > 5 else ''}): what they "
            "trigger is NaN. Leave them out, or look at how they were binned."
        )
    return silent


def check_varies(triggered: Triggered) -> None:
    """Raise DataError where a stimulus is the same at all samples."""
    for group in triggered.groups:
        if np.ptp(group.block.signal, axis=0).any():
            continue
        plan = triggered.plan
        raise DataError(
            f"stimulus {plan.model.terms[0].label!r}{plan.name_of(group.neurons[0])} is constant, "
            "so that no average before spikes departs from its mean; look at how it was read."
        )
