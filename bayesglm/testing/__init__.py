"""Proofs of families: that every part of a record says the same as the others, and as PyMC."""

from bayesglm.testing.families import check_family
from bayesglm.testing.twins import check_twin

__all__ = ["check_family", "check_twin"]
