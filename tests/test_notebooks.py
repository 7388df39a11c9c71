"""The lessons keep what makes a lesson good, run from top to bottom, and are stored as they run."""

import copy
import re

import nbformat
import pytest
from lessons import CRITERIA, MAP, Lesson, broken, read

from tools.notebooks import LIST, WIDGET, canonical, contents, paths, run

NOTEBOOKS = paths()
MOST_BYTES = 700_000
WHOLE = NOTEBOOKS[5]  # the one that is broken in every way
BREAKS = [
    pytest.param(one.holds, how, id=f"{one.holds.__name__}-{k}")
    for one in CRITERIA
    for k, how in enumerate(one.breaks)
]


def test_there_are_ten_lessons():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{k:02d}" for k in range(10)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_meets_every_criterion(path):
    lesson = read(path)
    assert [one.holds.__name__ for one in CRITERIA if not one.holds(lesson)] == []


@pytest.mark.parametrize(("holds", "how"), BREAKS)
def test_a_lesson_that_is_broken_fails_its_criterion(holds, how):
    assert holds(read(WHOLE))
    assert not holds(broken(WHOLE, how))


def test_every_criterion_is_broken_in_some_way():
    assert all(one.breaks for one in CRITERIA)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_is_stored_in_one_form(path):
    assert path.stat().st_size < MOST_BYTES
    stored = nbformat.read(path, as_version=4)
    again = canonical(copy.deepcopy(stored), path.stem)
    assert [dict(cell) for cell in stored.cells] == [dict(cell) for cell in again.cells]
    assert stored.metadata == again.metadata


def test_what_differs_from_run_to_run_is_not_stored():
    def ran(name, count):
        cell = nbformat.v4.new_code_cell("page", id=f"random-{name}", execution_count=count)
        cell.metadata = nbformat.from_dict({"execution": {"shell.execute_reply": name}})
        picture = {"image/png": "iVBORw0KGgo=", "text/html": f"<iframe>{name}</iframe>"}
        cell.outputs = [
            nbformat.v4.new_output("display_data", {WIDGET: {"model_id": name}, "text/plain": ""}),
            nbformat.v4.new_output("execute_result", picture, execution_count=count),
            nbformat.v4.new_output("stream", text="0.5\n"),
        ]
        return nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": name})

    first, other = canonical(ran("a", 3), "05_x"), canonical(ran("b", 8), "05_x")
    assert first == other
    picture, printed = first.cells[-1].outputs
    assert set(picture["data"]) == {"image/png"}
    assert picture["execution_count"] == first.cells[-1].execution_count == 2
    assert printed["text"] == "0.5\n"


def test_the_map_names_every_lesson_and_section_that_there_is():
    named = set(re.findall(r"\((\d\d_[a-z_]+)\.ipynb\)", MAP))
    assert named == {path.stem for path in NOTEBOOKS}
    assert MAP.partition(f"{LIST}\n\n")[2] == contents()


def test_the_day_is_mapped_to_sections_and_exercises_that_there_are():
    there = set()
    for path in NOTEBOOKS:
        lesson, number = read(path), int(path.stem[:2])
        there |= {(number, title.split(" ")[0]) for title in lesson.sections}
        there |= {(number, f"exercise {k + 1}") for k in range(len(lesson.stubs))}
    rows = re.findall(r"^\| (.+) \| (.+) \|$", MAP.partition("section by section")[2], re.MULTILINE)
    ours = [places for _, places in rows if "lesson" in places]
    assert len(ours) == len(rows) - 1 >= 20  # but the header
    for places in ours:
        for place in re.split(r"; (?=lesson)", places):
            number = int(re.match(r"lesson (\d)", place)[1])
            spoken = re.findall(r"\b\d\.\d\b|exercise \d", place)
            assert spoken
            assert {(number, one) for one in spoken} <= there


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
