"""Samples of several fits, paired by their labels: the only ground on which fits are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree.opened import reopen
from bayesglm.spec.names import (
    CARRIED,
    INTERVAL,
    N_JOINT,
    OBSERVED,
    POSITION,
    TRIALS,
    WEIGHTS,
    WHICH_JOINT,
)

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
EQUAL = 1e-6  # relative; responses in single and in double precision are the same
KINDS = dict.fromkeys("iuf", "number") | dict.fromkeys("OUT", "word")  # of labels, by dtype
WITHOUT = {WEIGHTS: 1.0, INTERVAL: ""}  # what a sample has where nothing is carried: all are exact
TOGETHER = "together"  # the attribute of values of sets of samples, by whose labels they are made
REMEDY = "give both fits data with the same index, or the same coordinate of the samples"


@dataclass(frozen=True)
class Scored:
    """Pointwise values of one fit, with what is known of its samples.

    ``labels`` hold the coordinates of the samples; ``own`` is what stands on the sample dim, a
    mere position where the samples have no labels (``by_position``).
    """

    name: str
    values: xr.DataArray
    labels: Mapping[str, Array]
    own: Array
    by_position: bool

    @staticmethod
    def of(name: str, values: xr.DataArray) -> Scored:
        """Read the coordinates of pointwise values, of this package or of another."""
        dim, attrs = str(values.dims[0]), values.attrs
        own = values[dim].values if dim in values.coords else np.arange(values.sizes[dim])
        counted = own.dtype.kind in "iu" and np.array_equal(own, np.arange(len(own)))
        by_position = not attrs["labelled"] if "labelled" in attrs else counted
        labels = {
            key: coordinate.values
            for key, coordinate in coords_over(values, dim).items()
            if key not in CARRIED
        }
        if by_position:
            labels.pop(dim, None)
        return Scored(name, values, labels, own, by_position)

    @property
    def dim(self) -> str:
        """The dim of the samples."""
        return str(self.values.dims[0])

    @property
    def measure(self) -> str | None:
        """Whether the values are logarithms of densities or of probabilities, if that is known."""
        return self.values.attrs.get("measure")

    @property
    def n_samples(self) -> int | None:
        """Number of all samples of the fit's data, if that is known."""
        return self.values.attrs.get("n_samples")

    @property
    def positions(self) -> Array | None:
        """The positions of the samples in the fit's data, if they are known."""
        return self.own if self.by_position else self.carried(POSITION)

    def carried(self, what: str) -> Array | None:
        """Return what the values carry of each sample: its response, weight or position."""
        return self.values.coords[what].values if what in self.values.coords else None

    def told(self) -> str:
        """Say by what the samples are told apart, with the first label."""
        if not self.labels:
            return f"those of {self.name!r} by their positions only"
        first = ", ".join(f"{key}={values[0]}" for key, values in self.labels.items())
        return f"those of {self.name!r} by {', '.join(self.labels)} (first: {first})"


def common_samples(values: Mapping[str, xr.DataArray]) -> dict[str, dict[str, Array]]:
    """Return where in each result the samples (and neurons) stand that all have, in one order.

    The places are those of `isel`, by dim.

    Samples are paired by the labels that all have in common; where these are not unique, by
    their positions, if the labels are the same in the same order.

    Raises
    ------
    DataError
        Densities among probabilities; no common samples, or labels that cannot tell; paired
        samples with different responses, numbers of trials, frequency weights or intervals; joint
        scores of different samples.
    """
    every = [Scored.of(name, one) for name, one in values.items()]
    _check_measures(every)
    others = _other_dims(every)
    places, where = _paired(every)
    if not len(places[0]):
        raise DataError(
            "the models have no samples in common, so they cannot be compared: "
            f"{'; '.join(one.told() for one in every)}; {REMEDY}."
        )
    where_in = {
        one.name: {one.dim: place, **other}
        for one, place, other in zip(every, places, others, strict=True)
    }
    paired = [Scored.of(name, values[name].isel(place)) for name, place in where_in.items()]
    _check_joint_samples(paired, where)
    _check_equal(paired, OBSERVED, "response", where)
    _check_equal(paired, TRIALS, "trial count", where)
    _check_equal(paired, WEIGHTS, "weight", where)
    _check_equal(paired, INTERVAL, "censoring interval", where)
    return where_in


def unchecked(values: Mapping[str, xr.DataArray]) -> list[str]:
    """Return the names of what does not say which responses, or which measure, it scores."""
    every = [Scored.of(name, one) for name, one in values.items()]
    return [one.name for one in every if one.measure is None or one.carried(OBSERVED) is None]


def place_of(values: xr.DataArray, at: Sequence[int]) -> str:
    """Write the labels of one of pointwise values."""
    labels = {
        str(dim): values[dim].values[k] if dim in values.coords else k
        for dim, k in zip(values.dims, at, strict=True)
    }
    return _told(list(labels), tuple(labels.values()))


