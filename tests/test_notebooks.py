"""The lessons keep what makes a lesson good, run from top to bottom, and are stored as they run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest

from tools.notebooks import BADGES, FOLDER, INSTALL, canonical, paths, run

NOTEBOOKS = paths()
MOST_LINES = 150  # of code on show
MOST_BYTES = 1_200_000
STUB = "...  # yours"
INTERACTIVE = ("00", "01", "02", "04", "05", "06", "07", "09")  # whose figures move
SECTION = re.compile(r"^## (▶ )?(\d\.\d .+|The answer)$", re.MULTILINE)
MAP = (FOLDER / "README.md").read_text(encoding="utf-8")


class Lesson(NamedTuple):
    """A notebook's name and its cells but the two that every notebook begins with."""

    stem: str
    cells: list[Any]

    @property
    def text(self) -> str:
        return "\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @property
    def first(self) -> str:
        return self.cells[0].source

    @property
    def folded(self) -> str:
        return "\n".join(cell.source for cell in self.of_code if is_folded(cell))

    @property
    def code(self) -> str:
        return "\n".join(cell.source for cell in self.of_code)

    @property
    def of_code(self) -> list[Any]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def outputs(self) -> list[Any]:
        return [out for cell in self.of_code for out in cell.outputs]

    @property
    def said(self) -> str:
        return "".join(out["text"] for out in self.outputs if out.output_type == "stream")

    @property
    def pictures(self) -> list[Any]:
        return [out for out in self.outputs if "image/png" in out.get("data", {})]

    @property
    def stubs(self) -> list[int]:
        return [k for k, cell in enumerate(self.cells) if STUB in cell.source]

    @property
    def solutions(self) -> list[str]:
        return [
            cell.source.split("```python\n")[1].split("```")[0]
            for cell in self.cells
            if "<summary>Solution" in cell.source and "```python" in cell.source
        ]

    @property
    def sections(self) -> list[str]:
        return [found[1] for found in SECTION.findall(self.text)]


def is_folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def read(path: Path) -> Lesson:
    cells = nbformat.read(path, as_version=4).cells
    return Lesson(path.stem, [cell for cell in cells if cell.id not in (BADGES, INSTALL)])


def opens_with_a_question(lesson):
    return "**The question:**" in lesson.first and "?*" in lesson.first


def ends_with_a_number(lesson):
    heads = [k for k, cell in enumerate(lesson.cells) if SECTION.search(cell.source)]
    after = lesson.cells[heads[-1] :]
    told = "".join(
        out["text"] for cell in after if cell.cell_type == "code" for out in cell.outputs
    )
    return bool(re.search(r"\d", told)) and any("assert" in cell.source for cell in after)


def says_time_and_needs(lesson):
    wanted = ("**Time:**", "minutes", "20-minute path", "**You need:**", "offline in about")
    return all(words in lesson.first for words in wanted)


def marks_the_short_path(lesson):
    return sum("▶" in mark for mark, _ in SECTION.findall(lesson.text)) >= 3


def shows_little_code(lesson):
    shown = [cell.source for cell in lesson.of_code if not is_folded(cell)]
    return sum(bool(line.strip()) for one in shown for line in one.splitlines()) <= MOST_LINES


def asks_for_predictions(lesson):
    return lesson.text.count("> **Predict:**") >= 3


def has_exercises_in_the_middle(lesson):
    n, stubs = len(lesson.cells), lesson.stubs
    sections = [k for k, cell in enumerate(lesson.cells) if SECTION.search(cell.source)]
    return (
        len(stubs) == len(lesson.solutions) >= 3
        and all(sections[0] < k < sections[-1] < n for k in stubs)
        and all(lesson.text.count(f"### Exercise {k + 1}") == 1 for k in range(len(stubs)))
    )


def stubs_wait_for_an_answer(lesson):
    k = len(lesson.stubs)
    return all(f"exercise {j + 1} is not answered yet" in lesson.said for j in range(k))


def folds_its_solutions(lesson):
    return lesson.text.count("<details><summary>Solution") == len(lesson.solutions)


