"""Which way to a mode is done first, by a count of its operations.

`benchmarks/router.py` measures speeds and break-even sizes again, on any machine, and prints them
beside those below. A choice that is wrong by a factor costs time, never digits: wherever a faster
way fails, Newton's method is the judge.
"""

from __future__ import annotations

from typing import NamedTuple

from bayesglm.numerics.density.objective import Objective

# Multiplications a second in products of matrices, as X'WX. Set when the ways were written; the
# script found 2e10 on two cores.
GRAM = 3e10
# Multiplications a second in products of a design with one vector, which wait for memory. Likewise;
# the script found 2e9.
PASS = 1e9
# Steps, each with a curvature and its factor, of Newton's method: chosen; the script's took 5.
NEWTON_STEPS = 8
# Passes over all rows of a climb that starts at the mode of a sample: chosen; the script's took 2
# to 9.
PASSES = 10
# Curvatures of the least sample that such a climb takes, larger ones counted in: chosen.
SAMPLE_CURVATURES = 5
# Rows, and rows for each column, of the least sample: chosen so that its curvature is right within
# a tenth or so, (p/n)^1/2; no more than one row in so many, or it is hardly less work than all.
LEAST_SAMPLE, SAMPLE_PER_COLUMN, LEAST_SPARED = 4000, 40, 4
# Least samples in all rows, from which on the mode of one is worth as much as it costs where
# dispersions are searched: chosen; steps over all rows are then 3 to 5, and 7 to 10 from elsewhere.
MANY_SAMPLES = 10
# Rows for each column, below which no sample of a quarter tells enough to start from: chosen.
FEW_ROWS = 10
# Seconds of Newton's method (as counted here), and coefficients, up to which proximal Newton is
# taken under kinks, and not the path of penalties, which takes some milliseconds to set up: chosen;
# the script found the two to meet at 0.001 to 0.02 s.
QUICK, FEW = 0.01, 200
# Rows for each column, up to which Newton on the active coordinates is taken under kinks, and not
# the path of penalties: the script found the two to meet at 1.6 (200 columns) and 3.6 (600).
WIDE = 3
# Numbers of a design (8 bytes each) that Newton on the active coordinates holds at once: chosen.
MOST_AT_ONCE = 5e7
# Levels of a factor, from which on they are eliminated: chosen; a matrix of so many takes 8 MB.
MANY_LEVELS = 1000
# Coefficients of which a matrix (of 8 bytes times their square, 288 MB) is formed: chosen.
MOST_KEPT = 6000


class Work(NamedTuple):
    """What is to be done: the size of a design, and what kind of objective stands on it."""

    n_rows: int
    n_coefficients: int
    together: int = 1  # objectives that share the design
    is_quadratic: bool = False  # whether moments of the data tell the whole likelihood
    is_log_concave: bool = True
    is_searched: bool = False  # whether dispersions are found with the coefficients
    has_kinks: bool = False
    has_groups: bool = False  # whether some kinks are of several coefficients together
    n_channels: int = 1  # linear predictors of each row
    sharing: int = 1  # those of them that read the same columns
    has_walls: bool = False  # whether the link is defined for some linear predictors only
    n_levels: int = 0  # of a factor, that can be eliminated
    n_formed: int = 0  # columns that are computed anew for each curvature

    @property
    def is_wide(self) -> bool:
        """Whether a mode under kinks is for Newton on the active coordinates to find."""
        n, p = self.n_rows, self.n_coefficients
        kinked = self.has_kinks and not self.has_groups
        given = self.is_log_concave and not (self.is_searched or self.has_walls)
        given = given and self.n_channels == 1
        return kinked and given and n <= WIDE * p and n * p <= MOST_AT_ONCE

    @property
    def newton_seconds(self) -> float:
        """What Newton's method takes.

        Columns that are formed for it are written, laid beside others, and weighted.
        """
        p = self.n_coefficients
        formed = 3 * self.n_rows * self.n_formed / PASS
        return self.together * NEWTON_STEPS * ((self._gram(self.n_rows) + p**3 / 3) / GRAM + formed)

    @property
    def sample_seconds(self) -> float:
        """What a climb from the mode of a sample takes, with its curvature."""
        n, p, k = self.n_rows, self.n_coefficients, self.together
        one_pass = 2 * n * p * (1 / PASS / self.sharing if k == 1 else k / GRAM)
        return PASSES * one_pass + k * SAMPLE_CURVATURES * self._gram(sample_size(n, p)) / GRAM

    def _gram(self, n: int) -> float:
        """Return the multiplications in the curvature of some rows.

        Of channels c that share their columns it has a block for each pair c and d <= c.
        """
        return n * self.n_coefficients**2 * (1 + 1 / self.sharing) / 2


def work_of(objective: Objective, n_rows: int, together: int = 1, n_levels: int = 0) -> Work:
    """Return what finding the mode of an objective on some rows is."""
    return Work(
        n_rows,
        objective.n_coefficients,
        together,
        objective.family.quadratic,
        objective.log_concave,
        bool(objective.free),
        objective.kinks.any,
        bool(objective.kinks.groups),
        len(objective.family.channels),
        len(objective.family.channels) if objective.family.shares_columns else 1,
        not objective.family.domain.is_real_line,
        n_levels,
    )


def columns_of_one(objective: Objective) -> int:
    """Return how many coefficients each linear predictor has, where these share their columns."""
    work = work_of(objective, 1)
    return work.n_coefficients // work.sharing


def gram_columns(objective: Objective) -> float:
    """Return of how many columns a Gram matrix is as much work as the objective's curvature.

    For each coefficient of its gradient, so that the two can be counted in passes.
    """
    work = work_of(objective, 1)
    return work.n_coefficients * (1 + 1 / work.sharing) / 2


def choose(work: Work) -> str:
    """Return the name of the way that is done first.

    >>> choose(Work(1000, 20)), choose(Work(1_000_000, 200)), choose(Work(1000, 20_000))
    ('newton', 'sample', 'matrix-free')
    """
    n, p = work.n_rows, work.n_coefficients
    if work.is_wide:
        return "active"
    single_peaked = (work.is_log_concave or work.is_quadratic) and not work.has_walls
    if work.n_levels >= MANY_LEVELS and single_peaked:
        return "levels"
    if work.is_quadratic and p <= MOST_KEPT and work.together == 1:
        return "moments"
    smooth = work.is_log_concave and not work.has_kinks
    if work.is_searched and smooth and sample_size(n, p) * MANY_SAMPLES <= n:
        return "newton from a sample"
    if work.is_searched or not work.is_log_concave or work.has_groups:
        return "newton"
    if work.has_walls and p <= MOST_KEPT:
        # Modes of samples, and of other penalties, may lie where the density is zero.
        return "newton"
    if work.has_kinks:
        return "newton" if work.newton_seconds < QUICK and p <= FEW else "sparse path"
    if p > MOST_KEPT:
        return "matrix-free"
    if n < FEW_ROWS * p:
        return "newton"
    return "sample" if work.sample_seconds < work.newton_seconds else "newton"


def sample_size(n: int, p: int) -> int:
    """Return the number of rows of the least sample of a design."""
    return min(n // LEAST_SPARED, max(LEAST_SAMPLE, SAMPLE_PER_COLUMN * p))
