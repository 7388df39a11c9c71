"""The syntax of formulas: text to a tree of names, numbers, words, calls and operators.

It knows the operators of Wilkinson & Rogers 1973 as R, patsy and formulae write them, and the bars
of lme4's groups. Nothing in a formula is ever run. Operators by how tightly they bind, the loosest
first: ``~``; ``|`` and ``||``; ``+`` and ``-``; ``*`` and ``/``; ``%in%``; ``:``; signs; ``**`` (or
``^``). As in R, ``-x**2`` is ``-(x**2)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bayesglm.errors import ModelError

LONGEST = 100_000  # letters of a formula: 10,000 names of ten letters
DEEPEST = 50  # parentheses and signs inside one another: no model needs so many
LONGEST_CHAIN = 20  # factors of one product
END = "end"

BARS, SUMS = ("|", "||"), ("+", "-")
BINARY: tuple[tuple[str, ...], ...] = (
    ("~",),
    BARS,
    SUMS,
    ("*", "/"),
    ("%in%",),
    (":",),
)
POWER = ("**", "^")

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    |`(?P<quoted>[^`]*)`
    |"(?P<double>[^"]*)"
    |'(?P<single>[^']*)'
    |(?P<sign>\*\*|\|\||%in%|[~|+\-*/:^(),=\[\]])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of a formula: its kind, what it says, and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Name:
    """The name of a variable; ``quoted`` where it stood in backticks."""

    text: str
    quoted: bool = False

    def __str__(self) -> str:
        return f"`{self.text}`" if self.quoted else self.text


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:g}" if self.value == float(f"{self.value:g}") else repr(self.value)


@dataclass(frozen=True)
class Word:
    """Words in quotes."""

    text: str

    def __str__(self) -> str:
        return repr(self.text)


@dataclass(frozen=True)
class Several:
    """A list in brackets."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.parts))}]"


@dataclass(frozen=True)
class Call:
    """A function of arguments, of which some have names."""

    function: str
    given: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...] = ()

    def __str__(self) -> str:
        named = [f"{name}={value}" for name, value in self.named]
        return f"{self.function}({', '.join([*map(str, self.given), *named])})"


@dataclass(frozen=True)
class Sign:
    """A plus or minus before something."""

    sign: str
    of: Node

    def __str__(self) -> str:
        return f"{self.sign}{_held(self.of, _SIGN)}"


@dataclass(frozen=True)
class Pair:
    """Two sides of an operator."""

    operator: str
    left: Node
    right: Node

    def __str__(self) -> str:
        own = _BINDING[self.operator]
        # Powers are read from the right, all others from the left.
        left = _held(self.left, own + (self.operator == "**"))
        right = _held(self.right, own + (self.operator != "**"))
        gap = "" if self.operator in (":", *POWER) else " "
        return f"{left}{gap}{self.operator}{gap}{right}"


type Node = Name | Number | Word | Several | Call | Sign | Pair


_BINDING = {sign: level for level, signs in enumerate(BINARY) for sign in signs}
_SIGN = len(BINARY)
_BINDING |= dict.fromkeys(POWER, _SIGN + 1)


def _held(node: Node, least: int) -> str:
    """Write a part, in parentheses where it binds less tightly than what it is part of."""
    own = _SIGN if isinstance(node, Sign) else _SIGN + 2
    own = _BINDING[node.operator] if isinstance(node, Pair) else own
    return f"({node})" if own < least else str(node)


def parse(text: str) -> Node:
    """Return the tree of a formula; raises ModelError, in one line, where it is none.

    >>> parse("y ~ a + log(b):c")
    Pair(operator='~', left=Name(text='y', quoted=False), right=Pair(operator='+', ...))
    """
    if len(text) > LONGEST:
        raise ModelError(
            f"the formula has {len(text):,} letters, and {LONGEST:,} are the most; give the terms "
            "as a list: GLM('y', ['x1', 'x2'])."
        )
    return _Parser(text).whole()


def _tokens(text: str) -> list[Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _stray(text, at + len(text[at:]) - len(text[at:].lstrip()))
        kind = str(match.lastgroup)
        tokens.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*tokens, Token(END, "", end)]


def _stray(text: str, at: int) -> ModelError:
    letter = text[at]
    if letter in "`\"'":
        return ModelError(f"formula: {letter} at {_near(text, at)} is never closed; close it.")
    if letter.isdigit():
        return ModelError(
            f"formula: {_near(text, at)} is neither a number nor a name; put a name that begins "
            "with a digit into backticks."
        )
    remedy = {
        "<": "; put what it compares into a column of the data",
        ">": "; put what it compares into a column of the data",
        "{": "; write I(...) for arithmetic",
        ".": "; name the variables, since a formula is read before the data",
        "%": "; of these, formulas know %in% only",
    }.get(letter, "; put a name that holds it into backticks")
    return ModelError(f"formula: {letter!r} at {_near(text, at)} is no part of formulas{remedy}.")


