"""Measure what the choice of a way to a mode counts with: `python -m benchmarks.router [--quick]`.

Speeds and break-even sizes of `bayesglm.inference.modes.router` are printed as they are on this
machine, beside those that the package ships. Nothing is written, and nothing is set.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import bayesglm as bg
from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes import router
from bayesglm.inference.modes.solve import ROUTES
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.parallel import unthreaded_products
from benchmarks.facts import facts
from benchmarks.work import SEED

RUNS = 3  # of which the fastest counts: what else the machine does only adds to a time
CORRELATION = 0.5  # of neighbouring columns
EFFECT = 0.5  # sd of the linear predictor
STRENGTH = (
    0.02  # of a lasso's penalty, as a share of the least that holds every coefficient at zero
)


def main() -> None:
    """Print all tables; ``--quick`` leaves out the large sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only, about a minute")
    quick = parser.parse_args().quick
    machine = facts()
    print(f"{machine['processor']}, {machine['cores']} cores, numpy {machine['packages']['numpy']}")
    for line in itertools.chain(speeds(quick), smooth(quick), under_kinks(quick), wide(quick)):
        print(line, flush=True)


def problem_of(n: int, p: int, prior: Any, family: str = "poisson") -> Problem:
    """Return a simulated problem of one predictor variable with p features."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = CORRELATION * X[:, j - 1] + np.sqrt(1.0 - CORRELATION**2) * X[:, j]
    w = rng.normal(size=p)
    eta = X @ w
    eta *= EFFECT / eta.std()
    link = "log" if family == "poisson" else "logit"
    y = FAMILIES[family, link].draw(rng, eta[None], (), None)
    if prior is bg.Laplace:
        prior = bg.lasso(STRENGTH * float(np.abs(X.T @ (y - y.mean())).max()))
    model = bg.GLM("y", bg.Linear("X", prior=prior), family=family)
    return open_problems(model, {"y": y, "X": X})[0]


def fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest run after a first, which is not counted."""
    work()
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def seconds(way: str, problem: Problem) -> float:
    """Return what a way takes to the mode of a problem; infinity where it does not get there."""
    objective = problem.natural

    def work() -> None:
        with unthreaded_products(objective.size), np.errstate(over="ignore", invalid="ignore"):
            ROUTES[way]([problem], [objective])

    try:
        return fastest(work)
    except ConvergenceError:
        return np.inf


def speeds(quick: bool) -> Iterator[str]:
    """Measure multiplications a second, in curvatures and in passes over the rows."""
    n, p = (50_000, 200) if quick else (200_000, 200)
    objective = problem_of(n, p, bg.Normal(1.0)).natural
    theta = np.zeros(objective.size)
    both = fastest(lambda: objective.evaluate(theta))
    one_pass = fastest(lambda: smooth_slopes([objective], theta[None]))
    yield "\nmultiplications a second          measured   shipped"
    yield f"GRAM, in products of matrices     {n * p * p / both:8.1e}  {router.GRAM:8.1e}"
    yield f"PASS, in products with a vector   {2 * n * p / one_pass:8.1e}  {router.PASS:8.1e}"


def compare(ways: tuple[str, str], sizes: Sequence[tuple[int, int]], prior: Any) -> Iterator[str]:
    """Time two ways at some sizes; say which is faster, which is chosen, and where they meet."""
    one, other = ways
    yield f"      n      p   {one:>12} {other:>12}   faster        chosen"
    ratios: dict[int, list[tuple[int, float]]] = {}
    for n, p in sizes:
        problem = problem_of(n, p, prior)
        taken = {way: seconds(way, problem) for way in ways}
        best = min(ways, key=taken.__getitem__)
        choice = router.choose(router.work_of(problem.natural, n))
        lost = taken[choice] / taken[best] if choice in taken else 1.0
        note = f"  {lost:.1f} times as long" if lost > 1.2 else ""
        yield (
            f"{n:7d} {p:6d}   {1e3 * taken[one]:9.1f} ms {1e3 * taken[other]:9.1f} ms   "
            f"{best:13} {choice}{note}"
        )
        ratios.setdefault(p, []).append((n, np.log(taken[one] / taken[other])))
    for p, along in ratios.items():
        yield f"break-even at p = {p}: {meeting(along)}"


def meeting(along: list[tuple[int, float]]) -> str:
    """Say at which n the logarithm of a ratio of times changes its sign, on a line between two."""
    for (n, low), (m, high) in itertools.pairwise(along):
        if low * high < 0.0:
            share = low / (low - high)
            return f"n = {np.exp(np.log(n) + share * np.log(m / n)):.0f}"
    return f"none between n = {along[0][0]} and {along[-1][0]}"


def smooth(quick: bool) -> Iterator[str]:
    """Compare Newton's method with the climb from the mode of a sample."""
    most = 4_000_000 if quick else 40_000_000
    sizes = [
        (n, p)
        for p in (20, 60, 200)
        for n in (5_000, 20_000, 80_000, 320_000, 1_280_000)
        if 10 * p <= n and n * p <= most
    ]
    yield "\nSmooth objectives: Newton against quasi-Newton from samples"
    yield from compare(("newton", "sample"), sizes, bg.Normal(1.0))


def under_kinks(quick: bool) -> Iterator[str]:
    """Compare proximal Newton with the path of penalties: QUICK seconds, FEW coefficients."""
    most = 2_000_000 if quick else 20_000_000
    sizes = [
        (n, p)
        for p in (10, 40, 160, 320)
        for n in (1_000, 4_000, 16_000, 64_000)
        if router.WIDE * p < n and n * p <= most
    ]
    yield (
        f"\nUnder kinks: proximal Newton against the path of penalties (shipped: Newton up to "
        f"{router.QUICK} s and {router.FEW} coefficients)"
    )
    yield from compare(("newton", "sparse path"), sizes, bg.Laplace)


def wide(quick: bool) -> Iterator[str]:
    """Compare Newton on the active coordinates with the path of penalties, over n/p."""
    p = 200 if quick else 600
    sizes = [(int(share * p), p) for share in (0.25, 0.5, 1, 2, 3, 4, 6, 10)]
    yield (
        f"\nUnder kinks, few rows: the active coordinates against the path of penalties (shipped: "
        f"active up to n = {router.WIDE} p)"
    )
    yield from compare(("active", "sparse path"), sizes, bg.Laplace)


if __name__ == "__main__":
    main()
