"""What an explanation holds: a frozen record for each parameter, of numbers that programs can use.

Intervals hold 94% of the probability, equal-tailed. Changes are those of a linear predictor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

type Interval = tuple[float, float]


class Reading(NamedTuple):
    """How a change of a linear predictor is read, in the words of its link and family.

    - `multiplied`: what exp of the change multiplies, "the odds"; empty where exp is no ratio.
    - `noun`: what the linear predictor is that of, "the probability", "the rate" or "sigma".
    - `unit`: that of the linear predictor.
    - `base`: the value from which it is changed: that at the mean response; None where the data
      are not known, or responses have several levels.
    """

    multiplied: str
    noun: str
    unit: str
    base: float | None = None


@dataclass(frozen=True)
class Effect:
    """What a prior believes that one change of a predictor does.

    - `of`: the change in words, "one sd of age (12.3)"; `step` is its size.
    - `change`: 94% interval of the change of the linear predictor.
    - `value`: where that takes what the `reading` speaks of, from its base; None without one.
    """

    of: str
    step: float
    change: Interval
    reading: Reading
    value: Interval | None = None


@dataclass(frozen=True)
class Swing:
    """How far a term of several coefficients moves the linear predictor, and how rough it is.

    - `over`: along what it moves, "from sample to sample".
    - `typical`, `most`: how far it moves, from its 3% to its 97% place: the median of the prior,
      and what it stays below with 94% probability.
    - `rough`: rms difference of neighbours against that of unrelated coefficients of the same size,
      which is 1, along `neighbours`; None where nothing is next to anything.
    - `turns`: how often a curve turns, the median and what it stays below with 94%.
    """

    over: str
    typical: float
    most: float
    reading: Reading
    neighbours: str = ""
    rough: float | None = None
    turns: tuple[float, float] | None = None


@dataclass(frozen=True)
class Region:
    """Where the MAP lies: the best fit among all coefficients whose penalty is at most its own.

    - `penalty`: that of the MAP, in nats below the prior's highest density.
    - `norm`, `measure`: its size, of one weight taken out, and what that is the size of.
    - `zeros`, `size`: how many of the coefficients are exactly at the centre of the prior.
    """

    penalty: float
    norm: float | None
    measure: str
    zeros: int
    size: int


@dataclass(frozen=True)
class Decided:
    """How much of the posterior a prior decides, and whether the data contradict it.

    - `edf`: the effective number of parameters, of `size` coefficients, that the data decide.
    - `prior_sd`, `posterior_sd`: medians over the coefficients; those of normals with the same 94%
      intervals, for not all priors have one. NaN of a MAP, and where the prior has no width.
    - `furthest`: the coefficient whose posterior mean (or MAP) lies furthest out in its prior,
      `away` prior sds from the centre, beyond which are `tail` of the prior, both sides together.
    - `contradicted`: whether that is a surprise: less than 1%, for as many as there are.
    """

    edf: float
    size: int
    prior_sd: float
    posterior_sd: float
    furthest: str
    away: float
    tail: float
    contradicted: bool


@dataclass(frozen=True)
class Told:
    """What the prior of one parameter says, and what the data made of it.

    - `name`, `neuron`: of the parameter, and of the neuron in a population (else empty).
    - `prior`, `penalty`: as `print(model)` writes them.
    - `effects`, `swing`: the belief, of coefficients.
    - `interval`: of a dispersion, a scale or a correlation itself, or of the mean response that an
      intercept is; `about` says what it is of. `spread` is what a dispersion makes of the sd of
      responses about their mean, where it says that.
    - `unsaid`: why there is no belief, where there is none.
    - `region`, `decided`: None where there are none, or no data, or no fit.
    """

    name: str
    neuron: str
    prior: str
    penalty: str
    effects: tuple[Effect, ...] = ()
    swing: Swing | None = None
    interval: Interval | None = None
    about: str = ""
    spread: Interval | None = None
    unsaid: str = ""
    region: Region | None = None
    decided: Decided | None = None
