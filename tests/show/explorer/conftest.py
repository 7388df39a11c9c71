"""The explorer's numbers in a JavaScript engine, which is closed when the tests are done."""

import json
from importlib.resources import files

import pytest
from py_mini_racer import MiniRacer


@pytest.fixture(scope="module")
def call():
    """Return what calls the functions of the explorer's script by name."""
    with MiniRacer() as engine:
        engine.eval((files("bayesglm") / "show" / "explorer" / "numbers.js").read_text())

        def called(name, *arguments):
            given = ",".join(json.dumps(one) for one in arguments)
            return json.loads(engine.eval(f"JSON.stringify(explorer.{name}({given}))"))

        yield called
