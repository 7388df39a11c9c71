"""What importing costs, and that every public name is there, documented, and listed."""

import inspect
import json
import subprocess
import sys

import pytest

import bayesglm as bg

STANDARD = set(sys.stdlib_module_names)


def modules_after(code):
    """Top-level modules of no standard library that a fresh interpreter holds after ``code``."""
    program = f"import sys, json; before = set(sys.modules)\n{code}\n" + (
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout)) - STANDARD


def test_the_package_brings_no_library_with_it():
    assert modules_after("import bayesglm") == {"bayesglm"}


def test_saying_a_model_needs_no_library_either():
    code = """
import bayesglm as bg
model = bg.GLM("y", [bg.Lagged("x", lags=3, prior=bg.lasso(2.0)), bg.History(window=0.1)],
               family="poisson", prior=bg.ridge(1.0), dispersion=None)
assert bg.GLM.from_json(model.to_json()) == model
assert str(model) and hash(model)
try:
    bg.GLM("y", "x", family="poison")
except bg.ModelError:
    pass
"""
    assert modules_after(code) == {"bayesglm"}


def test_heavy_libraries_wait_for_their_first_use():
    code = """
import bayesglm as bg
bg.fit_map(bg.GLM("y", "x", family="poisson"), {"y": [1, 0, 2, 3], "x": [0.0, 0.4, 0.1, 1.0]})
"""
    loaded = modules_after(code)
    assert {"numpy", "xarray"} <= loaded
    assert not {"pymc", "pytensor", "nutpie", "matplotlib", "jinja2"} & loaded


def test_names_are_listed():
    assert sorted(bg.__all__) == sorted(set(bg.__all__))
    assert dir(bg) == sorted([*bg.__all__, "__version__"])
    assert set(bg._HOME) == set(bg.__all__)


@pytest.mark.parametrize("name", bg.__all__)
def test_every_name_is_there_and_documented(name):
    thing = getattr(bg, name)
    assert thing is getattr(bg, name)
    doc = inspect.getdoc(thing)
    assert doc
    assert doc.splitlines()[0].endswith(".")
    if inspect.isfunction(thing) or inspect.isclass(thing):
        assert thing.__name__ == name


@pytest.mark.parametrize("name", bg.__all__)
def test_names_for_type_checkers_are_those_of_the_package(name):
    text = inspect.getsource(bg)
    block = text.partition("if TYPE_CHECKING:")[2].partition("_HOME = ")[0]
    words = block.replace(",", " ").replace("(", " ").replace(")", " ").split()
    assert name in words


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert bg.__version__ == version("bayesglm")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'bayesglm' has no attribute 'GLMM'"):
        _ = bg.GLMM


def test_star_import_brings_the_public_names():
    space = {}
    exec("from bayesglm import *", space)
    assert set(bg.__all__) <= set(space)


def test_errors_form_one_family():
    assert issubclass(bg.DataError, bg.BayesGLMError)
    assert issubclass(bg.DataError, ValueError)
    assert issubclass(bg.ModelError, bg.BayesGLMError)
    assert issubclass(bg.ModelError, ValueError)
    assert issubclass(bg.ConvergenceError, bg.BayesGLMError)
    assert not issubclass(bg.ConvergenceError, ValueError)
    assert issubclass(bg.BayesGLMWarning, UserWarning)
    assert bg.ConvergenceError("stopped", "here").solution == "here"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("waic", r"no attribute 'waic'; write bayesglm.loo\(fit\)"),
        ("glm", "Did you mean 'GLM'"),
        ("Poisson", "no attribute 'Poisson'$"),
        ("fit_mcm", "Did you mean 'fit_mcmc'"),
        ("__wrapped__", "no attribute '__wrapped__'$"),
    ],
)
def test_names_that_are_not_there_say_what_to_write(name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(bg, name)
