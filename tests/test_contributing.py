"""CONTRIBUTING's worked examples, followed to the letter in a copy of the repository.

Of the sections named "Adding a ..." every code block says, in the words before it, where it goes
(`PLACES`). The conformance tests must pass on what comes of it, and fail without any one block.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("bayesglm", "tests", "fuzz", "setup.cfg")
RECORDS = ("geometric", "Logistic", "Squared")


class Step(NamedTuple):
    """A code block: the section it stands in, the words that say where it goes, and its text."""

    section: str
    words: str
    code: str

    def follow(self, root):
        """Write the block where its words say."""
        for pattern, put in PLACES.items():
            said = re.search(pattern, self.words)
            if said:
                named = said.groupdict()
                path = root / named.pop("path")
                unlink_from_others(path)
                return put(path, self.code, **named)
        raise AssertionError(f"no place is said for the code block after {self.words!r}")


def unlink_from_others(path):
    """Give a file of several copies of the repository, if it is one, a text of its own."""
    if path.exists():
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)


def new_file(path, code):
    assert not path.exists()
    path.write_text(code)


def import_lines(path, code):
    """Put lines after the last import of a module."""
    text = path.read_text()
    last = [one for one in ast.parse(text).body if isinstance(one, ast.Import | ast.ImportFrom)][-1]
    put_after(path, text, last.end_lineno, code)


def import_lines_for_type_checkers(path, code):
    text = path.read_text()
    (block,) = [one for one in ast.parse(text).body if isinstance(one, ast.If)]
    put_after(path, text, block.body[-1].end_lineno, indent(code, "    "))


def put_after(path, text, line, code):
    lines = text.splitlines(keepends=True)
    path.write_text("".join([*lines[:line], code, *lines[line:]]))


def last_entry(path, code, table):
    """Put an entry at the end of a dict, list, tuple or union that a module calls ``table``."""
    text = path.read_text()
    (value,) = [one.value for one in ast.parse(text).body if table in names_of(one)]
    lines = text.splitlines(keepends=True)
    # ast counts columns in bytes.
    before = "".join(lines[: value.end_lineno - 1]).encode()
    end = len(before) + value.end_col_offset
    whole, entry = text.encode(), code.strip().rstrip(",").encode()
    if isinstance(value, ast.BinOp):
        path.write_bytes(whole[:end] + b" | " + entry + whole[end:])
        return
    head = whole[: end - 1].rstrip()
    comma = b"" if head.endswith((b",", b"(", b"[", b"{")) else b","
    path.write_bytes(head + comma + b"\n" + entry + b",\n" + whole[end - 1 :])


def names_of(statement):
    """Return what an assignment, plain, annotated or of a type, gives its value to."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        targets = [getattr(statement, "target", None) or getattr(statement, "name", None)]
    return [one.id for one in targets if isinstance(one, ast.Name)]


PLACES = {
    r"[Aa] new file, `(?P<path>[^`]+)`:$": new_file,
    r"mong the imports of `(?P<path>[^`]+)`:$": import_lines,
    r"mong the imports for type checkers of `(?P<path>[^`]+)`:$": import_lines_for_type_checkers,
    r"s the last entry of `(?P<table>\w+)` in `(?P<path>[^`]+)`:$": last_entry,
}


def steps():
    """Return every code block of the worked examples, in order."""
    found = []
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        if title.startswith("Adding a "):
            *before, _ = re.split(r"^```\n", body, flags=re.M)
            for part in before:
                words, _, code = part.partition("```python\n")
                found.append(Step(title, " ".join(words.split()), code))
    return found


STEPS = steps()


def copy_repository(root, original=ROOT, copy=shutil.copy2):
    root.mkdir(exist_ok=True)
    for name in COPIED:
        if (original / name).is_dir():
            shutil.copytree(original / name, root / name, copy_function=copy)
        else:
            copy(original / name, root / name)


def follow_all_but(missing, root):
    for step in STEPS:
        if step is not missing:
            step.follow(root)