def checks_exercises(lesson):
    tests = [f"def check_{k + 1}(" in lesson.folded for k in range(len(lesson.stubs))]
    return all(tests) and not any(
        "def check_" in c.source for c in lesson.of_code if not is_folded(c)
    )


def asserts_what_it_states(lesson):
    return lesson.folded.count("assert ") >= 10


def sets_penalty_beside_prior(lesson):
    tables = [part for part in lesson.text.split("\n\n") if part.lstrip().startswith("|")]
    return any("penalty" in table and "prior" in table for table in tables)


def shows_map_is_the_penalised_optimum(lesson):
    return "MAP is the penalised optimum" in lesson.text + lesson.code


def predicts_before_and_after(lesson):
    words = (lesson.text + lesson.code).lower()
    before = re.search(r"before (the|a) (fit|data)|prior[ _]predictive|before any data", words)
    after = re.search(
        r"after the fit|posterior[ _]predictive|plot_predictive|replica|simulat", words
    )
    return before is not None and after is not None


def gives_intervals_and_errors(lesson):
    return "94%" in lesson.said and "SE" in lesson.said and "±" in lesson.said


def knows_the_truth_first(lesson):
    words = lesson.text.lower()
    return (
        min(words.find(one) for one in ("truth", "we know", "simulat") if one in words)
        < len(words) / 2
    )


def repairs_a_misconception(lesson):
    heading = re.search(r"^### (▶ )?A misconception: ", lesson.text, re.MULTILINE)
    return heading is not None and "epaired" in lesson.text


def says_what_it_cannot_tell(lesson):
    return "> **What this cannot tell.**" in lesson.text


def moves_over_a_figure_that_stands_still(lesson):
    if lesson.stem[:2] not in INTERACTIVE:
        return True
    widget = next(k for k, cell in enumerate(lesson.cells) if "ipywidgets.inter" in cell.source)
    return any("show(" in cell.source for cell in lesson.cells[max(0, widget - 6) : widget + 1])


def tells_its_pictures_in_words(lesson):
    told = [out.metadata.get("image/png", {}).get("alt", "") for out in lesson.pictures]
    of_pages = [out for out in lesson.outputs if "text/html" in out.get("data", {})]
    drawn = [words for words, out in zip(told, lesson.pictures, strict=True) if out not in of_pages]
    return len(drawn) >= 3 and all(len(words) > 40 for words in drawn)


def asks_for_feedback(lesson):
    asked = re.findall(r'feedback\("(.+?)"\)', lesson.folded)
    wanted = [one.replace('"', "'") for one in lesson.sections]
    return asked in (wanted, wanted[:-1])


def has_run_in_order(lesson):
    errors = [out for out in lesson.outputs if out.output_type == "error"]
    cried = [out for out in lesson.outputs if out.get("name") == "stderr"]
    return not errors and not cried and all(cell.execution_count for cell in lesson.of_code)


def names_no_machine(lesson):
    told = lesson.said + "".join(cell.source for cell in lesson.cells)
    return not re.search(r"/home/|/root/|/tmp/|/work/|/Users/|[A-Z]:\\\\", told)


def is_in_the_map(lesson):
    return f"]({lesson.stem}.ipynb)" in MAP


CRITERIA: tuple[Callable[[Lesson], bool], ...] = (
    opens_with_a_question,
    ends_with_a_number,
    says_time_and_needs,
    marks_the_short_path,
    shows_little_code,
    asks_for_predictions,
    has_exercises_in_the_middle,
    stubs_wait_for_an_answer,
    folds_its_solutions,
    checks_exercises,
    asserts_what_it_states,
    sets_penalty_beside_prior,
    shows_map_is_the_penalised_optimum,
    predicts_before_and_after,
    gives_intervals_and_errors,
    knows_the_truth_first,
    repairs_a_misconception,
    says_what_it_cannot_tell,
    moves_over_a_figure_that_stands_still,
    tells_its_pictures_in_words,
    asks_for_feedback,
    has_run_in_order,
    names_no_machine,
    is_in_the_map,
)


def test_there_are_ten_lessons():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{k:02d}" for k in range(10)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_meets_every_criterion(path):
    lesson = read(path)
    assert [one.__name__ for one in CRITERIA if not one(lesson)] == []


