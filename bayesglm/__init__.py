"""Bayesian generalized linear models whose priors are the penalties people already use.

Everything a user types is here; each name is imported on first use, so that importing the
package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesglm import datasets, teaching, testing
    from bayesglm.design.door import as_dataset
    from bayesglm.design.spikes.binning import bin_spikes
    from bayesglm.design.spikes.trains import SpikeTimes
    from bayesglm.errors import (
        BayesGLMError,
        BayesGLMWarning,
        ConformanceError,
        ConvergenceError,
        DataError,
        ModelError,
    )
    from bayesglm.inference.fit import fit
    from bayesglm.inference.laplace import fit_laplace
    from bayesglm.inference.map import fit_map
    from bayesglm.inference.mcmc import fit_mcmc
    from bayesglm.inference.tree.summary import summary
    from bayesglm.inference.twin.linear_predictor import linear_predictor
    from bayesglm.inference.twin.model import to_pymc
    from bayesglm.inference.twin.own import register_family, register_link
    from bayesglm.results.bayes_factors.bayes_factor import bayes_factor
    from bayesglm.results.bayes_factors.savage_dickey import savage_dickey
    from bayesglm.results.check import check
    from bayesglm.results.decode import decode
    from bayesglm.results.decode_choices import decode_choices
    from bayesglm.results.decode_position import decode_position
    from bayesglm.results.draws import draws
    from bayesglm.results.edges import edges
    from bayesglm.results.effects.comparisons import comparisons
    from bayesglm.results.effects.datagrid import datagrid
    from bayesglm.results.effects.predictions import predictions
    from bayesglm.results.effects.slopes import slopes
    from bayesglm.results.elicit import elicit
    from bayesglm.results.explain import explain
    from bayesglm.results.groups import add_groups, add_log_likelihood
    from bayesglm.results.kernels import kernels
    from bayesglm.results.nonlinearity import nonlinearity
    from bayesglm.results.path import prior_path
    from bayesglm.results.predict import predict
    from bayesglm.results.prior_predictive import prior_predictive
    from bayesglm.results.projection.project import project
    from bayesglm.results.residuals import residuals
    from bayesglm.results.scores.bits import bits_per_spike
    from bayesglm.results.scores.compare import compare
    from bayesglm.results.scores.cross_validate import cross_validate
    from bayesglm.results.scores.external import external
    from bayesglm.results.scores.kfold import kfold
    from bayesglm.results.scores.lfo import lfo
    from bayesglm.results.scores.loo import loo
    from bayesglm.results.scores.score import score
    from bayesglm.results.scores.stack import stack
    from bayesglm.results.sensitivity import sensitivity
    from bayesglm.results.simulate import simulate
    from bayesglm.results.storage import load, save
    from bayesglm.results.to_pynapple import to_pynapple
    from bayesglm.results.triggered import sta, whitened_sta
    from bayesglm.results.triggered_covariance import stc
    from bayesglm.results.tuning import tune_prior
    from bayesglm.show.calibration import plot_calibration
    from bayesglm.show.check import plot_check
    from bayesglm.show.compared import plot_compare
    from bayesglm.show.decision import plot_decision
    from bayesglm.show.design import plot_design
    from bayesglm.show.effects import plot_effects
    from bayesglm.show.explorer.explorer import explorer
    from bayesglm.show.kernels import plot_kernels
    from bayesglm.show.khat import plot_khat
    from bayesglm.show.loo_pit import plot_loo_pit
    from bayesglm.show.loss import plot_loss
    from bayesglm.show.path import plot_path
    from bayesglm.show.plane import plot_plane
    from bayesglm.show.posterior import plot_posterior
    from bayesglm.show.posterior_predictive import plot_predictive
    from bayesglm.show.prior import plot_prior
    from bayesglm.show.prior_posterior import plot_prior_posterior
    from bayesglm.show.prior_predictive import plot_prior_predictive
    from bayesglm.show.project import plot_project
    from bayesglm.show.raster import plot_raster
    from bayesglm.show.rate import plot_rate
    from bayesglm.show.report.report import report
    from bayesglm.show.residuals import plot_residuals
    from bayesglm.show.shrinkage import plot_shrinkage
    from bayesglm.show.tuning import plot_tuning
    from bayesglm.sklearn import from_sklearn
    from bayesglm.spec.bridge.verbs import penalty_to_prior, prior_to_penalty
    from bayesglm.spec.formula.reading import formula
    from bayesglm.spec.lag_bases import (
        boxcar,
        bspline,
        cyclic_bspline,
        fourier,
        identity,
        log_raised_cosine,
        orthogonal_exponential,
        raised_cosine,
    )
    from bayesglm.spec.model import GLM
    from bayesglm.spec.own import OwnDispersion, OwnFamily, OwnLink
    from bayesglm.spec.penalties import elastic_net, group_lasso, lasso, ridge, smooth
    from bayesglm.spec.prior.apart import Cauchy, ElasticNet, Flat, Laplace, Normal, StudentT
    from bayesglm.spec.prior.correlation import LKJ
    from bayesglm.spec.prior.fields import ALD, GaussianProcess
    from bayesglm.spec.prior.mixture import SpikeSlab
    from bayesglm.spec.prior.positive import (
        Exponential,
        Gamma,
        HalfCauchy,
        HalfNormal,
        HalfStudentT,
        InverseGamma,
        Precision,
        Variance,
    )
    from bayesglm.spec.prior.together import GroupLasso, Horseshoe, RandomWalk
    from bayesglm.spec.prior.unit import Beta, Uniform
    from bayesglm.spec.prior.variance import R2D2
    from bayesglm.spec.terms.basis import Basis
    from bayesglm.spec.terms.category import Category
    from bayesglm.spec.terms.coupling import Coupling
    from bayesglm.spec.terms.event import Event
    from bayesglm.spec.terms.group import Group
    from bayesglm.spec.terms.history import History
    from bayesglm.spec.terms.interaction import Interaction
    from bayesglm.spec.terms.lagged import Lagged
    from bayesglm.spec.terms.linear import Linear
    from bayesglm.spec.terms.monotonic import Monotonic
    from bayesglm.spec.terms.spline import Spline
    from bayesglm.spec.terms.surface import Surface

_HOME = {
    "GLM": "spec.model",
    "formula": "spec.formula.reading",
    "Linear": "spec.terms.linear",
    "Lagged": "spec.terms.lagged",
    "History": "spec.terms.history",
    "Coupling": "spec.terms.coupling",
    "Event": "spec.terms.event",
    "Group": "spec.terms.group",
    "Spline": "spec.terms.spline",
    "Surface": "spec.terms.surface",
    "Basis": "spec.terms.basis",
    "Category": "spec.terms.category",
    "Interaction": "spec.terms.interaction",
    "Monotonic": "spec.terms.monotonic",
    "raised_cosine": "spec.lag_bases",
    "log_raised_cosine": "spec.lag_bases",
    "bspline": "spec.lag_bases",
    "cyclic_bspline": "spec.lag_bases",
    "fourier": "spec.lag_bases",
    "boxcar": "spec.lag_bases",
    "orthogonal_exponential": "spec.lag_bases",
    "identity": "spec.lag_bases",
    "Normal": "spec.prior.apart",
    "Laplace": "spec.prior.apart",
    "ElasticNet": "spec.prior.apart",
    "RandomWalk": "spec.prior.together",
    "ALD": "spec.prior.fields",
    "GaussianProcess": "spec.prior.fields",
    "StudentT": "spec.prior.apart",
    "Cauchy": "spec.prior.apart",
    "GroupLasso": "spec.prior.together",
    "SpikeSlab": "spec.prior.mixture",
    "Horseshoe": "spec.prior.together",
    "R2D2": "spec.prior.variance",
    "Flat": "spec.prior.apart",
    "HalfNormal": "spec.prior.positive",
    "HalfStudentT": "spec.prior.positive",
    "HalfCauchy": "spec.prior.positive",
    "Precision": "spec.prior.positive",
    "Variance": "spec.prior.positive",
    "Exponential": "spec.prior.positive",
    "LKJ": "spec.prior.correlation",
    "Beta": "spec.prior.unit",
    "Uniform": "spec.prior.unit",
    "Gamma": "spec.prior.positive",
    "InverseGamma": "spec.prior.positive",
    "OwnFamily": "spec.own",
    "OwnLink": "spec.own",
    "OwnDispersion": "spec.own",
    "register_family": "inference.twin.own",
    "register_link": "inference.twin.own",
    "ridge": "spec.penalties",
    "lasso": "spec.penalties",
    "elastic_net": "spec.penalties",
    "group_lasso": "spec.penalties",
    "smooth": "spec.penalties",
    "from_sklearn": "sklearn",
    "penalty_to_prior": "spec.bridge.verbs",
    "prior_to_penalty": "spec.bridge.verbs",
    "as_dataset": "design.door",
    "bin_spikes": "design.spikes.binning",
    "bayes_factor": "results.bayes_factors.bayes_factor",
    "savage_dickey": "results.bayes_factors.savage_dickey",
    "SpikeTimes": "design.spikes.trains",
    "fit": "inference.fit",
    "fit_map": "inference.map",
    "fit_laplace": "inference.laplace",
    "fit_mcmc": "inference.mcmc",
    "linear_predictor": "inference.twin.linear_predictor",
    "to_pymc": "inference.twin.model",
    "decode": "results.decode",
    "decode_choices": "results.decode_choices",
    "decode_position": "results.decode_position",
    "draws": "results.draws",
    "predict": "results.predict",
    "sensitivity": "results.sensitivity",
    "simulate": "results.simulate",
    "explain": "results.explain",
    "prior_path": "results.path",
    "prior_predictive": "results.prior_predictive",
    "project": "results.projection.project",
    "summary": "inference.tree.summary",
    "tune_prior": "results.tuning",
    "comparisons": "results.effects.comparisons",
    "datagrid": "results.effects.datagrid",
    "predictions": "results.effects.predictions",
    "slopes": "results.effects.slopes",
    "edges": "results.edges",
    "elicit": "results.elicit",
    "kernels": "results.kernels",
    "lfo": "results.scores.lfo",
    "loo": "results.scores.loo",
    "add_groups": "results.groups",
    "add_log_likelihood": "results.groups",
    "bits_per_spike": "results.scores.bits",
    "check": "results.check",
    "residuals": "results.residuals",
    "kfold": "results.scores.kfold",
    "score": "results.scores.score",
    "cross_validate": "results.scores.cross_validate",
    "compare": "results.scores.compare",
    "external": "results.scores.external",
    "stack": "results.scores.stack",
    "to_pynapple": "results.to_pynapple",
    "save": "results.storage",
    "load": "results.storage",
    "nonlinearity": "results.nonlinearity",
    "sta": "results.triggered",
    "stc": "results.triggered_covariance",
    "whitened_sta": "results.triggered",
    "plot_check": "show.check",
    "plot_design": "show.design",
    "plot_effects": "show.effects",
    "plot_kernels": "show.kernels",
    "plot_path": "show.path",
    "plot_plane": "show.plane",
    "explorer": "show.explorer.explorer",
    "plot_loss": "show.loss",
    "plot_decision": "show.decision",
    "plot_posterior": "show.posterior",
    "plot_prior": "show.prior",
    "plot_project": "show.project",
    "plot_raster": "show.raster",
    "plot_rate": "show.rate",
    "plot_shrinkage": "show.shrinkage",
    "plot_prior_predictive": "show.prior_predictive",
    "plot_tuning": "show.tuning",
    "plot_calibration": "show.calibration",
    "plot_compare": "show.compared",
    "plot_khat": "show.khat",
    "plot_loo_pit": "show.loo_pit",
    "plot_predictive": "show.posterior_predictive",
    "plot_prior_posterior": "show.prior_posterior",
    "plot_residuals": "show.residuals",
    "report": "show.report.report",
    "datasets": "datasets",
    "teaching": "teaching",
    "testing": "testing",
    "BayesGLMError": "errors",
    "DataError": "errors",
    "ModelError": "errors",
    "ConvergenceError": "errors",
    "ConformanceError": "errors",
    "BayesGLMWarning": "errors",
}

__all__ = [
    "ALD",
    "GLM",
    "LKJ",
    "R2D2",
    "Basis",
    "BayesGLMError",
    "BayesGLMWarning",
    "Beta",
    "Category",
    "Cauchy",
    "ConformanceError",
    "ConvergenceError",
    "Coupling",
    "DataError",
    "ElasticNet",
    "Event",
    "Exponential",
    "Flat",
    "Gamma",
    "GaussianProcess",
    "Group",
    "GroupLasso",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "History",
    "Horseshoe",
    "Interaction",
    "InverseGamma",
    "Lagged",
    "Laplace",
    "Linear",
    "ModelError",
    "Monotonic",
    "Normal",
    "OwnDispersion",
    "OwnFamily",
    "OwnLink",
    "Precision",
    "RandomWalk",
    "SpikeSlab",
    "SpikeTimes",
    "Spline",
    "StudentT",
    "Surface",
    "Uniform",
    "Variance",
    "add_groups",
    "add_log_likelihood",
    "as_dataset",
    "bayes_factor",
    "bin_spikes",
    "bits_per_spike",
    "boxcar",
    "bspline",
    "check",
    "compare",
    "comparisons",
    "cross_validate",
    "cyclic_bspline",
    "datagrid",
    "datasets",
    "decode",
    "decode_choices",
    "decode_position",
    "draws",
    "edges",
    "elastic_net",
    "elicit",
    "explain",
    "explorer",
    "external",
    "fit",
    "fit_laplace",
    "fit_map",
    "fit_mcmc",
    "formula",
    "fourier",
    "from_sklearn",
    "group_lasso",
    "identity",
    "kernels",
    "kfold",
    "lasso",
    "lfo",
    "linear_predictor",
    "load",
    "log_raised_cosine",
    "loo",
    "nonlinearity",
    "orthogonal_exponential",
    "penalty_to_prior",
    "plot_calibration",
    "plot_check",
    "plot_compare",
    "plot_decision",
    "plot_design",
    "plot_effects",
    "plot_kernels",
    "plot_khat",
    "plot_loo_pit",
    "plot_loss",
    "plot_path",
    "plot_plane",
    "plot_posterior",
    "plot_predictive",
    "plot_prior",
    "plot_prior_posterior",
    "plot_prior_predictive",
    "plot_project",
    "plot_raster",
    "plot_rate",
    "plot_residuals",
    "plot_shrinkage",
    "plot_tuning",
    "predict",
    "predictions",
    "prior_path",
    "prior_predictive",
    "prior_to_penalty",
    "project",
    "raised_cosine",
    "register_family",
    "register_link",
    "report",
    "residuals",
    "ridge",
    "savage_dickey",
    "save",
    "score",
    "sensitivity",
    "simulate",
    "slopes",
    "smooth",
    "sta",
    "stack",
    "stc",
    "summary",
    "teaching",
    "testing",
    "to_pymc",
    "to_pynapple",
    "tune_prior",
    "whitened_sta",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("bayesglm")
    elif name in _HOME:
        home = importlib.import_module(f"bayesglm.{_HOME[name]}")
        value = home if _HOME[name] == name else getattr(home, name)
    else:
        from bayesglm.spec.hints import name_hint

        hint = "" if name.startswith("_") else name_hint(name, __all__)
        raise AttributeError(f"module 'bayesglm' has no attribute {name!r}{hint}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