def observed(values: xr.DataArray) -> Array | None:
    """Return the responses that pointwise values score, if they carry them."""
    return Scored.of("", values).carried(OBSERVED)


def check_fits(fits: Mapping[str, xr.DataTree]) -> dict[str, dict[str, Array]]:
    """Return where in each fit the samples stand that all explain, as `common_samples` does.

    Raises DataError as it does, unless fits explain responses in common.
    """
    values = {}
    for name, fit in fits.items():
        problems = reopen(fit)
        none = np.zeros((problems[0].design.n_rows, len(problems)))
        values[name] = labelled(problems, none, "none")
    return common_samples(values)


def _check_measures(every: Sequence[Scored]) -> None:
    sets = {one.values.attrs.get(TOGETHER, ""): one.name for one in every}
    if len(sets) > 1:
        told = " and ".join(
            f"those of {name!r} are of whole levels of {by!r}"
            if by
            else f"those of {name!r} are of samples by themselves"
            for by, name in sets.items()
        )
        same = f"by={next(filter(None, sets))!r}"
        raise DataError(
            f"the scores cannot be compared: {told}; give all the same by=: kfold(model, data, "
            f"{same}), score(fit, new='group', {same}), external(..., {same})."
        )
    first: dict[str, str] = {}
    for one in every:
        if one.measure is not None:
            first.setdefault(one.measure, one.name)
    if len(first) > 1:
        told = " and ".join(f"those of {name!r} are {measure}" for measure, name in first.items())
        raise DataError(
            f"the scores cannot be compared: {told} of the responses. A probability is a number "
            "by itself; a density changes with the unit of the response. Compare models of counts "
            "with models of counts, and models of measurements with their like."
        )


def _other_dims(every: Sequence[Scored]) -> list[dict[str, Array]]:
    """Return, for each, the places of the neurons that all have, in the order of the first."""
    dims = [tuple(map(str, one.values.dims[1:])) for one in every]
    for one, own in zip(every, dims, strict=True):
        if own != dims[0]:
            raise DataError(
                f"the models have no samples in common: {every[0].name!r} has responses over "
                f"{every[0].values.dims} and {one.name!r} over {one.values.dims}."
            )
    places: list[dict[str, Array]] = [{} for _ in every]
    for dim in dims[0]:
        labels = [pd.Index(one.values[dim].values) for one in every]
        if not all(label.is_unique or label.equals(labels[0]) for label in labels):
            raise DataError(f"labels of {dim!r} stand for several at once; make them unique.")
        for place, matched in zip(places, _matched(labels), strict=True):
            place[dim] = matched
    return places


def _matched(keys: Sequence[pd.Index]) -> list[Array]:
    """Return where in each the labels stand that all have, in the order of the first."""
    if all(key.equals(keys[0]) for key in keys):
        return [np.arange(len(keys[0]))] * len(keys)
    common = keys[0]
    for key in keys[1:]:
        common = common[common.isin(key)]
    return [np.asarray(key.get_indexer(common)) for key in keys]


def _paired(every: Sequence[Scored]) -> tuple[list[Array], Callable[[int], str]]:
    """Return where in each the common samples stand, and what tells the label of one of them."""
    shared = sorted(set.intersection(*(set(one.labels) for one in every)))
    keys = [_index([one.labels[name] for name in shared]) for one in every] if shared else []
    if keys and all(key.is_unique for key in keys):
        places = _matched(keys)
        return places, lambda k: _told(shared, keys[0][places[0][k]])
    owns = [pd.Index(one.own) for one in every]
    positions = sum(one.by_position for one in every)
    by_label = positions < len(every) and (positions or not keys) and not _lone_labels(every)
    if by_label and _comparable(every) and all(own.is_unique for own in owns):
        places = _matched(owns)
    else:
        places = _by_position(every, shared)
    for one, place, key in zip(every, places, keys, strict=False):
        if not key[place].equals(keys[0][places[0]]):
            raise DataError(
                f"samples with the same {', '.join(map(repr, shared))} cannot be told apart, and "
                f"they stand in another order in {one.name!r} than in {every[0].name!r}, so that "
                f"it is not known which belong together; {REMEDY}, different for each sample."
            )
    return places, lambda k: _told([every[0].dim], owns[0][places[0][k]])


def _index(labels: list[Array]) -> pd.Index:
    return pd.Index(labels[0]) if len(labels) == 1 else pd.MultiIndex.from_arrays(labels)


def _told(names: Sequence[str], label: Any) -> str:
    values = label if isinstance(label, tuple) else (label,)
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))


def _comparable(every: Sequence[Scored]) -> bool:
    """Say whether what stands on the sample dims is of one kind: row numbers, or labels alike."""
    if any(one.by_position for one in every):
        by_label = [one for one in every if not one.by_position]
        return all(one.own.dtype.kind in "iu" and one.dim != "time" for one in by_label)
    kinds = {KINDS.get(one.own.dtype.kind, one.own.dtype.kind) for one in every}
    return len(kinds) == 1 and len({one.dim == "time" for one in every}) == 1


