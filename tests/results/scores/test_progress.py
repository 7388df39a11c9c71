"""Progress of scores: seen at a terminal, once, by nobody else."""

import pytest
from terminal import read_terminal

from bayesglm.results.scores.progress import progress


def score(after):
    with progress("outer", 3, "folds", after) as advance:
        for _ in range(3):
            with progress("inner", 1, "refits", after) as within:
                within()
            advance(words="two refits")


def test_a_terminal_sees_one_line_and_a_file_none(capfd):
    shown = read_terminal(lambda: score(0.0))
    assert "outer: 3 of 3 folds, two refits" in shown
    assert "inner" not in shown
    assert shown.count("\n") == 1
    assert not read_terminal(lambda: score(60.0))
    capfd.readouterr()
    score(0.0)
    assert capfd.readouterr() == ("", "")


def test_threads_end_with_the_score():
    with progress("loo", 2, "samples") as advance:
        advance()
    with pytest.raises(KeyboardInterrupt):
        advance()
