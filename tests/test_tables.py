"""Every record stands in every table that has to know it, and has its examples."""

import families
import priors
import terms

import bayesglm as bg
from bayesglm.design.terms.table import BUILDERS
from bayesglm.inference.twin.likelihoods import LIKELIHOODS, MEANS
from bayesglm.inference.twin.priors import PRIOR_TWINS
from bayesglm.numerics.families.table import FAMILIES, OF_LEVELS
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.notation import PRIOR_NOTATION
from bayesglm.spec.prior.positive import SCALE_PRIORS
from bayesglm.spec.priors import COEFFICIENT_PRIORS
from bayesglm.spec.terms.table import TERMS

KINDS_OF_PRIORS = dict.fromkeys([*COEFFICIENT_PRIORS, *SCALE_PRIORS])


def test_every_family_is_computed_under_each_of_its_links():
    said = {(name, link) for name, family in FAMILY_NAMES.items() for link in family.links}
    assert set(FAMILIES) | set(OF_LEVELS) == said
    assert not set(FAMILIES) & set(OF_LEVELS)
    made = {key: make(3, 0) for key, make in OF_LEVELS.items()}
    for (name, link), family in (FAMILIES | made).items():
        assert (family.name, family.link) == (name, link)
        assert len(family.dispersions) == len(FAMILY_NAMES[name].dispersions)
        assert len(FAMILY_NAMES[name].deviance_powers) == len(family.dispersions)


def test_every_family_and_link_has_its_twin():
    assert set(LIKELIHOODS) == set(FAMILY_NAMES)
    assert set(MEANS) == set(LINK_NAMES)
    assert {link for family in FAMILY_NAMES.values() for link in family.links} == set(LINK_NAMES)


def test_every_prior_is_computed_written_and_has_its_twin():
    for kind in priors.known(tuple(KINDS_OF_PRIORS)):
        record, _ = priors.prior_of(kind).in_numbers
        assert record in PRIORS
        assert record in PRIOR_TWINS
        assert kind.__name__ in PRIOR_NOTATION


def test_every_term_has_its_columns():
    assert set(BUILDERS) == set(TERMS)


def test_every_prior_and_term_is_exported():
    for kind in (*KINDS_OF_PRIORS, *TERMS):
        assert getattr(bg, kind.__name__) is kind
        assert kind.__name__ in bg.__all__


def test_every_family_has_its_log_density_in_many_digits():
    # Those of responses with levels are in numerics/families/test_levels.py.
    lacking = [name for name in families.OF_NUMBERS if name not in families.LOG_DENSITIES]
    assert not lacking, f"write log densities of {lacking} into LOG_DENSITIES, tests/families.py"
    lacking = [link for link in LINK_NAMES if link not in families.LINKS]
    assert not lacking, f"write the means under {lacking} into LINKS, tests/families.py"


def test_every_prior_has_an_example():
    lacking = [name for name in PRIORS if name not in priors.EXAMPLES]
    assert not lacking, f"write examples of {lacking} into EXAMPLES, tests/priors.py"


def test_every_term_has_an_example():
    known = {*terms.EXAMPLES, *terms.OF_POPULATIONS}
    lacking = [kind.__name__ for kind in TERMS if kind.__name__ not in known]
    assert not lacking, f"write examples of {lacking} into EXAMPLES, tests/terms.py"
