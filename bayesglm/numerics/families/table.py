"""The families by the names of family and link, as the vocabulary of models has them."""

from collections.abc import Callable
from functools import partial

from bayesglm.numerics.families.beta import BETA
from bayesglm.numerics.families.beta_binomial import BETA_BINOMIAL
from bayesglm.numerics.families.binomial import BERNOULLI, BINOMIAL
from bayesglm.numerics.families.categorical import categorical
from bayesglm.numerics.families.exponential import EXPONENTIAL
from bayesglm.numerics.families.gamma import GAMMA
from bayesglm.numerics.families.gaussian import GAUSSIAN
from bayesglm.numerics.families.hurdle import HURDLE_POISSON
from bayesglm.numerics.families.inverse_gaussian import INVERSE_GAUSSIAN
from bayesglm.numerics.families.multinomial import multinomial
from bayesglm.numerics.families.negative_binomial import NEGATIVE_BINOMIAL
from bayesglm.numerics.families.negative_binomial1 import NEGATIVE_BINOMIAL1
from bayesglm.numerics.families.ordinal import ordinal
from bayesglm.numerics.families.poisson import POISSON
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.student_t import STUDENT_T
from bayesglm.numerics.families.tweedie import TWEEDIE
from bayesglm.numerics.families.von_mises import VON_MISES
from bayesglm.numerics.families.weibull import WEIBULL
from bayesglm.numerics.families.zero_inflated import (
    ZERO_INFLATED_NEGATIVE_BINOMIAL,
    ZERO_INFLATED_POISSON,
)
from bayesglm.spec.families import FAMILY_NAMES

RECORDS: tuple[Family, ...] = (
    *GAUSSIAN,
    *BERNOULLI,
    *BINOMIAL,
    *POISSON,
    *NEGATIVE_BINOMIAL,
    *NEGATIVE_BINOMIAL1,
    *ZERO_INFLATED_POISSON,
    *ZERO_INFLATED_NEGATIVE_BINOMIAL,
    *HURDLE_POISSON,
    *BETA_BINOMIAL,
    *STUDENT_T,
    *GAMMA,
    *INVERSE_GAUSSIAN,
    *EXPONENTIAL,
    *WEIBULL,
    *TWEEDIE,
    *BETA,
    *VON_MISES,
)

FAMILIES: dict[tuple[str, str], Family] = {(one.name, one.link): one for one in RECORDS}

# Records of responses with levels: made for a number of levels, and the number of the reference.
OF_LEVELS: dict[tuple[str, str], Callable[[int, int | None], Family]] = {
    ("categorical", "logit"): categorical,
    ("multinomial", "logit"): multinomial,
    **{("ordinal", link): partial(ordinal, link) for link in FAMILY_NAMES["ordinal"].links},
}