def _near(text: str, at: int) -> str:
    """Quote a formula from some place on."""
    rest = " ".join(text[at:].split())
    return repr(rest if len(rest) <= 20 else rest[:17] + "...")


class _Parser:
    """Reads tokens from left to right, one operator level calling the next tighter one."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.place, self.depth = text, _tokens(text), 0, 0
        self.right = "~" not in [token.text for token in self.tokens]

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place += 1
        return token

    def at_sign(self, signs: Sequence[str]) -> bool:
        return self.next.kind == "sign" and self.next.text in signs

    def expect(self, sign: str, what: str) -> None:
        if not self.at_sign((sign,)):
            raise self.wrong(f"{sign!r} must close {what}")
        self.take()

    def wrong(self, why: str) -> ModelError:
        token = self.next
        where = "its end" if token.kind == END else _near(self.text, token.at)
        return ModelError(f"formula {_near(self.text, 0)}: {why}, and it does not at {where}.")

    def whole(self) -> Node:
        node = self.level(0)
        if self.next.kind != END:
            raise ModelError(
                f"formula: an operator must stand before {_near(self.text, self.next.at)}; write "
                "+ between terms, and names that hold spaces in backticks."
            )
        return node

    def level(self, loosest: int) -> Node:
        if loosest == len(BINARY):
            return self.signed()
        node, n_operators = self.level(loosest + 1), 0
        while self.at_sign(BINARY[loosest]):
            operator, n_operators = self.take().text, n_operators + 1
            if operator == "~":
                self.right = True
            if operator in BARS and self.right and not self.depth:
                raise ModelError(
                    f"formula {_near(self.text, 0)}: a group is not in parentheses; write (1 | g)."
                )
            if operator not in SUMS and n_operators > LONGEST_CHAIN:
                raise ModelError(
                    f"formula: more than {LONGEST_CHAIN} operators {operator} follow one another; "
                    "leave some out."
                )
            node = Pair(operator, node, self.level(loosest + 1))
        return node

    def signed(self) -> Node:
        if not self.at_sign(SUMS):
            return self.power()
        with_sign = self.take().text
        self.descend()
        node = Sign(with_sign, self.signed())
        self.depth -= 1
        return node

    def power(self) -> Node:
        node = self.primary()
        if self.at_sign(POWER):
            self.take()
            self.descend()
            node = Pair("**", node, self.signed())
            self.depth -= 1
        return node

    def descend(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ModelError(
                f"the formula nests more than {DEEPEST} parentheses, signs or powers; write it "
                "without those that change nothing, or give the terms as a list."
            )

    def primary(self) -> Node:
        token = self.next
        if token.kind == "number":
            self.take()
            return Number(float(token.text))
        if token.kind in ("double", "single"):
            self.take()
            return Word(token.text)
        if token.kind == "quoted":
            self.take()
            return Name(token.text, quoted=True)
        if token.kind == "name":
            self.take()
            return self.call(token.text) if self.at_sign(("(",)) else Name(token.text)
        if self.at_sign(("(", "[")):
            return self.bracketed()
        raise self.wrong("a name or a number must follow")

    def bracketed(self) -> Node:
        opening = self.take().text
        self.descend()
        if opening == "(":
            node = self.level(0)
            self.expect(")", "'('")
            self.depth -= 1
            return node
        parts = []
        while not self.at_sign(("]",)):
            parts.append(self.level(0))
            if not self.at_sign((",",)):
                break
            self.take()
        self.expect("]", "'['")
        self.depth -= 1
        return Several(tuple(parts))

    def call(self, function: str) -> Call:
        self.take()
        self.descend()
        given: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self.at_sign((")",)):
            value = self.level(0)
            if isinstance(value, Name) and not value.quoted and self.at_sign(("=",)):
                self.take()
                named.append((value.text, self.level(0)))
            elif named:
                raise ModelError(
                    f"formula: in {function}(...) {value} follows {named[-1][0]}=; put arguments "
                    "without a name first."
                )
            else:
                given.append(value)
            if not self.at_sign((",",)):
                break
            self.take()
        self.expect(")", f"{function}(")
        self.depth -= 1
        return Call(function, tuple(given), tuple(named))
