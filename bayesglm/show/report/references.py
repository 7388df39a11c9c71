"""What to cite of a report: the package, and the methods that its numbers come from."""

from __future__ import annotations

from importlib.metadata import version

from bayesglm.results.citing import bibtex
from bayesglm.results.scores.alike import FOLDS, QUESTIONS
from bayesglm.show.report.story import Story

METHODS = {
    "laplace": "Laplace approximation: Tierney & Kadane 1986, JASA 81:82-86.",
    "nested laplace": (
        "Nested Laplace approximation: Rue, Martino & Chopin 2009, JRSS B 71:319-392."
    ),
    "expectation propagation": "Expectation propagation: Minka 2001, UAI 17:362-369.",
    "projection": (
        "Projection predictive selection: Piironen, Paasiniemi & Vehtari 2020, Electronic Journal "
        "of Statistics 14:2155-2197."
    ),
    "nuts": "NUTS: Hoffman & Gelman 2014, JMLR 15:1593-1623.",
    "nuts by levels": "NUTS: Hoffman & Gelman 2014, JMLR 15:1593-1623.",
}
GLM_BOOK = "Generalized linear models: McCullagh & Nelder 1989, Chapman & Hall."
PSIS = "Pareto-smoothed importance sampling: Vehtari et al. 2024, JMLR 25(72):1-58."
RHAT = (
    "R-hat and effective sizes: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, Bayesian "
    "Analysis 16:667-718."
)
LOO = (
    "Leave-one-out cross-validation: Vehtari, Gelman & Gabry 2017, Statistics and Computing "
    "27:1413-1432."
)
FUTURE = (
    "Leave-future-out cross-validation: Bürkner, Gabry & Vehtari 2020, Journal of Statistical "
    "Computation and Simulation 90:2499-2523."
)
STACKING = "Stacking weights: Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917-1007."
DIFFERENCES = (
    "What differences of scores tell: Sivula, Magnusson, Matamoros & Vehtari 2020, "
    "arXiv:2008.10296."
)
POWER = "Power-scaling sensitivity: Kallioinen et al. 2024, Statistics and Computing 34:57."
QUANTILE = (
    "Randomised quantile residuals: Dunn & Smyth 1996, Journal of Computational and Graphical "
    "Statistics 5:236-244."
)
RESCALING = (
    "Time rescaling: Brown, Barbieri, Ventura, Kass & Frank 2002, Neural Computation 14:325-346; "
    "in bins: Haslinger, Pipa & Brown 2010, Neural Computation 22:2477-2506."
)


def references(story: Story) -> tuple[str, ...]:
    """Return what to cite, by what the fits, their scores and their checks were made with."""
    own = f"bayesglm {version('bayesglm')}: Bayesian generalized linear models (software)."
    cited = [own, GLM_BOOK]
    for fit in story.fits.values():
        attrs = fit.attrs
        cited += [METHODS[one] for one in str(attrs["method"]).split("+") if one in METHODS]
        if "khat" in attrs:
            cited.append(PSIS)
        if "max_rhat" in attrs:
            cited.append(RHAT)
    kinds = {str(one.kind) for one in story.elpd.values()}
    if kinds & set(QUESTIONS):
        cited.append(FUTURE)
    elif kinds:
        cited.append(LOO)
    if kinds - set(QUESTIONS) - {FOLDS}:
        cited.append(PSIS)
    if story.compared is not None:
        cited += [STACKING, DIFFERENCES]
    checks = {name for tree in story.checks.values() for name in tree.children}
    if "quantile_residuals" in checks:
        cited.append(QUANTILE)
    if "time_rescaling" in checks:
        cited.append(RESCALING)
    if any(
        "prior_sensitivity" in tree["terms"].data_vars
        for tree in story.checks.values()
        if "terms" in tree.children
    ):
        cited.append(POWER)
    return tuple(dict.fromkeys(cited))


def entries(story: Story) -> str:
    """Return BibTeX of ArviZ, and of the methods of it that the numbers come from."""
    return bibtex(
        chains=any("max_rhat" in fit.attrs for fit in story.fits.values()),
        leave_one_out=any(one.kind == "loo" for one in story.elpd.values()),
    )
