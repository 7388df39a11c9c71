"""Events that feed back, sample by sample, compiled: of counts that are mostly zero.

A sample of the uniform u is zero where u <= P(Y = 0), that is up to some linear predictor, which is
known before any other sample is: the threshold. What is above it is an event, whose count follows
from the same u, and which adds its kernels to the linear predictors to come. So the work is a
comparison for each sample, and a sum over targets and lags for each event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.compiled import compiled

Array = np.ndarray
TOGETHER = 400_000  # numbers of samples times units (8 bytes each, of several) in a block: chosen
MOST = 255  # events of a sample, at most, as 8 bits hold them


class Rules(NamedTuple):
    """How events of each unit are made ``(units,)``, and when firing has run away.

    Counts are of the shape ``panjer``, and ``threshold(mu)`` is the linear predictor of a mean. A
    rate runs away above ``limit``, a linear predictor, or where ``longest`` samples on end have
    events, if that is not zero.
    """

    panjer: Array
    limit: Array
    longest: Array
    threshold: Callable[[Any], Any]


class Course(NamedTuple):
    """The samples of a recording ``(samples,)``: which begin a trial, and which are given.

    ``recorded`` are the responses ``(samples, units)`` of those that are given.
    """

    begins: Array
    given: Array
    recorded: Array

    def part(self, block: slice) -> Course:
        """Return those of a block."""
        return Course(self.begins[block], self.given[block], self.recorded[block])


class _Drive(NamedTuple):
    """Of a block ``(samples, units)``: linear predictors, uniforms, and their thresholds."""

    eta: Array
    u: Array
    thresholds: Array


class _Memory(NamedTuple):
    """What is added to predictors to come; samples with events on end; who ran away first."""

    future: Array
    runs: Array
    state: Array  # the sample, the unit, and whether this trial has ended so


def simulate_events(
    eta: Array, kernels: Array, rules: Rules, course: Course, rng: np.random.Generator
) -> tuple[Array, tuple[int, int]]:
    """Return events ``(samples, units)`` in 8 bits, and the sample and unit that ran away first.

    ``eta`` are linear predictors without what feeds back ``(samples, units)``, and ``kernels``
    ``(sources, lags, units)`` what an event of a source adds to those of each unit from the next
    sample on. From where a unit ran away, -1 where none did, nothing happens until the next trial
    but what is given.
    """
    n, units = eta.shape
    lags = kernels.shape[1]
    size = max(1, min(n, TOGETHER // units))
    events = np.zeros((n, units), dtype=np.uint8)
    memory = _Memory(
        np.zeros((size + lags, units)), np.zeros(units, dtype=np.int64), np.array([-1, -1, 0])
    )
    flat, run = np.ascontiguousarray(kernels.reshape(units, -1)), compiled(_loop)
    for start in range(0, n, size):
        block = slice(start, min(start + size, n))
        u = rng.random((block.stop - start, units))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            silent = rules.threshold(mean_of_silence(u, rules.panjer))
        # What has run away is looked at even where it is silent.
        drive = _Drive(eta[block], u, np.minimum(silent, rules.limit))
        limits = rules.panjer, rules.limit, rules.longest, start
        run(drive, course.part(block), flat, memory, limits, events[block])
        done = block.stop - start
        memory.future[:lags] = memory.future[done : done + lags].copy()
        memory.future[lags:] = 0.0
    return events, (int(memory.state[0]), int(memory.state[1]))


def mean_of_silence(u: Array, panjer: Array) -> Array:
    """Return the means up to which a sample of uniform u is zero: P(Y = 0) = (1 + mu/a)^-a = u.

    >>> mean_of_silence(np.array([0.5, 0.25]), np.array([-1.0, 1.0])).tolist()
    [0.5, 3.0]
    """
    if (panjer == -1.0).all():
        return 1.0 - u
    waiting = -np.log(u)
    if np.isinf(panjer).all():
        return waiting
    return np.where(np.isinf(panjer), waiting, panjer * np.expm1(waiting / panjer))


def _loop(drive: Any, course: Any, kernels: Any, memory: Any, limits: Any, events: Any) -> None:
    """Go through a block of samples; ``limits`` as `Rules`, and the number of the first."""
    shapes, limit, longest, first = limits
    n, units = drive.eta.shape
    span = kernels.shape[1]
    runs, state, future = memory.runs, memory.state, memory.future.reshape(-1)
    for t in range(n):
        now = t * units
        if course.begins[t]:
            state[2] = 0
            runs[:] = 0
            future[now : now + span] = 0.0
        for i in range(units):
            eta = drive.eta[t, i] + future[now + i]
            if course.given[t]:
                count = int(course.recorded[t, i])
            elif state[2]:
                break
            elif eta <= drive.thresholds[t, i]:
                count = 0
                runs[i] = 0
            else:
                count = 1
                runs[i] += 1
                if eta > limit[i] or (longest[i] > 0 and runs[i] >= longest[i]):
                    state[2] = 1
                    if state[0] < 0:
                        state[0] = first + t
                        state[1] = i
                    events[t] = 0
                    break
                panjer = shapes[i]
                if panjer != -1.0:
                    # P(k + 1) from P(k), until their sum reaches u.
                    mean = np.exp(eta)
                    if panjer == np.inf:
                        chance = np.exp(-mean)
                        slope, rest = mean, 0.0
                    else:
                        chance = np.exp(-panjer * np.log1p(mean / panjer))
                        rest = mean / (panjer + mean)
                        slope = rest * panjer
                    chance *= slope
                    total = drive.u[t, i] - chance - chance / slope
                    while total > 0.0 and count < MOST:
                        chance *= (slope + rest * count) / (count + 1)
                        total -= chance
                        count += 1
            if count:
                events[t, i] = count
                for k in range(span):
                    future[now + units + k] += count * kernels[i, k]
