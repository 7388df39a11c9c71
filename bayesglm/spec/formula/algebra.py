"""The algebra of formulas: sums of products of factors, out of the tree of one.

The operators are those of Wilkinson & Rogers 1973 as R writes them: ``a:b`` is a product, ``a * b``
is ``a + b + a:b``, ``a / b`` is ``a + a:b``, ``b %in% a`` is ``a:b``, ``(a + b)**2`` all products
of up to two, and ``-`` takes away. The intercept is the product of no factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bayesglm.errors import ModelError
from bayesglm.spec.formula.syntax import BARS, SUMS, Call, Node, Number, Pair, Sign

MOST_PRODUCTS = 20_000  # that one operator may make
INTERCEPT: frozenset[str] = frozenset()

type Products = dict[frozenset[str], tuple[Node, ...]]


@dataclass
class Sum:
    """What the right side of a formula adds up: products of factors, groups, known parts.

    ``products`` are keyed by what their factors are as text; that of no factors is the intercept.
    ``groups`` are pairs under a bar, ``known`` the calls of offset.
    """

    products: Products = field(default_factory=dict)
    groups: list[Pair] = field(default_factory=list)
    known: list[Call] = field(default_factory=list)


def expand(node: Node, has_intercept: bool = True) -> Sum:
    """Return the sum that a right side stands for.

    >>> from bayesglm.spec.formula.syntax import parse
    >>> [sorted(product) for product in expand(parse("a * b - 1")).products]
    [['a'], ['b'], ['a', 'b']]
    """
    whole = Sum({INTERCEPT: ()} if has_intercept else {})
    for adds, part in signed(node):
        if isinstance(part, Pair) and part.operator in BARS:
            _check_added(adds, part)
            whole.groups.append(part)
        elif isinstance(part, Call) and part.function == "offset":
            _check_added(adds, part)
            whole.known.append(part)
        else:
            _add(whole.products, adds, part)
    return whole


def _check_added(adds: bool, part: Node) -> None:
    if not adds:
        raise ModelError(f"formula: nothing can be taken away by - ({part}); leave it out.")


def signed(node: Node) -> Iterator[tuple[bool, Node]]:
    """Return the parts of a sum from left to right, and whether each is added or taken away."""
    parts: list[tuple[bool, Node]] = []
    left: list[tuple[bool, Node]] = [(True, node)]
    while left:
        adds, part = left.pop()
        if isinstance(part, Pair) and part.operator in SUMS:
            left.append((adds, part.left))
            left.append((adds == (part.operator == "+"), part.right))
        elif isinstance(part, Sign):
            left.append((adds == (part.sign == "+"), part.of))
        else:
            parts.append((adds, part))
    return reversed(parts)


def _add(products: Products, adds: bool, part: Node) -> None:
    """Add the products that a part stands for to others, or take them away."""
    if isinstance(part, Number):
        if part.value not in (0.0, 1.0):
            raise ModelError(
                f"formula: {part} is no term; write 1 for an intercept, 0 for none, offset(x) for "
                "a known part, and I(...) for arithmetic."
            )
        adds = adds == (part.value == 1.0)
    own: Products = {INTERCEPT: ()} if isinstance(part, Number) else _products(part)
    for key, factors in own.items():
        if adds:
            products.setdefault(key, factors)
        else:
            products.pop(key, None)


def _products(node: Node) -> Products:
    """Return the products that a tree stands for, in the order in which they appear."""
    if isinstance(node, Pair) and node.operator in (*SUMS, *BARS, "~"):
        if node.operator in ("~", *BARS):
            raise ModelError(
                f"formula: {node.operator} stands where terms are multiplied ({node}); a group is "
                "added: write x + (1 | g)."
            )
        products: Products = {}
        for adds, part in signed(node):
            _add(products, adds, part)
        return products
    if isinstance(node, (Number, Sign)):
        products = {}
        for adds, part in signed(node):
            _add(products, adds, part)
        return products
    if isinstance(node, Pair):
        return _operated(node)
    if isinstance(node, Call) and node.function == "offset":
        raise ModelError(f"formula: {node} is known and cannot be multiplied; add it by +.")
    return {frozenset([str(node)]): (node,)}


def _operated(pair: Pair) -> Products:
    left = _products(pair.left)
    if pair.operator == "**":
        return _power(left, pair.right)
    right = _products(pair.right)
    if pair.operator in (":", "%in%"):
        return _times(left, right) if pair.operator == ":" else _times(right, left)
    if pair.operator == "*":
        return left | right | _times(left, right)
    every: tuple[Node, ...] = tuple(factor for factors in left.values() for factor in factors)
    within: Products = {frozenset(map(str, every)): _once(every)}
    return left | _times(within, right)


def _power(base: Products, exponent: Node) -> Products:
    whole = isinstance(exponent, Number) and exponent.value.is_integer()
    if not whole or not isinstance(exponent, Number) or exponent.value < 1:
        raise ModelError(
            f"formula: the power {exponent} of terms is no positive whole number; write "
            "(a + b)**2 for products of up to two, and I(x**2) for a square."
        )
    if len(base) == 1:
        one = ":".join(str(factor) for factors in base.values() for factor in factors)
        raise ModelError(
            f"formula: a power of one term is the term itself; write I({one}**{exponent}) for the "
            "power of its values."
        )
    products = dict(base)
    for _ in range(min(int(exponent.value), len(base)) - 1):
        products |= _times(products, base)
    return products


def _times(left: Products, right: Products) -> Products:
    if len(left) * len(right) > MOST_PRODUCTS:
        raise ModelError(
            f"formula: its operators make {len(left) * len(right):,} products, and "
            f"{MOST_PRODUCTS:,} are the most; name those that you mean."
        )
    products: Products = {}
    for one, factors in left.items():
        for other, others in right.items():
            products.setdefault(one | other, _once((*factors, *others)))
    return products


def _once(factors: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return factors without those that stood there before: a:a is a."""
    return tuple({str(factor): factor for factor in factors}.values())
