"""The table of conventions is made of the records, and says what they compute."""

import re
from pathlib import Path

import pytest

import bayesglm as bg
from bayesglm.spec.bridge.reading import read
from bayesglm.spec.bridge.table import CONVENTIONS
from bayesglm.spec.bridge.weights import weights_of
from bayesglm.spec.bridge.words import by_loss, table, weights_in_words
from bayesglm.spec.families import FAMILY_NAMES

ROOT = Path(__file__).parents[3]
KNOWN = {"n": 40.0, "sds": [0.5], "sd_y": 1.7, "size": 4, "constant": False}
STRENGTHS = {"regularizer_strength": (0.3, 0.2)}
ROWS = [
    (record, families, loss)
    for record in CONVENTIONS.values()
    for families, loss in by_loss(record)
]


def computed(record, families, factor):
    """Return settings with every number told, and the weights of the prior they say."""
    settings = dict.fromkeys(record.form.defaults, 0.3)
    settings |= dict.fromkeys(getattr(record.form, "factors", ()), factor)
    if getattr(record.form, "factor", ""):
        settings[record.form.factor] = 0.3
    if getattr(record.form, "paired", False):
        settings |= STRENGTHS
    if getattr(record.form, "groups", ""):
        settings[record.form.groups] = 4
    if record.family and record.words:
        settings[record.family] = next(w for w, one in record.words.items() if one in families)
    elif record.family:
        settings[record.family] = 0.0
    has_sigma = all("sigma" in FAMILY_NAMES[one].dispersions for one in families)
    dispersion = {"sigma": 0.7} if has_sigma else {"phi": 0.6}
    known = {name: KNOWN[name] for name in ("n", *record.knowledge) if name in KNOWN}
    plain = {switch.name: switch.off for switch in record.switches}
    known.pop("sds", None)
    reading = read(record.name, settings | known | plain | dispersion)
    return settings | known | dispersion, weights_of(reading.prior)


def evaluated(text, settings):
    """Return the number that a formula of the table is."""
    names, text = {}, text.replace("·", "*").replace("²", "**2")
    for name, one in settings.items():
        plain = f"{name.replace('.', '_')}_of"
        names[plain] = one
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", plain, text)
    return eval(text.replace("√size_of", "size_of**0.5"), {"__builtins__": {}}, names)


@pytest.mark.parametrize(
    "record", [one for one in CONVENTIONS.values() if not one.only_read], ids=lambda one: one.name
)
def test_settings_say_whether_there_is_an_intercept(record):
    is_learned = record.form.says
    prior = bg.penalty_to_prior(record.name) if is_learned else bg.Flat()
    size = {"size": 4} if "size" in record.knowledge else {}
    with_one = bg.prior_to_penalty(prior, record.name, **size)
    assert read(record.name, with_one).intercept == bg.Flat()
    if record.no_intercept is None and not record.constant_column:
        with pytest.raises(bg.ModelError, match="no setting that leaves the intercept out"):
            bg.prior_to_penalty(prior, record.name, intercept=None)
        return
    without = bg.prior_to_penalty(prior, record.name, intercept=None, **size)
    beside = {"constant": False} if record.constant_column else {}
    assert read(record.name, {**without, **beside}).intercept is None


def test_the_table_is_the_one_that_the_records_make():
    assert (ROOT / "CONVENTIONS.md").read_text(encoding="utf-8") == table(), (
        "write it again: python -m bayesglm.spec.bridge.words > CONVENTIONS.md"
    )


@pytest.mark.parametrize(
    ("record", "families", "loss"), ROWS, ids=[f"{r.name} {f[0]}" for r, f, _ in ROWS]
)
def test_formulas_of_the_table_are_what_is_computed(record, families, loss):
    factor = 1.0 if getattr(record.form, "rescaled", False) else 0.9
    settings, weights = computed(record, families, factor)
    for name, text in weights_in_words(record, families, loss).items():
        weight = weights.two if name == "lam2" or not weights.has_one else weights.one
        assert evaluated(text, settings) == pytest.approx(weight, rel=1e-12), text