def python(root, *arguments):
    """Run Python in a copy of the repository."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True
    )


def run_tests(root, *arguments):
    return python(root, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    root = tmp_path_factory.mktemp("followed")
    copy_repository(root)
    follow_all_but(None, root)
    return root


CONFORMANCE = (
    "tests/test_tables.py",
    "tests/test_every_term.py",
    "tests/test_import.py",
    "tests/test_fuzz.py",
    "tests/spec/test_records.py",
    "tests/design/test_resolve.py",
    "tests/numerics/families/test_families.py",
    "tests/testing/test_check_family.py",
    "tests/numerics/priors/test_priors.py",
    "tests/numerics/density/test_objective.py",
    "tests/numerics/solvers/test_active.py",
    "tests/numerics/solvers/test_newton.py",
    "tests/inference/test_map.py",
    "tests/inference/twin/test_engines.py",
)


@pytest.mark.slow
def test_the_worked_examples_pass_every_conformance_test(followed):
    chosen = " or ".join(RECORDS)
    done = run_tests(followed, *CONFORMANCE, "-k", f"({chosen} or tables) and not random")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in RECORDS:
        assert len(re.findall(rf"{name}.* PASSED", done.stdout)) > 5


USED = """
import bayesglm as bg
assert bg.__file__.startswith({root!r})
x = [k / 10 for k in range(-20, 20)]
data = {{"y": [round(2 + v * v) for v in x], "x": x, "time": [0.1 * k for k in range(40)]}}
term = bg.Squared("x", prior=bg.Logistic(0.5))
model = bg.GLM("y", term, family="geometric")
assert bg.GLM.from_json(model.to_json()) == model
fitted = bg.fit(model, data, draws=50, chains=2)
print(open(bg.report({{"squares": fitted}}, "report.html")).read())
print(bg.to_pymc(model, data).observed_RVs)
"""


@pytest.mark.slow
def test_report_json_and_twin_know_the_examples(followed):
    done = python(followed, "-W", "ignore", "-c", USED.format(root=str(followed)))
    assert done.returncode == 0, done.stderr
    for words in ("Geometric(exp(eta[i]))", "Logistic(0, 0.5)", "x_squared·x[i]²", "[y]"):
        assert words in done.stdout


@pytest.mark.slow
def test_the_shell_takes_the_examples(followed):
    (followed / "data.csv").write_text("x,y\n" + "".join(f"{k / 9},{k % 4}\n" for k in range(30)))
    options = ("--response", "y", "--squared", "x", "--family", "geometric", "--map")
    done = python(followed, "-m", "bayesglm", "fit", "data.csv", *options)
    assert done.returncode == 0, done.stderr
    assert "y[i] ~ Geometric(exp(eta[i]))" in done.stdout


# Run for many copies at once, since it is the libraries that take long to import.
TABLES = """
import os, sys
import hypothesis, mpmath, pandas, pytest, scipy.stats, xarray
for root in sys.argv[1:]:
    if not os.fork():
        os.chdir(root)
        sys.path[:0] = [root, os.path.join(root, "tests")]
        failed = []
        try:
            import test_tables
            for name in [name for name in vars(test_tables) if name.startswith("test_")]:
                try:
                    vars(test_tables)[name]()
                except AssertionError as error:
                    failed.append(f"{name}: {error}")
        except Exception as error:
            failed = [repr(error), "imports"]
        print(*failed, sep="\\n", file=open("failed.txt", "w"))
        os._exit(0)
    os.wait()
"""


@pytest.mark.slow
def test_a_missing_step_is_noticed(tmp_path):
    original = tmp_path / "original"
    copy_repository(original)
    roots = [tmp_path / str(k) for k in range(len(STEPS))]
    for root, missing in zip(roots, STEPS, strict=True):
        copy_repository(root, original, os.link)
        follow_all_but(missing, root)
    done = python(tmp_path, "-c", TABLES, *map(str, roots))
    assert done.returncode == 0, done.stderr
    for root, missing in zip(roots, STEPS, strict=True):
        failed = (root / "failed.txt").read_text().splitlines()
        assert failed, missing.words
        example = re.search("`(tests/.*?)`", missing.words)
        if example:
            (told,) = failed
            assert told.endswith(example[1])


@pytest.mark.slow
def test_a_family_of_ones_own_is_registered_proved_and_fitted():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.partition("## A family of one's own\n")[2].partition("\n## ")[0]
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", section, flags=re.M | re.S))
    assert "check_family" in code
    done = python(ROOT, "-W", "ignore", "-c", code)
    assert done.returncode == 0, done.stderr


def test_every_code_block_of_the_worked_examples_has_its_place():
    assert {step.section for step in STEPS} == {
        "Adding a family",
        "Adding a prior",
        "Adding a term",
    }
    for step in STEPS:
        assert any(re.search(place, step.words) for place in PLACES), step.words
