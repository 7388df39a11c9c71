"""A report as files: the one that was asked for, and those in a folder beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Written:
    """The bytes of a report, and files that it refers to, by their names in a folder beside it."""

    content: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)
