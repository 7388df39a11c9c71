"""Penalties of groups and of differences, as libraries state them, to weights and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.bridge.elastic import Elastic
from bayesglm.spec.bridge.penalty_numbers import (
    Part,
    one_number,
    one_penalty,
    plain_list,
    positive_number,
    same_for_all,
    whole_number,
)
from bayesglm.spec.bridge.weights import APART, GROUP, LEARNED, WALK, Weights


@dataclass(frozen=True)
class Grouped:
    """strength · Σ ‖w_g‖ over groups g; with √size·‖w_g‖ where ``rooted``.

    ``groups`` is the setting that says the groups: a number, the size of each, or each one's
    members. ``factor`` is the setting that multiplies each group's length.
    """

    strength: str
    groups: str = ""
    factor: str = ""
    rooted: bool = False

    kinds: ClassVar = (GROUP,)
    stands_before_the_loss: ClassVar = False
    says: ClassVar = ""
    told_beside: ClassVar[tuple[str, ...]] = ()
    what: ClassVar = "the lengths of groups"

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings, with what the library takes by default."""
        return dict.fromkeys(name for name in (self.strength, self.groups, self.factor) if name)

    @property
    def knowledge(self) -> tuple[str, ...]:
        """What the arithmetic needs of the prior beside the settings."""
        return ("by",) if self.rooted else ("size", "by")

    def weights(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> Weights:
        """Return the weight of √size·‖w_g‖, in the units of the objective."""
        strength = one_penalty(self.strength, settings[self.strength])
        if self.factor and settings[self.factor] is not None:
            strength *= same_for_all(self.factor, settings[self.factor])
        size = self._size(settings, known)
        return Weights(strength / size**0.5, kind=GROUP, fields=(("by", known.get("by")),))

    def settings(
        self, weights: Weights, known: Mapping[str, Any], convention: str
    ) -> dict[str, Any]:
        """Return the settings that make a penalty of this weight."""
        one = one_number(weights.one)
        if one is None:
            raise ModelError(
                f"{convention}: this prior has a scale for each group, and one number is asked "
                "for; give each group a term of its own, and ask for each of them."
            )
        size = self._size({}, known)
        groups = {self.groups: int(size)} if self.groups else {}
        return {self.strength: one * size**0.5} | groups

    def text(self) -> str:
        """Write the penalty."""
        factor = f"{self.factor}·" if self.factor else ""
        return f"{self.strength} · Σ {factor}{'√size·' if self.rooted else ''}‖w_g‖"

    def parts(self) -> dict[str, Part]:
        """Return what lam is a product of in the prior's lam · Σ √size·‖w_g‖."""
        above = (self.strength, self.factor) if self.factor else (self.strength,)
        return {"lam": Part(above, () if self.rooted else ("√size",))}

    def _size(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> float:
        """Return the number of members of each group, 1 where their number is in the penalty."""
        if self.rooted:
            return 1.0
        given = settings.get(self.groups) if self.groups else None
        given = known.get("size") if given is None else given
        if given is None:
            raise ModelError(
                f"size= is missing: GroupLasso's penalty is of √size·‖w_g‖, and {self.strength} "
                "of ‖w_g‖; tell the number of coefficients of each group."
            )
        sizes = [len(g) if isinstance(g, (list, tuple)) else g for g in plain_list(given)]
        numbers = [whole_number("the size of a group", size) for size in sizes]
        if not numbers:
            raise ModelError(f"{self.groups or 'size'} names no group; leave the penalty out.")
        if min(numbers) < max(numbers):
            raise ModelError(
                f"groups of {min(numbers)} to {max(numbers)} members have penalties of different "
                "weight under one prior; make a term of each group, and ask for each by size=."
            )
        return numbers[0]


@dataclass(frozen=True)
class Walk:
    """strength/scaling · Σ (Δw)²/2: a penalty on squared differences, as of a P-spline.

    ``scaling`` is the setting of the number by which the library divides the squares.
    """

    strength: str
    scaling: str

    kinds: ClassVar = (WALK,)
    stands_before_the_loss: ClassVar = False
    says: ClassVar = ""
    what: ClassVar = "differences of coefficients"
    knowledge: ClassVar = ("order", "dims")

    @property
    def told_beside(self) -> tuple[str, ...]:
        """Settings that a penalty is written with."""
        return (self.scaling,)

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings, with what the library takes by default."""
        return {self.strength: None, self.scaling: 1.0}

    def weights(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> Weights:
        """Return the weight of squared differences, in the units of the objective."""
        scaling = self._scaling(settings)
        fields = (("order", known.get("order", 1)), ("dims", known.get("dims")))
        two = one_penalty(self.strength, settings[self.strength]) / scaling
        return Weights(two=two, kind=WALK, fields=fields)

    def settings(
        self, weights: Weights, known: Mapping[str, Any], convention: str
    ) -> dict[str, Any]:
        """Return the settings that make a penalty of this weight."""
        two = one_number(weights.two)
        if two is None:
            raise ModelError(
                f"{convention} has one {self.strength} a term; ask for each by itself."
            )
        return {self.strength: two * self._scaling(known)}

    def _scaling(self, settings: Mapping[str, Any]) -> float:
        return positive_number(self.scaling, settings[self.scaling])

    def text(self) -> str:
        """Write the penalty."""
        return f"{self.strength}/(2·{self.scaling}) · Σ (Δw)²"

    def parts(self) -> dict[str, Part]:
        """Return what lam is a product of in the prior's lam/2 · Σ (Δw)²."""
        return {"lam": Part((self.strength,), (self.scaling,))}


@dataclass(frozen=True)
class Learned:
    """A precision that is learned under a gamma prior: one of all coefficients, or apart of each.

    ``shape`` and ``rate`` are the settings of that prior, both with the default ``default``.
    ``of_each`` says that each coefficient has a precision of its own.
    """

    shape: str
    rate: str
    default: float
    of_each: bool = False

    stands_before_the_loss: ClassVar = False
    what: ClassVar = "by a precision that it learns under a gamma prior"
    knowledge: ClassVar[tuple[str, ...]] = ()
    told_beside: ClassVar[tuple[str, ...]] = ()

    @property
    def strength(self) -> str:
        """The first of the settings."""
        return self.shape

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is penalised."""
        return (APART if self.of_each else LEARNED,)

    @property
    def says(self) -> str:
        """Write the prior."""
        if self.of_each:
            return f"StudentT(√({self.rate}/{self.shape}), df=2·{self.shape})"
        return f"Normal(Precision(Gamma({self.shape}, {self.rate})))"

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings, with what the library takes by default."""
        return {self.shape: self.default, self.rate: self.default}

    def weights(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> Weights:
        """Return a weight of one, and the prior of the precision that it multiplies."""
        numbers = (positive_number(name, settings[name]) for name in (self.shape, self.rate))
        fields = tuple(zip(("shape", "rate"), numbers, strict=True))
        return Weights(two=1.0, kind=self.kinds[0], fields=fields)

    def settings(
        self, weights: Weights, known: Mapping[str, Any], convention: str
    ) -> dict[str, Any]:
        """Return the settings of the prior of a precision."""
        shape, rate = (dict(weights.fields).get(name) for name in ("shape", "rate"))
        if not isinstance(shape, float) or not isinstance(rate, float):
            raise ModelError(
                f"{convention} has one {self.shape} and one {self.rate} for all columns."
            )
        return {self.shape: shape, self.rate: rate}

    def text(self) -> str:
        """Write what is added to the loss."""
        of = "of each w" if self.of_each else "of w"
        return f"Σ -log Gamma({self.shape}, {self.rate}) of log precision {of}"

    def parts(self) -> dict[str, Part]:
        """Return no weights: the penalty is no number."""
        return {}


type Form = Elastic | Grouped | Walk | Learned
