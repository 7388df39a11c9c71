"""The elastic net, the ridge and the lasso, as libraries state them, to weights and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.bridge.penalty_numbers import Part, one_number, one_penalty, penalty_number
from bayesglm.spec.bridge.weights import EACH, POSITIVE, Weights, combined
from bayesglm.spec.hints import shown
from bayesglm.spec.numbers import Number, entries

SAME = 1e-9  # relative difference of two weights that are one number, computed in two ways


@dataclass(frozen=True)
class Elastic:
    """strength · (ratio·Σ|w| + (1 - ratio)/2·Σ w²): the elastic net, the ridge and the lasso.

    ``ratio`` is the name of a setting, whose default is ``default_ratio``, or the number that it
    always is; ``halved=False`` leaves out the half. ``inverse`` says that the strength stands
    before the loss instead. ``by_column`` says that it may be one number for each column;
    ``factors`` are the settings that multiply it by column, one for both parts or one for each,
    ``no_factor`` what the library calls none, and ``rescaled`` says that they are divided by their
    mean. ``paired`` says that strength and ratio are one setting, a pair.
    """

    strength: str
    ratio: str | float
    default_ratio: float = 0.0
    halved: bool = True
    inverse: bool = False
    by_column: bool = False
    factors: tuple[str, ...] = ()
    no_factor: str | None = None
    rescaled: bool = False
    paired: bool = False

    kinds: ClassVar = (EACH, POSITIVE)
    says: ClassVar = ""
    what: ClassVar = "each coefficient by itself"
    knowledge: ClassVar[tuple[str, ...]] = ()
    told_beside: ClassVar[tuple[str, ...]] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings, with what the library takes by default; None where it must be told."""
        named = {self.ratio: self.default_ratio} if isinstance(self.ratio, str) else {}
        return {self.strength: None} | named | dict.fromkeys(self.factors, self.no_factor)

    def weights(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> Weights:
        """Return the weights of the penalty, in the units of the objective."""
        strength, ratio = self._strength_and_ratio(settings)
        plain = Weights(
            combined(lambda one: one * ratio, strength),
            combined(lambda one: one * (1.0 - ratio) * self._twice, strength),
        )
        factors = [self._factor(name, settings[name]) for name in self.factors]
        return plain.times(factors[0], factors[-1]) if factors else plain

    def settings(
        self, weights: Weights, known: Mapping[str, Any], convention: str
    ) -> dict[str, Any]:
        """Return the settings that make a penalty of these weights."""
        two = combined(lambda weight: weight / self._twice, weights.two)
        if len(self.factors) == 2:
            return self._with_two_factors(weights.one, two)
        total = combined(lambda a, b: a + b, weights.one, two)
        ratio = self._common_ratio(weights.one, total, convention)
        alone = one_number(total)
        if alone is not None:
            return self._of_one_number(alone, ratio)
        if self.by_column and self.paired:
            return {self.strength: (list(entries(total)), ratio)}
        if self.by_column:
            return {self.strength: list(entries(total)), **self._named_ratio(ratio)}
        if not self.factors:
            raise ModelError(
                f"{convention} has one {self.strength} for all columns, and this prior a scale for "
                "each; multiply each column by its scale, and give a prior of scale 1."
            )
        mean, factor = _of_mean_one(total)
        return self._of_one_number(mean, ratio) | {self.factors[0]: factor}

    @property
    def stands_before_the_loss(self) -> bool:
        """Whether the strength multiplies the loss in the place of the penalty."""
        return self.inverse

    def text(self) -> str:
        """Write the penalty."""
        strength, ratio = self._words()
        factors = [f"{name}·" for name in self.factors] or [""]
        one, two = f"Σ {factors[0]}|w|", f"Σ {factors[-1]}w²"
        before = "" if self.inverse else f"{strength} · "
        if isinstance(self.ratio, str) or self.paired:
            rest = f"(1 - {ratio})/2" if self.halved else f"(1 - {ratio})"
            return f"{before}({ratio} · {one} + {rest} · {two})"
        if self.ratio:
            return f"{before}{one}"
        return f"{strength}/2 · {two}" if self.halved else f"{before}{two}"

    def parts(self) -> dict[str, Part]:
        """Return what lam1 and lam2 are products of in lam1 · Σ|w| + lam2/2 · Σ w²."""
        strength, ratio = self._words()
        is_named = isinstance(self.ratio, str) or self.paired
        above, below = ((), (strength,)) if self.inverse else ((strength,), ())
        factors = self.factors or ("",)
        ones = tuple(filter(None, (*above, ratio if is_named else "", factors[0])))
        twos = tuple(filter(None, (*above, f"(1 - {ratio})" if is_named else "", factors[-1])))
        both = {"lam1": Part(ones, below), "lam2": Part(twos, below, self._twice)}
        if is_named:
            return both
        return {"lam1": both["lam1"]} if self.ratio else {"lam2": both["lam2"]}

    @property
    def _twice(self) -> float:
        """The weight of Σ w²/2 in units of (1 - ratio)·strength."""
        return 1.0 if self.halved else 2.0

    def _words(self) -> tuple[str, str]:
        if self.paired:
            return f"{self.strength}[0]", f"{self.strength}[1]"
        return self.strength, str(self.ratio)

    def _strength_and_ratio(self, settings: Mapping[str, Any]) -> tuple[Number, float]:
        given: Any = settings[self.strength]
        ratio: Any = settings[self.ratio] if isinstance(self.ratio, str) else self.ratio
        if self.paired:
            if not isinstance(given, (tuple, list)) or len(given) != 2:
                raise ModelError(
                    f"{self.strength} must be a pair, the strength and the share of its L1 "
                    f"penalty, got {shown(given)}."
                )
            given, ratio = given
        name = self._words()[1]
        share = one_penalty(name, ratio)
        if share > 1.0:
            raise ModelError(f"{name} must lie between 0 and 1, got {share:g}.")
        if self.inverse:
            return _inverted(self.strength, given), share
        strength = penalty_number(self.strength, given)
        if isinstance(strength, tuple) and not self.by_column:
            raise ModelError(f"{self.strength} must be one number here, got {shown(given)}.")
        return strength, share

    def _factor(self, name: str, given: Any) -> Number:
        """Return what a setting multiplies the penalty by."""
        if given is None or (isinstance(given, str) and given == self.no_factor):
            return 1.0
        factor = penalty_number(name, given)
        numbers = list(entries(factor))
        total = sum(numbers)
        if not total:
            raise ModelError(f"{name} is zero for every column; give {self.strength}=0 for none.")
        if not self.rescaled:
            return factor
        return combined(lambda one: one * len(numbers) / total, factor)

    def _common_ratio(self, one: Number, total: Number, convention: str) -> float:
        """Return the share of the L1 penalty, which is that of all columns."""
        shares = combined(lambda a, b: a / b if b else math.nan, one, total)
        said = [share for share in entries(shares) if not math.isnan(share)]
        always = self.ratio if not self.paired and not isinstance(self.ratio, str) else None
        if not said:
            return self.default_ratio if always is None else always
        if max(said) - min(said) > SAME:
            raise ModelError(
                f"the share of the L1 penalty differs among columns, from {min(said):.4g} to "
                f"{max(said):.4g}, and {convention} has one for all."
            )
        if always is not None and abs(said[0] - always) > SAME:
            lacking = "L2 penalty, Σ w²" if always else "L1 penalty, Σ|w|"
            raise ModelError(f"{convention} has no {lacking}, and this prior has one.")
        return said[0] if always is None else always

    def _of_one_number(self, strength: float, ratio: float) -> dict[str, Any]:
        if self.paired:
            return {self.strength: (strength, ratio)}
        if self.inverse:
            strength = 1.0 / strength if strength else math.inf
        return {self.strength: strength, **self._named_ratio(ratio)}

    def _named_ratio(self, ratio: float) -> dict[str, float]:
        return {self.ratio: ratio} if isinstance(self.ratio, str) else {}

    def _with_two_factors(self, one: Number, two: Number) -> dict[str, Any]:
        """Return settings with a factor for each part by column, each of mean one."""
        parts = [
            (name, *_of_mean_one(part)) for name, part in zip(self.factors, (one, two), strict=True)
        ]
        strength = sum(mean for _, mean, _ in parts)
        ratio = parts[0][1] / strength if strength else self.default_ratio
        by_column = {name: factor for name, _, factor in parts if len(factor) > 1}
        return self._of_one_number(strength, ratio) | by_column


def _of_mean_one(value: Number) -> tuple[float, list[float]]:
    """Return the mean of numbers, and each over it."""
    numbers = list(entries(value))
    mean = sum(numbers) / len(numbers)
    return mean, [one / mean if mean else 1.0 for one in numbers]


def _inverted(what: str, given: Any) -> float:
    """Return one over a number before the loss, which may be infinite."""
    if isinstance(given, float) and given == math.inf:
        return 0.0
    number = one_penalty(what, given)
    if not number:
        raise ModelError(f"{what} must be positive, got 0: the penalty would be infinite.")
    return 1.0 / number
