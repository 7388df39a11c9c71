"""Every family, prior and term of the tables: exported, written, stored, known to the shell."""

import dataclasses

import pytest
from priors import OF_COEFFICIENTS, OF_SCALES
from terms import OF_EVERY_KIND

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.terms.table import TERMS

SPACE = {name: getattr(bg, name) for name in bg.__all__}
MODELS = [
    *(
        bg.GLM("y", "x", family=name, trials="n" if family.needs_trials else None, link=link)
        for name, family in FAMILY_NAMES.items()
        for link in family.links
    ),
    *(bg.GLM("y", bg.Lagged("x", lags=3, prior=prior)) for prior in OF_COEFFICIENTS),
    *(bg.GLM("y", "x", dispersion=prior) for prior in OF_SCALES),
    *(bg.GLM("y", term) for term in OF_EVERY_KIND),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_every_record_is_stored_written_and_read_again(model):
    again = bg.GLM.from_json(model.to_json())
    assert again == model
    assert eval(repr(model), SPACE) == model
    assert len(str(model).splitlines()) >= 3


@pytest.mark.parametrize("noun", [*OF_COEFFICIENTS, *OF_SCALES, *OF_EVERY_KIND], ids=repr)
def test_every_noun_is_frozen(noun):
    for field in dataclasses.fields(noun):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, field.name, 2.0)
    assert hash(noun) == hash(eval(repr(noun), SPACE))


def test_the_shell_knows_every_family_and_term(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in FAMILY_NAMES)
    assert all(f"--{kind.__name__.lower()} " in told for kind in TERMS)
