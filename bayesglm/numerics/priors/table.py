"""The priors by the names of their classes in the specification.

Each takes that class's own parameters by keyword, and is normalised as the PyMC distribution of the
same name. "Steps" is what a Normal is to the steps of a monotonic effect; those of roots are of a
scale, of whose variance or precision a gamma is said.

>>> import numpy as np
>>> PRIORS["Normal"].log_density(np.array([0.0, 2.0]), scale=2.0, loc=0.0).round(4)
array([-1.6121, -2.1121])
>>> PRIORS["Laplace"].kink(scale=0.5, loc=0.0)
2.0
"""

from bayesglm.numerics.priors.beta import BETA
from bayesglm.numerics.priors.gamma import GAMMA, ROOT_GAMMA
from bayesglm.numerics.priors.inverse_gamma import INVERSE_GAMMA, ROOT_INVERSE_GAMMA
from bayesglm.numerics.priors.laplace import ELASTIC_NET, EXPONENTIAL, GROUP_LASSO, LAPLACE
from bayesglm.numerics.priors.normal import (
    GAUSSIAN_PROCESS,
    HALF_NORMAL,
    HORSESHOE,
    NORMAL,
    R2D2,
    RANDOM_WALK,
)
from bayesglm.numerics.priors.record import FLAT, UNIFORM, Prior
from bayesglm.numerics.priors.spike_slab import SPIKE_SLAB
from bayesglm.numerics.priors.steps import STEPS
from bayesglm.numerics.priors.student import CAUCHY, HALF_CAUCHY, HALF_STUDENT_T, STUDENT_T

PRIORS: dict[str, Prior] = {
    "Normal": NORMAL,
    "Laplace": LAPLACE,
    "ElasticNet": ELASTIC_NET,
    "GroupLasso": GROUP_LASSO,
    "StudentT": STUDENT_T,
    "Cauchy": CAUCHY,
    "Horseshoe": HORSESHOE,
    "SpikeSlab": SPIKE_SLAB,
    "R2D2": R2D2,
    "Flat": FLAT,
    "RandomWalk": RANDOM_WALK,
    "GaussianProcess": GAUSSIAN_PROCESS,
    "ALD": GAUSSIAN_PROCESS,
    "HalfNormal": HALF_NORMAL,
    "HalfStudentT": HALF_STUDENT_T,
    "HalfCauchy": HALF_CAUCHY,
    "Exponential": EXPONENTIAL,
    "Gamma": GAMMA,
    "InverseGamma": INVERSE_GAMMA,
    "RootGamma": ROOT_GAMMA,
    "RootInverseGamma": ROOT_INVERSE_GAMMA,
    "Beta": BETA,
    "Uniform": UNIFORM,
    "Steps": STEPS,
}
