"""Groups of a formula: effects that vary, ``(1 + x | g)``."""

from __future__ import annotations

from collections.abc import Iterable

from bayesglm.errors import ModelError
from bayesglm.spec.formula.algebra import INTERCEPT, expand
from bayesglm.spec.formula.syntax import Call, Name, Node, Pair
from bayesglm.spec.terms.group import Group


def merged_groups(pairs: Iterable[Pair]) -> list[Group]:
    """Return the groups of a formula: (1 | g) + (0 + x | g) are one whose effects do not correlate.

    >>> from bayesglm.spec.formula.syntax import parse
    >>> merged_groups([parse("(1 | g)"), parse("(0 + x | g)")])
    [Group('g', slopes=('x',))]
    """
    groups: list[Group] = []
    for group in (one for pair in pairs for one in groups_of(pair)):
        same = next((k for k, one in enumerate(groups) if _are_parts_of_one(one, group)), None)
        if same is None:
            groups.append(group)
            continue
        both = (*groups[same].slopes, *group.slopes)
        has_intercept = groups[same].intercept or group.intercept
        groups[same] = Group(group.factor, slopes=both, intercept=has_intercept)
    return groups


def _are_parts_of_one(one: Group, other: Group) -> bool:
    """Say whether two groups are of one factor, with other effects, none of which correlate."""
    apart = not set(one.slopes) & set(other.slopes) and not (one.intercept and other.intercept)
    return one.factor == other.factor and apart and not (one.correlated or other.correlated)


def group_text(group: Group) -> str:
    """Write a group as formulas do.

    >>> group_text(Group("g", slopes="x"))
    '(1 + x || g)'
    """
    factor = group.factor if isinstance(group.factor, str) else ":".join(group.factor)
    effects = " + ".join(["1" if group.intercept else "0", *group.slopes])
    return f"({effects} {'||' if len(group.slopes) and not group.correlated else '|'} {factor})"


def groups_of(pair: Pair) -> list[Group]:
    """Return the terms of one pair of parentheses: a/b are two, as in lme4.

    >>> from bayesglm.spec.formula.syntax import parse
    >>> groups_of(parse("(dose || school / pupil)"))
    [Group('school', slopes=('dose',)), Group(('school', 'pupil'), slopes=('dose',))]
    """
    effects = expand(pair.left)
    if effects.groups or effects.known:
        raise ModelError(f"formula: ({pair}) holds a group or an offset within a group.")
    slopes = tuple(
        _slope(factors, pair) for key, factors in effects.products.items() if key != INTERCEPT
    )
    has_intercept = INTERCEPT in effects.products
    if not slopes and not has_intercept:
        raise ModelError(f"formula: nothing varies in ({pair}); write (1 | g) for intercepts.")
    others: dict[str, object] = {} if has_intercept else {"intercept": False}
    if pair.operator == "|" and len(slopes) + has_intercept > 1:
        others["correlated"] = True
    factors_of_groups = expand(pair.right, has_intercept=False)
    return [
        Group(_factor(factors, pair), slopes=slopes, **others)  # type: ignore[arg-type]
        for factors in factors_of_groups.products.values()
    ]


def _slope(factors: tuple[Node, ...], pair: Pair) -> str:
    if len(factors) == 1 and isinstance(factors[0], Name):
        return factors[0].text
    product = ":".join(map(str, factors))
    raise ModelError(
        f"formula: the slope {product} of ({pair}) is no variable; make it a column of the data, "
        "and name that."
    )


def _factor(factors: tuple[Node, ...], pair: Pair) -> str | tuple[str, ...]:
    names = []
    for factor in factors:
        if isinstance(factor, Call) and factor.function == "C" and len(factor.given) == 1:
            factor = factor.given[0]
        if not isinstance(factor, Name):
            raise ModelError(
                f"formula: the group {factor} of ({pair}) must be a variable of labels, or several "
                "with : or / between them."
            )
        names.append(factor.text)
    if not names:
        raise ModelError(f"formula: ({pair}) names no group; write (1 | g).")
    return names[0] if len(names) == 1 else tuple(names)
