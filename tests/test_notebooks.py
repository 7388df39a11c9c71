"""Every notebook runs from top to bottom, offline, without a warning, its exercises solved."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
# Those in which students write the method, and folded cells hold what is no lesson.
WRITTEN_ANEW = [path for path in NOTEBOOKS if path.stem[:2] in ("02", "03")]
MOST_LINES = 150  # of code on show
NAMES = [path.stem for path in WRITTEN_ANEW]


def test_there_are_notebooks():
    assert NOTEBOOKS
    assert WRITTEN_ANEW


def is_folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


@pytest.mark.parametrize("path", WRITTEN_ANEW, ids=NAMES)
def test_little_code_is_on_show(path):
    cells = nbformat.read(path, as_version=4).cells
    shown = [cell.source for cell in cells if cell.cell_type == "code" and not is_folded(cell)]
    lines = [line for source in shown for line in source.splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("path", WRITTEN_ANEW, ids=NAMES)
def test_every_picture_is_told_in_words(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) >= 5
    assert all(len(out.metadata.get("image/png", {}).get("alt", "")) > 20 for out in pictures)


def exercises_of(cells):
    """The cells that students complete, and the code of the solutions that follow them."""
    solutions = [
        cell.source.split("```python\n")[1].split("```")[0]
        for cell in cells
        if "<summary>Solution" in cell.source and "```python" in cell.source
    ]
    return [cell for cell in cells if "...  # yours" in cell.source], solutions


@pytest.mark.parametrize("path", WRITTEN_ANEW, ids=NAMES)
def test_three_exercises_wait_for_an_answer(path):
    cells = nbformat.read(path, as_version=4).cells
    stubs, solutions = exercises_of(cells)
    assert len(stubs) == len(solutions) == 3
    assert [f"exercise {k} is not answered yet" in said(cells) for k in (1, 2, 3)] == [True] * 3


def said(cells):
    """All that code cells have printed."""
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    return "".join(out["text"] for out in outputs if out.output_type == "stream")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_clean(path):
    notebook = nbformat.read(path, as_version=4)
    stubs, solutions = exercises_of(notebook.cells) if path in WRITTEN_ANEW else ([], [])
    for cell, solution in zip(stubs, solutions, strict=True):
        cell.source += f"\n\n{solution}"
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    # An error here fails the notebook: a warning nobody explains is a fault in teaching.
    strict = nbformat.v4.new_code_cell(
        "import warnings; warnings.simplefilter('error')\n"
        "# Jupyter's kernel warns of its own shutdown.\n"
        "warnings.simplefilter('ignore', PendingDeprecationWarning)"
    )
    notebook.cells.insert(0, strict)
    client.execute()
    complaints = [
        output["text"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not complaints
    for k in range(len(stubs)):
        assert f"exercise {k + 1} is right" in said(notebook.cells)
