"""The families by the names of family and link, as the vocabulary of models has them."""

from bayesglm.numerics.families.binomial import BERNOULLI, BINOMIAL
from bayesglm.numerics.families.gaussian import GAUSSIAN
from bayesglm.numerics.families.poisson import POISSON
from bayesglm.numerics.families.record import Family

RECORDS: tuple[Family, ...] = (
    *GAUSSIAN,
    *BERNOULLI,
    *BINOMIAL,
    *POISSON,
)

FAMILIES: dict[tuple[str, str], Family] = {(one.name, one.link): one for one in RECORDS}