# What breaks each criterion: a change of a whole lesson's text, wherever it stands in a cell.
BREAKS = {
    "opens_with_a_question": ("**The question:**", "**The topic:**"),
    "says_time_and_needs": ("**You need:**", "**Nice:**"),
    "marks_the_short_path": ("▶ ", ""),
    "asks_for_predictions": ("> **Predict:**", "> **Note:**"),
    "has_exercises_in_the_middle": ("...  # yours", "pass"),
    "folds_its_solutions": ("<details><summary>Solution", "<details open><summary>Solution"),
    "checks_exercises": ("def check_2(", "def try_2("),
    "asserts_what_it_states": ("assert ", "print "),
    "sets_penalty_beside_prior": ("penalty", "cost"),
    "shows_map_is_the_penalised_optimum": ("penalised optimum", "optimum"),
    "repairs_a_misconception": ("### A misconception", "### A thought"),
    "says_what_it_cannot_tell": ("What this cannot tell", "What this tells"),
    "asks_for_feedback": ("feedback(", "print("),
    "names_no_machine": ("import numpy", "# /home/me\nimport numpy"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_lesson_that_is_broken_fails_its_criterion(name):
    old, new = BREAKS[name]
    cells = read(NOTEBOOKS[5]).cells
    for cell in cells:
        cell.source = cell.source.replace(old, new)
    criterion = next(one for one in CRITERIA if one.__name__ == name)
    assert criterion(read(NOTEBOOKS[5]))
    assert not criterion(Lesson(NOTEBOOKS[5].stem, cells))


def test_outputs_that_are_broken_fail_their_criteria():
    lesson = read(NOTEBOOKS[5])
    for cell in lesson.of_code:
        for out in cell.outputs:
            if out.output_type == "stream":
                out["text"] = out["text"].replace("±", "").replace("not answered", "answered")
            out.metadata = {}
    lesson.of_code[-1].outputs = []
    lesson.of_code[-2].outputs = []
    lesson.of_code[3].execution_count = None
    failed = {one.__name__ for one in CRITERIA if not one(lesson)}
    assert failed == {
        "ends_with_a_number",
        "stubs_wait_for_an_answer",
        "gives_intervals_and_errors",
        "tells_its_pictures_in_words",
        "has_run_in_order",
    }
    long = nbformat.v4.new_code_cell("x = 1\n" * 120)
    assert not shows_little_code(Lesson("05", [*lesson.cells, long]))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_is_stored_in_one_form(path):
    assert path.stat().st_size < MOST_BYTES
    stored = nbformat.read(path, as_version=4)
    again = canonical(nbformat.read(path, as_version=4), path.stem)
    assert [dict(cell) for cell in stored.cells] == [dict(cell) for cell in again.cells]
    assert stored.metadata == again.metadata


def test_the_map_names_every_lesson_and_section_that_there_is():
    named = set(re.findall(r"\((\d\d_[a-z_]+)\.ipynb\)", MAP))
    assert named == {path.stem for path in NOTEBOOKS}
    there = {one.split(" ")[0] for path in NOTEBOOKS for one in read(path).sections}
    spoken = set(re.findall(r"\b\d\.\d\b", MAP))
    assert spoken <= there


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_runs_clean_with_its_exercises_solved(path):
    notebook = nbformat.read(path, as_version=4)
    lesson = Lesson(path.stem, notebook.cells)
    for k, solution in zip(lesson.stubs, lesson.solutions, strict=True):
        notebook.cells[k].source += f"\n\n{solution}"
    # An error here fails the notebook: a warning nobody explains is a fault in teaching.
    strict = nbformat.v4.new_code_cell(
        "import warnings; warnings.simplefilter('error')\n"
        "# Jupyter's kernel warns of its own shutdown.\n"
        "warnings.simplefilter('ignore', PendingDeprecationWarning)"
    )
    notebook.cells.insert(0, strict)
    run(notebook)
    lesson = Lesson(path.stem, notebook.cells)
    assert not [out["text"] for out in lesson.outputs if out.get("name") == "stderr"]
    for k in range(len(lesson.solutions)):
        assert f"exercise {k + 1} is right" in lesson.said
