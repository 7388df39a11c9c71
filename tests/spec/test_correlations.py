"""Effects that correlate, as models say them: one meaning, printed, kept in files, hashed."""

import pytest

import bayesglm as bg


def model_of(correlated=True, **options):
    return bg.GLM("y", ["x", bg.Group("g", slopes="x", correlated=correlated, **options)])


def test_true_is_the_uniform_prior():
    assert model_of(True) == model_of(bg.LKJ(1))
    assert hash(model_of(True)) == hash(model_of(bg.LKJ(1.0)))
    assert model_of(True) != model_of(False)
    assert model_of(True) != model_of(bg.LKJ(2))
    assert repr(bg.Group("g", slopes="x", correlated=True)).endswith("correlated=LKJ(1.0))")


@pytest.mark.parametrize("correlated", [True, False, bg.LKJ(0.5)])
def test_files_keep_them(correlated):
    model = model_of(correlated)
    assert bg.GLM.from_json(model.to_json()) == model


def test_they_are_printed_with_their_prior():
    rows = str(model_of(prior=bg.Normal(bg.HalfNormal(2.0)))).splitlines()
    assert "g_scale               ~ HalfNormal(2)       penalty g_scale²/(2·2²)" in rows
    assert "g_correlation         ~ LKJ(1)              no penalty" in rows
    other = str(model_of(bg.LKJ(2.5)))
    assert "g_correlation         ~ LKJ(2.5)            penalty (1 - 2.5)·log det g_corr" in other
    assert "correlation" not in str(model_of(False))


@pytest.mark.parametrize("eta", [0.0, -1.0, float("nan"), float("inf"), "1", [1.0, 2.0], None])
def test_no_prior(eta):
    with pytest.raises(bg.ModelError, match="LKJ eta must be"):
        bg.LKJ(eta)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bg.GLM("y", "x", prior=bg.LKJ(1.0)),
        lambda: bg.Linear("x", prior=bg.LKJ(1.0)),
        lambda: bg.GLM("y", "x", dispersion=bg.LKJ(1.0)),
        lambda: bg.Normal(bg.LKJ(1.0)),
    ],
)
def test_it_is_no_prior_of_anything_else(make):
    with pytest.raises(bg.ModelError, match=r"LKJ"):
        make()


def test_names_that_a_correlation_takes():
    with pytest.raises(bg.ModelError, match="'g_correlation'"):
        bg.GLM("y", [bg.Group("g", slopes="x", correlated=True), bg.Linear("g_correlation")])
