"""Text of users, made fit to be shown: in figures, and in pages."""

from __future__ import annotations

import re

# What neither XML nor a page may hold, or what turns the text around it: control characters,
# halves of surrogate pairs, non-characters, and marks of direction without their ends.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
    "|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0010fffe\U0010ffff]"
)
MOST = 60  # letters of a name in a figure


def printable(text: str) -> str:
    r"""Write out, as Python does, the characters that no page may hold.

    >>> printable("bell\x07, half \ud800")
    'bell\\x07, half \\ud800'
    """
    return _UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plain(name: object, most: int = MOST) -> str:
    r"""Return a name as Matplotlib shows it letter by letter, on one line.

    It would read what stands between dollars as mathematics, and leave out of legends what begins
    with an underscore. Of more than ``most`` letters some in the middle are left out.

    >>> plain("$x^{$"), plain("_a\nb")
    ('\\$x^{\\$', ' _a\\nb')
    """
    text = printable(str(name)).replace("\n", "\\n").replace("\t", "\\t")
    if len(text) > most:
        text = f"{text[: most - most // 4 - 1]}…{text[-(most // 4) :]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
