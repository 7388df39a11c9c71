"""Where an estimated field lies in space-time and in frequency: its power, and its spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.numerics.priors.covariances import Localities

Array = np.ndarray
FINER = 2  # frequencies for each one that as many places tell apart: chosen


def spectrum_of(family: Localities, axes: tuple[int, ...], fields: Sequence[Array]) -> Array:
    """Return the power of fields at frequencies along some axes, of all others together."""
    sizes = [FINER * fields[0].shape[axis] for axis in axes]
    others = tuple(k for k in range(fields[0].ndim) if k not in axes)
    every = [np.square(np.abs(np.fft.fftn(one, sizes, axes))) for one in fields]
    total = np.sum(every, axis=0)
    power = np.sum(total, axis=others) if others else total
    order = np.argsort(axes)
    return np.transpose(power, np.argsort(order)) if len(axes) > 1 else power


def located(
    family: Localities, axes: tuple[int, ...], power: Array, spectrum: Array
) -> list[tuple[float, float, float, float]]:
    """Return centre, width, frequency and bandwidth along each axis.

    The frequency is where the power peaks; around it, and its negative, lies the bandwidth.
    """
    rates = [np.fft.fftfreq(n, step) for n, step in zip(spectrum.shape, family.steps, strict=True)]
    peak = np.array(np.unravel_index(int(np.argmax(spectrum)), spectrum.shape))
    at = np.array([rate[k] for rate, k in zip(rates, peak, strict=True)])
    grids = np.meshgrid(*rates, indexing="ij")
    # Each wave stands there twice: those on the side of the peak are told by it.
    signed = [grid * f for grid, f, even in zip(grids, at, family.even, strict=True) if not even]
    side = np.where(sum(signed, np.zeros(spectrum.shape)) >= 0.0, spectrum, 0.0)
    numbers = []
    for d, axis in enumerate(axes):
        share = power.sum(axis=tuple(k for k in range(power.ndim) if k != axis))
        share = share / share.sum()
        x = family.places[d]
        centre = float(share @ x)
        width = max(float(np.sqrt(share @ np.square(x - centre))), float(family.steps[d]))
        frequency = abs(float(at[d])) if family.even[d] else float(at[d])
        grid = np.abs(grids[d]) if family.even[d] else grids[d]
        spread = float(np.sqrt((side * np.square(grid - frequency)).sum() / side.sum()))
        bandwidth = min(max(spread, 0.25 / family.extents[d]), 0.25 / family.steps[d])
        numbers.append((centre, width, frequency, bandwidth))
    return numbers
