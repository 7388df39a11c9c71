"""Variables with one known number for each sample: offset, exposure, trials, weights."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesglm.design.readings import Readings
from bayesglm.design.variables import numbers, require
from bayesglm.errors import DataError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM

Array = np.ndarray


def per_sample(model: GLM, readings: Readings, role: str) -> Array | None:
    """Return the numbers of one role, such as ``trials``; None where it has no variable."""
    name = getattr(model, role)
    if name is None:
        return None
    values, dims = readings.values(name, role)
    if dims:
        raise DataError(f"{role} {name!r} has further dims {dims}; give one value per sample.")
    if role == "trials":
        bad = (values < 0) | (values != np.floor(values))
        if bad.any():
            raise DataError(
                f"trials {name!r} must be whole numbers of at least 0; {int(bad.sum())} are not, "
                f"the first at {readings.place(bad)} ({values[bad][0]:g})."
            )
    return values


def trials_of(model: GLM, readings: Readings) -> Array | None:
    """Return the numbers of trials; where levels are counted, what their counts add up to."""
    given = per_sample(model, readings, "trials")
    if readings.response is None or not FAMILY_NAMES[model.family].counts_levels:
        return given
    counted = readings.response.sum(axis=0)
    bad = np.zeros(len(counted), bool) if given is None else given != counted
    if bad.any():
        assert given is not None
        raise DataError(
            f"trials {model.trials!r} are not what the counts of {model.response!r} add up to at "
            f"{int(bad.sum())} samples, the first at {readings.place(bad)} ({given[bad][0]:g}, and "
            f"the counts add up to {counted[bad][0]:g}). Leave trials= out, which takes the sums, "
            "or count the other levels, too."
        )
    return counted


def known_part(model: GLM, readings: Readings) -> Array | None:
    """Return the part of eta that is known: the offset, and the logarithm of the exposure."""
    offset = per_sample(model, readings, "offset")
    exposure = per_sample(model, readings, "exposure")
    if exposure is None:
        return offset
    bad = exposure <= 0
    if bad.any():
        raise DataError(
            f"exposure {model.exposure!r} must be positive, since its logarithm is an offset; "
            f"{int(bad.sum())} values are not, the first at "
            f"{readings.place(bad)} ({exposure[bad][0]:g}). Remove "
            "those samples: where there is no exposure nothing can be counted."
        )
    return np.log(exposure) if offset is None else offset + np.log(exposure)


def weights_of(model: GLM, readings: Readings) -> Array | None:
    """Return the frequency weights, which are at least 0."""
    weights = per_sample(model, readings, "weights")
    if weights is None:
        return None
    bad = weights < 0
    if bad.any():
        raise DataError(
            f"weights {model.weights!r} must be at least 0; {int(bad.sum())} are negative, the "
            f"first at {readings.place(bad)} ({weights[bad][0]:g})."
        )
    return weights


def counted_samples(model: GLM, dataset: xr.Dataset, dim: str) -> Array | None:
    """Return which samples count for any neuron; those without weight or trials are not there."""
    counted = None
    for role in ("weights", "trials"):
        name = getattr(model, role)
        if name is not None:
            values = numbers(require(dataset, name, role), dim, role, dataset)
            own = (values > 0).reshape(len(values), -1).any(axis=1)
            counted = own if counted is None else counted & own
    return counted
