"""Every notebook runs from top to bottom, offline, without a warning, and says what it said."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_clean(path):
    notebook = nbformat.read(path, as_version=4)
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
