"""kfold: scores of held-out folds, at about the cost of a fit."""

from typing import Any

from benchmarks.peers.folds import DECODERS, FIT, KFOLD, LAMS, SKLEARN
from benchmarks.race import Row
from benchmarks.timing import in_turn, under
from benchmarks.verdict import ours, verdict
from benchmarks.work import Spec

WORK = (
    "K-fold cross-validation by the posteriors of the other folds, 4 x 1,000 draws: 10 folds of a "
    "logistic regression of n=10,000, p=20, beside one fit of the same (scikit-learn's "
    "cross_val_score judges estimates, and is shown); 5 folds of Poisson counts of constant rate, "
    "n=30,000; 3 folds of 20 Poisson units, n=30,000, p=25. Then the accuracy of estimates in 8 "
    f"folds of labels with more columns than rows, at {len(LAMS)} penalties. Seconds are those of "
    "the clock; those of the processor decide the bar of one fit."
)
_LIMIT_S = 600.0


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Score each kind of folds."""
    n = 2000 if quick else 10_000
    contests = []
    rows, _ = in_turn(Spec("dense", "bernoulli", n, 20), (KFOLD, FIT, SKLEARN), _LIMIT_S, 7)
    title = f"10 folds, bernoulli, n={n:,}, p=20"
    contests.append({"title": title, "rows": rows, "verdicts": [_times_one_fit(rows, 2.0)]})
    n = 6000 if quick else 30_000
    rows, _ = in_turn(Spec("constant", "poisson", n, 0), (KFOLD, FIT), _LIMIT_S, 5)
    title = f"5 folds of a constant rate, n={n:,}"
    contests.append({"title": title, "rows": rows, "verdicts": [under(ours(rows), 0.3)]})
    many = 3 if quick else 20
    rows, _ = in_turn(Spec("population", "poisson", n, 25, many), (KFOLD, FIT), _LIMIT_S)
    title = f"3 folds of {many} units, n={n:,}, p=25"
    contests.append({"title": title, "rows": rows, "verdicts": [under(ours(rows), 20.0)]})
    n, p = (60, 150) if quick else (276, 691)
    rows, _ = in_turn(Spec("decoder", "bernoulli", n, p), DECODERS, _LIMIT_S)
    title = f"accuracy in 8 folds, n={n:,}, p={p:,}, {len(LAMS)} penalties"
    contests.append({"title": title, "rows": rows, "verdicts": [under(ours(rows), 5.0)]})
    return contests, []


def _times_one_fit(rows: list[Row], most: float) -> dict[str, Any]:
    """Compare the processor's seconds with those of one fit."""
    bar = f"under {most:g} times one fit"
    mine, fit = ours(rows), next(row for row in rows if row["solver"] == FIT.name)
    if mine["status"] != "timed" or fit["status"] != "timed":
        return verdict(bar, "not to be compared", False)
    ratio = mine["cpu_s"] / fit["cpu_s"]
    return verdict(bar, f"{ratio:.3g} times", ratio < most)