def _lone_labels(every: Sequence[Scored]) -> bool:
    """Say whether positions have labels that tell them apart, and of which others have none."""
    if set.intersection(*(set(one.labels) for one in every)):
        return False
    labels = [list(one.labels.values()) for one in every if one.by_position and one.labels]
    return any(_index(each).is_unique for each in labels)


def _by_position(every: Sequence[Scored], shared: Sequence[str]) -> list[Array]:
    """Pair by the samples' positions in the data, which have to be the same data for that."""
    positions = [one.positions for one in every]
    lengths = {one.n_samples for one in every if one.n_samples is not None}
    unknown = any(position is None for position in positions)
    if unknown or _lone_labels(every) or len(lengths) > 1:
        told = "; ".join(one.told() for one in every)
        why = "Labels that are not the same for each sample do not tell which belong together"
        if len(lengths) > 1:
            several = " and ".join(f"{one.n_samples} samples of {one.name!r}" for one in every)
            why = f"Positions do not tell which of {several} belong together"
        raise DataError(
            f"the samples of the models cannot be paired: {told}. {why}; {REMEDY}, different for "
            "each sample."
        )
    return _matched([pd.Index(position) for position in positions])


def _check_equal(
    paired: Sequence[Scored], what: str, word: str, told: Callable[[int], str]
) -> None:
    """Raise DataError where paired samples carry different responses, or different weights."""
    known = [
        one for one in paired if (one.measure if what in WITHOUT else one.carried(what)) is not None
    ]
    if not known or all(one.carried(what) is None for one in known):
        return
    first, *rest = known
    for one in rest:
        values, others = (_spread(each, what) for each in (one, first))
        wrong = _differ(values, others)
        if wrong.any():
            at: tuple[int, ...] = tuple(int(k) for k in np.argwhere(wrong)[0])
            rows = int(wrong.reshape(len(wrong), -1).any(axis=1).sum())
            raise DataError(
                f"{one.name!r} and {first.name!r} have different {word}s at {rows} of "
                f"{len(wrong)} common samples, first at {told(at[0])}: {_written(values[at])} "
                f"against {_written(others[at])}. Scores of different {word}s cannot be compared; "
                "fit both models to the same data, in the same units."
            )


def _check_joint_samples(paired: Sequence[Scored], told: Callable[[int], str]) -> None:
    """Raise DataError where scores of samples taken together are not of the same samples."""
    known = [one for one in paired if one.carried(N_JOINT) is not None]
    for one in known[1:]:
        first = known[0]
        counts, others = one.carried(N_JOINT), first.carried(N_JOINT)
        assert counts is not None
        assert others is not None
        wrong = counts != others
        known_by = one.values.attrs.get("known_by")
        if known_by is not None and known_by == first.values.attrs.get("known_by"):
            wrong = wrong | (one.carried(WHICH_JOINT) != first.carried(WHICH_JOINT))
        if wrong.any():
            k = int(np.argmax(wrong))
            here = f"{counts[k]:,} samples against {others[k]:,}"
            if counts[k] == others[k]:
                here = f"{counts[k]:,} samples each, which are not the same"
            raise DataError(
                f"{one.name!r} and {first.name!r} score different samples at {int(wrong.sum())} of "
                f"{len(wrong)} common places, first at {told(k)}: {here}. Joint log densities of "
                f"different samples cannot be compared. {_why_different(one, first)}."
            )


def _why_different(one: Scored, other: Scored) -> str:
    """Say why two fits do not use the same samples, and what helps."""
    whys = {
        "n_incomplete": "has no full past for {} samples: give both models edges='zero'",
        "n_missing": "reads missing values at {} samples: fill them in, or leave these samples out "
        "of the data of both",
    }
    words = []
    for name, why in whys.items():
        counts = {each.name: each.values.attrs.get(name, 0) for each in (one, other)}
        if len(set(counts.values())) > 1:
            most = max(counts, key=lambda each: counts[each])
            words.append(f"{most!r} {why.format(f'{counts[most]:,}')}")
    return "; ".join(words) or f"{REMEDY[0].upper()}{REMEDY[1:]}, and the same samples in use"


def _spread(one: Scored, what: str) -> Array:
    """Return what is carried of each value, and what it is where nothing is carried."""
    carried = one.carried(what)
    if carried is None:
        carried = np.full(one.values.shape, WITHOUT[what])
    if carried.ndim < one.values.ndim:
        carried = carried[:, None]
    carried = np.asarray(carried, dtype=float if carried.dtype.kind in "biuf" else object)
    return np.broadcast_to(carried, one.values.shape)


def _differ(values: Array, others: Array) -> Array:
    """Say where values differ: numbers by more than single precision, labels at all."""
    if values.dtype.kind == "f" and others.dtype.kind == "f":
        size = np.maximum(np.abs(values), np.abs(others))
        return ~(np.abs(values - others) <= EQUAL * size)
    return np.asarray(values != others, dtype=bool)


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
