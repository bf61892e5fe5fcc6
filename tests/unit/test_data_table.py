"""Tables of images and labels, in four formats; nothing outside their folder is named, and no row is guessed at."""

import json
import os

import pyarrow as pa
import pytest
from pyarrow import parquet

from glyphline.data import table
from glyphline.data.listing import ListedImage
from glyphline.errors import DataError
from glyphline.params.schema import ColumnParams

NONE = dict.fromkeys(("image", "label", "split", "group"))
ROWS = [
    {"file_name": "a/1.png", "label": "01", "split": "train", "patient": "p1"},
    {"file_name": "a/2.png", "label": "1", "split": "Validation", "patient": "p2"},
    {"file_name": "./a//3.png", "label": "NA", "split": "test", "patient": "p, 1"},
]
LISTED = [
    ListedImage("a/1.png", "train", "01", "p1"),
    ListedImage("a/2.png", "val", "1", "p2"),
    ListedImage("a/3.png", "test", "NA", "p, 1"),
]


def written(path, rows=ROWS):
    """A table of dictionaries that all have the keys of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(rows[0])
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix)
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        lines = [names, *([f'"{value}"' for value in row.values()] for row in rows)]
        path.write_text("\n".join(separator.join(cells) for cells in lines) + "\n")
    return path


def listed(path, *, root=None, split="", **columns):
    return table.listed(path, ColumnParams(**NONE | columns), root=root or path.parent, split=split).images


@pytest.mark.parametrize("suffix", table.SUFFIXES)
def test_the_usual_columns_are_found_in_each_format_and_values_stay_as_written(tmp_path, suffix):
    assert listed(written(tmp_path / f"mine{suffix}")) == LISTED


@pytest.mark.parametrize("suffix", table.SUFFIXES)
def test_columns_by_other_names_are_given_in_params(tmp_path, suffix):
    rows = [{"Bild": row["file_name"], "Art": row["label"], "label": "x", "who": row["patient"]} for row in ROWS]
    path = written(tmp_path / f"mine{suffix}", rows)
    assert [(image.label, image.group) for image in listed(path, image="Bild", label="Art", group="who")] == [
        (image.label, image.group) for image in LISTED
    ]


@pytest.mark.parametrize(
    "text",
    [
        "image,label\n1.png,a\n2.png,b\n",
        "\ufeffimage,label\r\n1.png,a\r\n2.png,b\r\n",
        "image, label\n1.png, a\n\n2.png, b\n",
        "image;label\n1.png;a\n2.png;b\n",
        'Image ,LABEL\n"1.png",a\n"2.png","b"',
    ],
)
def test_csv_as_programs_write_it(tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_text(text, newline="")
    assert listed(path) == [ListedImage("1.png", "train", "a"), ListedImage("2.png", "train", "b")]


def test_numbers_and_truth_values_are_labels_as_they_read(tmp_path):
    rows = [{"image": f"{n}.png", "label": label} for n, label in enumerate([7, 7.0, True, "x"])]
    assert [image.label for image in listed(written(tmp_path / "mine.jsonl", rows))] == ["7", "7", "true", "x"]
    with pytest.raises(DataError, match="line 1: the label is empty"):
        listed(written(tmp_path / "nan.jsonl", [{"image": "1.png", "label": float("nan")}]))
    numbers = [{"image": f"{n}.png", "label": label} for n, label in enumerate([7, None, 3])]
    with pytest.raises(DataError, match="row 2: the label is empty"):
        listed(written(tmp_path / "mine.parquet", numbers))


def test_without_a_column_the_folders_that_are_named_as_splits_say_it(tmp_path):
    rows = [{"image": f"{split}/{n}.png", "label": "a"} for n, split in enumerate(["train", "valid", "test"])]
    assert [image.split for image in listed(written(tmp_path / "mine.csv", rows))] == ["train", "val", "test"]
    rows.append({"image": "more/9.png", "label": "a"})
    assert {image.split for image in listed(written(tmp_path / "mine.csv", rows))} == {"train"}


def test_metadata_of_hugging_face_at_the_top_or_in_each_split(tmp_path):
    top = written(tmp_path / "top" / "metadata.csv")
    assert table.metadata_of(tmp_path / "top") == {top: ""}
    root = tmp_path / "parts"
    parts = {written(root / name / "metadata.jsonl", [{"file_name": "1.png", "label": "a"}]): split
             for name, split in (("train", "train"), ("validation", "val"))}  # fmt: skip
    assert table.metadata_of(root) == parts
    assert [image for path, split in parts.items() for image in listed(path, root=root, split=split)] == [
        ListedImage("train/1.png", "train", "a"),
        ListedImage("validation/1.png", "val", "a"),
    ]
    (root / "test").mkdir()
    with pytest.raises(DataError, match="test lacks a metadata table"):
        table.metadata_of(root)
    written(root / "train" / "metadata.csv")
    with pytest.raises(DataError, match=r"metadata\.csv and metadata\.jsonl"):
        table.metadata_of(root)
    (tmp_path / "plain" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "plain" / "metadata.csv").mkdir()
    os.mkfifo(tmp_path / "plain" / "train" / "metadata.csv")
    assert table.metadata_of(tmp_path / "plain") == {}


@pytest.mark.parametrize(
    ("name", "text", "problem", "fix"),
    [
        ("t.csv", "", "has no column for the image; it has none", "data.columns.image"),
        ("t.csv", "image,label\n", "holds no rows", "one row per image"),
        ("t.csv", "picture,label\n1.png,a\n", "no column for the image; it has picture, label", "data.columns.image"),
        ("t.csv", "image,kind\n1.png,a\n", "no column for the label; it has image, kind", "data.columns.label"),
        ("t.csv", "image,label,class\n1.png,a,b\n", "label and class may each be", "data.columns.label"),
        ("t.csv", "image,label,label\n1.png,a,b\n", "label and label may each be", "no column twice"),
        ("t.csv", "image,label\n../1.png,a\n", r"line 2: '\.\./1.png' is no path below", "folder of the table"),
        ("t.csv", "image,label\n/etc/1.png,a\n", "line 2: '/etc/1.png' is no path below", "folder of the table"),
        ("t.csv", "image,label\na/../../1.png,a\n", "is no path below", "folder of the table"),
        ("t.csv", "image,label\n,a\n", "line 2: '' is no path", "folder of the table"),
        ("t.csv", "image,label\n1.png,a\n2.png,\n", "line 3: the label is empty", "give the row a label"),
        ("t.csv", "image,label\n1.png,a\n2.png,  \n", "line 3: the label is empty", "give the row a label"),
        ("t.csv", "image,label,group\n1.png,a,\n", "line 2: the group is empty", "give the row a group"),
        ("t.csv", "image,label,split\n1.png,a,holdout\n", "line 2: 'holdout' is no split", "data.columns.split"),
        ("t.csv", "image,label,split\n1.png,a,\n", "line 2: '' is no split", "data.columns.split"),
        ("t.csv", "image,label\n1.png,a\n./1.png,b\n", "line 3: 1.png is named in line 2 too", "keep one"),
        ("t.csv", "image,label\n1.png,red, ripe\n", "line 2: 3 values, and the heading has 2", '"red, ripe"'),
        ("t.csv", "image,label\n1.png\n", "line 2: 1 values, and the heading has 2", "leave no value out"),
        ("t.csv", 'image,label\n1.png,"a\n2.png,b\n', "cannot be read: unexpected end", "save it again"),
        ("t.csv", f"image,label\n1.png,{'x' * 200_000}\n", "cannot be read: field larger", "save it again"),
        ("t.csv", "image,label\n1.png,a\0b\n", "holds a line break", "one line"),
        ("t.tsv", "image,label\n1.png,a\n", "no column for the image; it has image,label", "data.columns.image"),
        ("t.jsonl", "[1, 2]\n", r"line 1: '\[1, 2\]\\n' is no JSON object", "save it again"),
        ("t.jsonl", "{'image': 1}\n", "cannot be read: Expecting property name", "save it again"),
        ("t.jsonl", "[" * 100_000, "cannot be read: ", "save it again"),
        ("t.jsonl", '{"image": {"bytes": "x"}, "label": 1}\n', "image is no text but dict", "as files"),
        ("t.jsonl", '{"image": "\\ud800.png", "label": 1}\n', "is no UTF-8", "one line"),
        ("t.jsonl", '{"image": "1.png", "label": "a"}\n{"image": "2.png"}\n', "line 2: the label is empty", "a label"),
        ("t.parquet", "no parquet", "is no Parquet file", "save it again"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_is_refused_with_the_line(tmp_path, name, text, problem, fix):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=problem) as caught:
        listed(path)
    assert caught.value.problem.startswith(str(path))
    assert fix in caught.value.fix
    assert len(caught.value.problem.splitlines()) == 1


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes("image,label\nbär.png,a\n".encode("latin-1"))
    with pytest.raises(DataError, match="can't decode byte") as caught:
        listed(path)
    assert "UTF-8" in caught.value.fix


def test_a_column_that_params_names_and_the_table_lacks_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"no column 'art', which data\.columns\.label names; it has file_name"
    ) as caught:
        listed(written(tmp_path / "mine.csv"), label="art")
    assert "data.columns.label" in caught.value.fix


def test_a_parquet_with_the_images_in_it_is_refused_and_one_that_is_cut_off_too(tmp_path):
    rows = [{"image": {"bytes": b"\x89PNG", "path": "1.png"}, "label": 0}]
    with pytest.raises(DataError, match="the image is no text but dict") as caught:
        listed(written(tmp_path / "hub.parquet", rows))
    assert "save the images as files" in caught.value.fix
    path = written(tmp_path / "cut.parquet", ROWS * 1)
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(60) + content[64:])
    with pytest.raises(DataError, match=r"cut.parquet (is damaged|cannot be read|is no)"):
        listed(path)
