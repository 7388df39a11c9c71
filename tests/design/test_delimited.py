"""Delimited text: what was written is read, and all else is refused with its line."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.delimited import read_delimited


def read(tmp_path, text, *numbers, name="data.csv", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_delimited(path, numbers, **options)


RIGHT = {
    "plain": ("y,x\n1,0.5\n2,1e3\n", {}, [0.5, 1e3]),
    "no last line end": ("y,x\n1,0.5\n2,1000", {}, [0.5, 1000]),
    "carriage returns": ("y,x\r\n1,0.5\r\n2,1000\r\n", {}, [0.5, 1000]),
    "old line ends": ("y,x\r1,0.5\r2,1000\r", {}, [0.5, 1000]),
    "byte order mark": ("\ufeffx,y\n0.5,1\n7,2\n", {}, [0.5, 7]),
    "byte order mark, said": ("\ufeffx,y\n0.5,1\n7,2\n", {"encoding": "utf-8"}, [0.5, 7]),
    "quoted numbers": ('"y","x"\n"1","0.5"\n"2","7"\n', {}, [0.5, 7]),
    "spaces": ("y,x\n1, 0.5\n2, 7 \n", {}, [0.5, 7]),
    "empty lines": ("\n\ny,x\n\n1,0.5\n   \n2,7\n\n", {}, [0.5, 7]),
    "semicolons": ("y;x\n1;0.5\n2;7\n", {"sep": ";"}, [0.5, 7]),
    "tabs": ("y\tx\n1\t0.5\n2\t7\n", {"sep": "tab"}, [0.5, 7]),
    "tabs as typed": ("y\tx\n1\t0.5\n2\t7\n", {"sep": "\\t"}, [0.5, 7]),
    "decimal commas": ("y;x\n1;0,5\n2;7\n", {"decimal": ","}, [0.5, 7]),
    "quoted decimal commas": ('y,x\n1,"0,5"\n2,7\n', {"decimal": ",", "sep": ","}, [0.5, 7]),
    "commas at every end": ("y,x,\n1,0.5,\n2,7,\n", {}, [0.5, 7]),
    "row labels of pandas": (",y,x\n0,1,0.5\n1,2,7\n", {}, [0.5, 7]),
    "columns numbered by pandas": ("0,x\n1,0.5\n2,7\n", {}, [0.5, 7]),
    "separators in quotes": ('y,x,g\n1,0.5,"a, b"\n2,7,"c\nd"\n', {}, [0.5, 7]),
    "whole numbers": ("y,x\n1,+5\n2,-7\n", {}, [5, -7]),
    "latin": ("y,x,été\n1,0.5,0\n2,7,0\n".encode("latin-1"), {"encoding": "latin-1"}, [0.5, 7]),
    "utf-16": ("y,x\n1,0.5\n2,7\n".encode("utf-16"), {"encoding": "utf-16"}, [0.5, 7]),
}


@pytest.mark.parametrize(("text", "options", "x"), RIGHT.values(), ids=RIGHT.keys())
def test_what_is_read(tmp_path, text, options, x):
    frame = read(tmp_path, text, "x", **options)
    assert frame["x"].tolist() == x
    assert "" not in frame.columns


WRONG = {
    "long row": ("y,x\n1,2\n1,2,3\n", {}, r"line 3: 3 cells, where the header has 2; cells that"),
    "every row longer": ("y,x\na,1,2\nb,2,3\n", {}, "line 2: 3 cells.* row labels a column"),
    "comma at ends of rows": ("y,x\n1,2,\n2,3,\n", {}, "line 2: 3 .*last is empty; remove the sep"),
    "short row": ("y,x\n1,2\n1\n2,3\n", {}, "line 3: 1 cells, where the header has 2; fill"),
    "short row after empty lines": ("y,x\n\n1,2\n\n1\n", {}, "line 5: 1 cells"),
    "short row after a tall one": ('y,x\n1,"2\n"\n1\n', {}, "line 4: 1 cells"),
    "unquoted decimal commas": ("y,x\n1,0,5\n", {}, "line 2: 3 cells.*decimal commas another"),
    "duplicate header": ("x,y,x\n1,2,3\n", {}, "line 1: columns 1 and 3 are both named 'x'; ren"),
    "no header": ("1,2\n3,4\n", {}, r"line 1: the names .* numbers \(1, 2\).*no header; give"),
    "numbers for names": ("0.5,1,2\n3,4,5\n", {}, "line 1: the names of the columns are numbers"),
    "header only": ("y,x\n", {}, "line 1: no row follows the header"),
    "nothing": ("", {}, "line 1: the file is empty"),
    "empty lines only": ("\n\n \n", {}, "line 1: the file is empty"),
    "names of nothing": (",\n1,2\n", {}, "line 1: the header names no column"),
    "a column without a name": ("y,,x\n1,,2\n1,5,2\n", {}, "line 3: column 2 holds '5'.*no name"),
    "another separator": (
        "y;x\n1;2\n",
        {},
        r"line 1: the header is one column, 'y;x'; say sep ';'",
    ),
    "tabs": ("y\tx\n1\t2\n", {}, "say sep 'tab'"),
    "commas and a decimal comma": ("y,x\n1,2\n", {"decimal": ","}, "say sep ','"),
    "one dash": ("y,x\n1,2\n3,-\n", {}, "line 3: column 'x' holds '-', which is no number; cor"),
    "a word late": ("y,x\n1,2\n3,4\n5,a\n6,7\n", {}, "line 4: column 'x' holds 'a'"),
    "a number among words": (
        "y,x\n1,a\n3,2\n",
        {},
        "line 2: column 'x' holds 'a', which is no num",
    ),
    "numbers with signs": ("y,x\n1,5%\n3,7%\n", {}, "line 2: column 'x' holds '5%', which is no n"),
    "missing": ("y,x\n1,2\n3,\n", {}, r"line 3: column 'x' lacks a value \(''\); remove"),
    "not available": ("y,x\n1,NA\n3,4\n", {}, r"line 2: column 'x' lacks a value \('NA'\)"),
    "thousands": ('y,x\n1,2\n3,"1,234"\n', {}, "line 3: .*'1,234'.* decimal sign '.'.*thousands"),
    "dots of thousands": ("y;x\n1;2\n3;1.234\n", {"decimal": ","}, "'1.234'.* decimal sign ','"),
    "underscores": ("y,x\n1,1_000\n", {}, "line 2: column 'x' holds '1_000'"),
    "per cent": ("y,x\n1,5%\n2,3\n", {}, "line 2: column 'x' holds '5%'"),
    "open quotation": ('y,x\n1,"2\n3,4\n', {}, "line 2: unexpected end of data; a quotation mark"),
    "quotation inside": ('y,x\n1,"2"3\n', {}, "line 2: .*expected after.*quotation mark"),
    "a huge cell": ("y,x\n1," + 200_000 * "2" + "\n", {}, "line 2: field larger than field limit"),
    "latin as utf-8": ("y,x\n1,2\né,3\n".encode("latin-1"), {}, "line 3: the text is not UTF-8"),
    "utf-16 as utf-8": ("y,x\n1,2\n".encode("utf-16"), {}, "not UTF-8 text; say encoding utf-16"),
    "packed": (gzip.compress(b"y,x\n1,2\n"), {}, r"packed by gzip; name it data\.csv\.gz"),
    "binary": (bytes(range(256)), {}, "the text is not UTF-8"),
    "unknown encoding": ("y,x\n1,2\n", {"encoding": "utf-99"}, "unknown encoding 'utf-99'; say"),
    "no encoding of text": ("y,x\n1,2\n", {"encoding": "base64"}, "unknown encoding 'base64'"),
    "two separators": ("y,x\n1,2\n", {"sep": ",;"}, "sep must be one sign .* got ',;'"),
    "no separator": ("y,x\n1,2\n", {"sep": ""}, "sep must be one sign"),
    "a digit as separator": ("y,x\n1,2\n", {"sep": "1"}, "sep must be one sign"),
    "a word as decimal": ("y,x\n1,2\n", {"decimal": "comma"}, "decimal must be one sign"),
}


@pytest.mark.parametrize(("text", "options", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_refused(tmp_path, text, options, message):
    with pytest.raises(bg.DataError, match=message):
        read(tmp_path, text, "x", **options)


def test_kinds_of_columns(tmp_path):
    text = "n,f,t,g,m,k\n1,1,True,a,,007\n2,2.5,FALSE,b,3,010\n"
    frame = read(tmp_path, text)
    assert frame["n"].dtype == np.int64
    assert frame["f"].dtype == np.float64
    assert frame["t"].tolist() == [True, False]
    assert frame["g"].tolist() == ["a", "b"]
    assert frame["m"].isna().tolist() == [True, False]
    assert frame["k"].tolist() == [7, 10]
    large = read(tmp_path, f"n,x\n{2**63},1\n3,2\n")
    assert large["n"].tolist() == [2.0**63, 3.0]


def test_row_labels_are_the_index(tmp_path):
    frame = read(tmp_path, ",y\nb,1\na,2\n")
    assert frame.index.tolist() == ["b", "a"]


def test_packed_files(tmp_path):
    text = b"y,x\n1,0.5\n2,7\n"
    packed = {"gz": gzip.compress(text), "bz2": bz2.compress(text), "xz": lzma.compress(text)}
    for ending, content in packed.items():
        assert read(tmp_path, content, "x", name=f"a.csv.{ending}")["x"].tolist() == [0.5, 7]
        with pytest.raises(bg.DataError, match="cannot be read as CSV"):
            read(tmp_path, content[:-6], "x", name=f"b.csv.{ending}")
        with pytest.raises(bg.DataError, match="cannot be read as CSV"):
            read(tmp_path, text, "x", name=f"c.csv.{ending}")
    with zipfile.ZipFile(tmp_path / "d.csv.zip", "w") as archive:
        archive.writestr("d.csv", text)
    assert read_delimited(tmp_path / "d.csv.zip", ["x"])["x"].tolist() == [0.5, 7]
    with zipfile.ZipFile(tmp_path / "d.csv.zip", "a") as archive:
        archive.writestr("e.csv", text)
    with pytest.raises(bg.DataError, match="holds 2 files"):
        read_delimited(tmp_path / "d.csv.zip", ["x"])


NAMES = st.text("abxyzäω ;,.|_-'\"1", min_size=1, max_size=5).map(lambda name: f"v{name}")
CELLS = {
    "floats": st.floats(allow_nan=False, allow_infinity=False),
    "whole": st.integers(-(2**62), 2**62),
    "words": st.text("abcäω ;,|'\"\n1.", min_size=1, max_size=6).map(lambda word: f"w{word}"),
    "truths": st.booleans(),
}


@st.composite
def frames(draw):
    n = draw(st.integers(1, 6))
    names = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    kinds = [draw(st.sampled_from(sorted(CELLS))) for _ in names]
    return pd.DataFrame(
        {
            name: draw(st.lists(CELLS[kind], min_size=n, max_size=n))
            for name, kind in zip(names, kinds, strict=True)
        }
    )


@given(frames(), st.sampled_from([",", ";", "\t", "|", ":"]), st.sampled_from([".", ","]))
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_frame_that_pandas_writes_is_read_back(tmp_path, frame, sep, decimal):
    if sep == decimal:
        sep = ";"
    for index in (False, True):
        frame.to_csv(tmp_path / "any.csv", sep=sep, decimal=decimal, index=index)
        found = read_delimited(tmp_path / "any.csv", sep=sep, decimal=decimal)
        pd.testing.assert_frame_equal(found, frame, check_index_type=False)


@given(st.binary(max_size=200), st.sampled_from([",", ";", "\t", " "]))
@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_are_a_frame_or_a_data_error(tmp_path, content, sep):
    for name in ("any.csv", "any.csv.gz"):
        try:
            assert len(read(tmp_path, content, "x", name=name, sep=sep))
        except bg.DataError:
            pass
