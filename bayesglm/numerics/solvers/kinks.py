"""Kinks: penalties whose slope jumps, which hold coordinates exactly where they are.

Minus the objective has, beside its smooth part,

    sum_j weight_j |x_j - at_j| + sum_g weight_g |x_g - at_g|

over single coordinates and over groups g of several, |.| being a group's Euclidean length. A kink
that is one-sided is a bound as well: x_j >= at_j, its weight being the slope on the side allowed
(a weight of zero is the bound alone). A coordinate is held at its kink while the slope of the
smooth part is no stronger than the weight, and a group while the length of its slopes is not.

Sources: Tibshirani (1996), JRSS B 58; Yuan & Lin (2006), JRSS B 68(1) (groups); Lawson & Hanson
(1974), Solving Least Squares Problems, 23 (bounds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Indices = NDArray[np.intp]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Kinks:
    """The kinks of p coordinates.

    - `weight` ``(p,)``: those of single coordinates; 0 where there is none. Several functions that
      differ in their weights alone have ``(k, p)``.
    - `at` ``(p,)``: where the kinks are.
    - `one_sided` ``(p,)``: which are bounds; None if none is.
    - `groups`, `group_weight`: the members of each group of several, and their weights.

    >>> kinks = Kinks(np.array([2.0, 0.0, 0.0]), np.zeros(3), groups=(np.array([1, 2]),),
    ...               group_weight=np.array([0.5]))
    >>> kinks.penalty(np.array([-1.0, 3.0, 4.0]))
    4.5
    >>> kinks.residual(np.array([1.5, 0.3, 0.4]), np.zeros(3)).tolist()
    [0.0, 0.0, 0.0]
    """

    weight: Array
    at: Array
    one_sided: Mask | None = None
    groups: tuple[Indices, ...] = ()
    group_weight: Array | None = None

    def __post_init__(self) -> None:
        if self.one_sided is not None and not self.one_sided.any():
            object.__setattr__(self, "one_sided", None)

    @staticmethod
    def none(size: int) -> Kinks:
        """Return those of a smooth function."""
        return Kinks(np.zeros(size), np.zeros(size))

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.kinked.any())

    @cached_property
    def grouped(self) -> Mask:
        """Which coordinates are members of a group of several, ``(p,)``."""
        members = np.zeros(self.weight.shape[-1], dtype=bool)
        for group in self.groups:
            members[group] = True
        return members

    @cached_property
    def single(self) -> Mask:
        """Which coordinates have kinks of their own, as `weight` has its shape."""
        single = self.weight > 0.0
        return single if self.one_sided is None else single | self.one_sided

    @cached_property
    def kinked(self) -> Mask:
        """Which coordinates a kink may hold, of their own or of their group."""
        return self.single | self.grouped if self.groups else self.single

    @cached_property
    def _some(self) -> tuple[Indices, Array, Array]:
        """The places of single kinks, with their weights and where they are."""
        places = np.flatnonzero(self.single)
        return places, self.weight[places], self.at[places]

    @cached_property
    def _members(self) -> tuple[Indices, Indices, Indices]:
        """The members of all groups in a row, where each group starts, and each one's group."""
        sizes = [len(group) for group in self.groups]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        return np.concatenate(self.groups), starts, np.repeat(np.arange(len(sizes)), sizes)

    def penalty(self, x: Array) -> float:
        """Return what the kinks take from the objective at x ``(p,)``: inf beyond a bound."""
        away = x - self.at
        if self.one_sided is not None and np.any(away[self.one_sided] < 0.0):
            return np.inf
        total = float(self.weight @ np.abs(away))
        for group, of_group in self.pairs:
            total += of_group * float(np.linalg.norm(away[group]))
        return total

    def take_off(self, x: Array, gradient: Array) -> Array:
        """Subtract the penalty's slopes at x ``(..., p)`` from gradients, in place; return it.

        The slope at a kink itself is 0, and bounds are not looked at.
        """
        places, weight, at = self._some
        away = x[..., places] - at
        gradient[..., places] -= weight * np.sign(away)
        total = np.abs(away) @ weight
        if self.group_weight is not None and self.groups:
            members, starts, of_member = self._members
            off = x[..., members] - self.at[members]
            lengths = np.sqrt(np.add.reduceat(off * off, starts, axis=-1))
            total = total + lengths @ self.group_weight
            rate = self.group_weight / np.where(lengths > 0.0, lengths, 1.0)
            gradient[..., members] -= rate[..., of_member] * off
        return total

    def penalties(self, x: Array) -> Array:
        """Return the same of several x ``(m, p)``, of which each has weights of its own or all."""
        away = x - self.at
        total = (self.weight * np.abs(away)).sum(axis=-1)
        if self.one_sided is not None:
            total[(away[..., self.one_sided] < 0.0).any(axis=-1)] = np.inf
        for group, of_group in self.pairs:
            total += of_group * np.linalg.norm(away[..., group], axis=-1)
        return total

    def slope(self, x: Array) -> Array:
        """Return the slopes of the penalty at x ``(p,)``; 0 at a kink itself."""
        slopes = np.zeros(len(x))
        self.take_off(x, slopes)
        return -slopes

    def bends(self, x: Array, some: Indices) -> Array | None:
        """Return the Hessian of the penalty on some coordinates away from kinks; None if zero.

        That of a length r is (1 - w w' / r^2) / r.
        """
        if not self.groups:
            return None
        place = np.full(len(x), -1)
        place[some] = np.arange(len(some))
        hessian = np.zeros((len(some), len(some)))
        for group, of_group in self.pairs:
            inside, away = place[group], x[group] - self.at[group]
            length = float(np.linalg.norm(away))
            if np.all(inside >= 0) and length > 0.0:
                unit = away / length
                bend = of_group / length * (np.eye(len(group)) - np.outer(unit, unit))
                hessian[np.ix_(inside, inside)] = bend
        return hessian

    def held(self, offset: Array) -> Mask:
        """Say which coordinates are at their kink, ``offset`` being x - at."""
        held = self.kinked & (offset == 0.0)
        for group in self.groups:
            held[group] = not offset[group].any()
        return held

    def push(self, gradient: Array) -> Array:
        """Return how strongly slopes push single coordinates off their kinks, the way allowed."""
        if self.one_sided is None:
            return np.abs(gradient)
        return np.where(self.one_sided, gradient, np.abs(gradient))

    def pressing(self, gradient: Array) -> Array:
        """Return the push on single coordinates relative to the weight; inf where none holds."""
        weight = np.where(self.weight > 0.0, self.weight, 1.0)
        pressing = self.push(gradient) / weight
        if self.one_sided is not None:
            bare = self.one_sided & (self.weight == 0.0)
            pressing = np.where(bare, np.where(gradient > 0.0, np.inf, 0.0), pressing)
        return pressing

    def residual(self, gradient: Array, offset: Array) -> Array:
        """Return the distance of 0 from the superdifferential, coordinate by coordinate."""
        beyond = np.maximum(self.push(gradient) - self.weight, 0.0)
        at_kink = np.sign(gradient) * beyond
        residual = np.where(offset == 0.0, at_kink, gradient - self.weight * np.sign(offset))
        for group, of_group in self.pairs:
            own, length = gradient[group], float(np.linalg.norm(offset[group]))
            if length > 0.0:
                residual[group] = own - of_group * offset[group] / length
            else:
                size = float(np.linalg.norm(own))
                residual[group] = own * (max(size - of_group, 0.0) / size if size > 0.0 else 0.0)
        return residual

    def precision(self) -> Array:
        """Return the precisions ``(p,)`` that densities of the kinks alone would have.

        That is weight^2 / 2 of one coordinate, and weight^2 / (q + 1) of each of a group's q, whose
        length has the density r^(q - 1) exp(-weight r).
        """
        precision = 0.5 * self.weight**2
        for group, of_group in self.pairs:
            precision[group] = of_group**2 / (len(group) + 1.0)
        return precision

    def inside(self, x: Array) -> Array:
        """Return the nearest point within the bounds."""
        if self.one_sided is None:
            return x
        return np.where(self.one_sided, np.maximum(x, self.at), x)

    def start(self, x: Array) -> Array:
        """Return x with all that may be held put there."""
        return np.where(self.kinked, self.at, x)

    def take(self, some: Indices) -> Kinks:
        """Return the kinks of some coordinates; of groups those of which all members are there."""
        sides = None if self.one_sided is None else self.one_sided[some]
        weight, at = self.weight[..., some], self.at[some]
        if self.group_weight is None or not self.groups:
            return Kinks(weight, at, sides)
        place = np.full(len(self.at), -1)
        place[some] = np.arange(len(some))
        whole = [k for k, group in enumerate(self.groups) if np.all(place[group] >= 0)]
        groups = tuple(place[self.groups[k]] for k in whole)
        return Kinks(weight, at, sides, groups, self.group_weight[whole])

    def of(self, who: int | Indices) -> Kinks:
        """Return the kinks of one or some of several functions."""
        return replace(self, weight=self.weight[who])

    def around(self, scale: Array | float, share: float = 1.0) -> Kinks:
        """Return the kinks of z = (x - at) / scale, their weights times ``share``.

        Those of groups too where the scale is one number.
        """
        weight, at = share * self.weight * scale, np.zeros_like(self.at)
        if self.group_weight is None or not self.groups:
            return Kinks(weight, at, self.one_sided)
        return Kinks(weight, at, self.one_sided, self.groups, share * scale * self.group_weight)

    def pad(self, size: int) -> Kinks:
        """Return the same with smooth coordinates behind."""
        more = size - len(self.at)
        if not more:
            return self
        sides = None if self.one_sided is None else np.pad(self.one_sided, (0, more))
        weight, at = (np.pad(values, (0, more)) for values in (self.weight, self.at))
        return replace(self, weight=weight, at=at, one_sided=sides)

    @cached_property
    def pairs(self) -> Sequence[tuple[Indices, float]]:
        """The groups with their weights."""
        if self.group_weight is None:
            return ()
        return tuple(zip(self.groups, self.group_weight.tolist(), strict=True))
