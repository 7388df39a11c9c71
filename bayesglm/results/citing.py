"""BibTeX of ArviZ, and of what it computed of fits."""

from __future__ import annotations

from typing import Any


def bibtex(chains: bool, leave_one_out: bool) -> str:
    """Return the entries of ArviZ's paper, and of the methods of it that were used.

    >>> bibtex(chains=False, leave_one_out=True).count("@article") > 1
    True
    """
    import arviz_stats
    from arviz_base import citations

    methods: list[Any] = [arviz_stats.rhat, arviz_stats.ess] if chains else []
    methods += [arviz_stats.loo] if leave_one_out else []
    cite: Any = citations
    text = str(cite(methods=methods) if methods else cite())
    return text[max(text.find("@"), 0) :].strip()
