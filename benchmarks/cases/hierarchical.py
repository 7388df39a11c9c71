"""hierarchical: effective draws per second with varying intercepts whose scale is learned."""

from typing import Any

from benchmarks.cases.posterior import BARS
from benchmarks.peers.posterior import FIT, REFERENCE, SAMPLERS
from benchmarks.sampling import contest, refer, replicate_verdict
from benchmarks.work import Spec

WORK = (
    "Posterior of a Poisson regression with an intercept for each of 100 groups, Normal(0, scale) "
    "with scale ~ HalfNormal(1), Normal(0, 2.5) on the common intercept and Normal(0, 1) on the "
    "coefficients of 5 standard normal predictors; n=5,000. Draws, runs and effective sizes are as "
    "in posterior, the scale and the groups' effects among the scalars."
)


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sample the Poisson family."""
    n, groups = (1000, 20) if quick else (5000, 100)
    spec = Spec("groups", "poisson", n, 5, many=groups)
    reference = refer(spec, REFERENCE)
    contests = [
        contest(
            f"poisson, n={n:,}, {groups} groups: first call, {said}",
            *(spec, SAMPLERS, reference, on_disk, BARS),
        )
        for on_disk, said in ((False, "nothing on disk"), (True, "compiled code on disk"))
    ]
    return contests, [replicate_verdict(spec, FIT, reference)]
