"""Tables of runs in the formats and shapes that people have."""

import contextlib
import gzip
import io
import json
import random
import time
from pathlib import Path

import pandas as pd
import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.runs_table import RunsTable, read_runs

PLAIN = "params,tokens,loss\n1e6,2e7,3.5\n2e6,4e7,3.1\n"
COLUMNS = {"params": ["1e6", "2e6"], "tokens": ["2e7", "4e7"], "loss": ["3.5", "3.1"]}


def read(folder: Path, text: str | bytes, **settings) -> RunsTable:
    path = folder / "runs.data"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_runs(path, **settings)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "|"),
        "| params | tokens | loss |\n|---|---:|:--|\n| 1e6 | 2e7 | 3.5 |\n| 2e6 | 4e7 | 3.1 |\n",
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.replace(",", ", ").replace("\n", ",,\n").replace("loss ", "loss"),
        ",params,tokens,loss\n0,1e6,2e7,3.5\n4,2e6,4e7,3.1\n",
    ],
)
def test_text_by_its_content(tmp_path, text):
    assert read(tmp_path, text).columns == COLUMNS


@pytest.mark.parametrize(
    "text",
    [
        '{"params": 1e6, "loss": 3.5}\n\n{"params": 2000000, "loss": null}\n',
        '[{"params": 1e6, "loss": 3.5}, {"params": 2000000}]',
        '{"params": [1e6, 2000000], "loss": [3.5, null]}',
        '{"params": {"0": 1e6, "1": 2000000}, "loss": {"0": 3.5, "1": null}}',
    ],
)
def test_json(tmp_path, text):
    table = read(tmp_path, text)
    assert table.columns == {"params": ["1000000.0", "2000000"], "loss": ["3.5", ""]}


def test_objects_inside_rows_of_json(tmp_path):
    text = json.dumps([{"name": "a", "summary": {"eval/loss": 3.5}, "ok": True}])
    table = read(tmp_path, text)
    assert table.columns == {"name": ["a"], "summary.eval/loss": ["3.5"], "ok": ["True"]}
    assert table.names == ["a"]


def test_an_index_is_said_to_be_passed_over(tmp_path):
    assert "unnamed first column" in read(tmp_path, ",a,b\n0,1,2\n1,1,2\n").notes[0]
    assert read(tmp_path, PLAIN).notes == []


def test_decimal_commas(tmp_path):
    table = read(tmp_path, "n;loss;lr\n1000000;3,51;1,5e-3\n2000000;3,125;0,001\n")
    assert table.columns["loss"] == ["3.51", "3.125"]
    assert table.columns["lr"] == ["1.5e-3", "0.001"]
    assert table.notes == ["numbers have decimal commas"]
    with pytest.raises(BadInput, match="line 2: '3,512' may have a decimal comma or one between"):
        read(tmp_path, "n;loss\n1000000;3,512\n")


def test_runs_that_did_not_end_well_are_left_out_and_named(tmp_path):
    wandb = "Name,State,loss\na,finished,3\nb,crashed,9\nc,running,8\n"
    table = read(tmp_path, wandb)
    assert table.columns["Name"] == ["a"]
    assert table.left_out == {"crashed": ["b"], "running": ["c"]}
    assert read(tmp_path, "State,loss\nTexas,3\nOhio,9\n").left_out == {}
    assert read(tmp_path, "status,loss\nok,3\ndiverged,9\n").left_out == {"diverged": ["line 3"]}


def test_conditions(tmp_path):
    text = "experiment name,lr,outlier,loss\na,1e-3,False,3\nb,2e-3,True,4\nc d,,True,5\n"

    def losses(*where: str) -> list[str]:
        return read(tmp_path, text, where=where).columns["loss"]

    assert losses("`experiment name` == a") == ["3"]
    assert losses("experiment name == 'c d'") == ["5"]
    assert losses("experiment name != a", "lr <= 0.002") == ["4"]
    assert losses("experiment name in a, 'c d'") == losses("experiment name in [a, c d]")
    assert losses("lr == 0.001") == losses("outlier == false") == losses("loss<4") == ["3"]
    for wrong, words in {
        "loss": "COLUMN COMPARISON VALUE",
        "loss === 3": "COLUMN COMPARISON VALUE",
        "lr < a": "compares numbers",
        "rate > 1": "no column 'rate'; the table has experiment name, lr",
        "`experiment name` == e": "for no row; experiment name is 'a', 'b', 'c d'",
    }.items():
        with pytest.raises(BadInput, match=words):
            losses(wrong)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must name every column"),
        ("a,,b\n1,2,3\n", "must name every column"),
        ('a,b\n"1,2\n', "not a CSV file"),
        ("a,b\n" + "1,2,3\n" * 30, "line 21: 3 cells under 2 columns\n.*: and 10 more"),
        ("[1, 2]", "row 1: found 1; an object"),
        ('{"a": 1}\n{"a": \n', "line 2: no JSON"),
        ("[" * 500, "no JSON"),
        (b"\x1f\x8b123", "broken gzip"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-12], "an end that is missing"),
        (b"\xd0\xcf\x11\xe0", "an Excel file of before 2007"),
        (b"a,\xe4\n", "UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(BadInput, match=words):
        read(tmp_path, text)


def test_a_table_of_a_hundred_thousand_rows_is_read_in_a_second(tmp_path):
    text = "params,tokens,loss,note\n" + "123456789,2e9,3.14159,abc\n" * 100_000
    began = time.process_time()
    table = read(tmp_path, text)
    numbers = [table.numbers(column) for column in ("params", "tokens", "loss")]
    assert time.process_time() - began < 2.0  # 0.4 s on a quiet machine
    assert len(numbers[0]) == 100_000


@pytest.mark.parametrize("seed", range(4))
def test_no_bytes_are_more_than_a_sentence(tmp_path, seed):
    """Tables with some bytes changed, deleted or put in are read or refused."""
    chance = random.Random(seed)
    whole = [PLAIN.encode(), gzip.compress(PLAIN.encode(), mtime=0), b'{"a": 1}\n{"a": [2]}\n']
    excel = io.BytesIO()
    pd.DataFrame({"a": [1.0, 2.0]}).to_excel(excel)
    parquet = io.BytesIO()
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(parquet)
    whole += [excel.getvalue(), parquet.getvalue()]
    for _ in range(60):
        content = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(content))
            piece = chance.choice([b",", b'"', b";1,5", b"{", b"\xff", b"1e999", b"\n", b""])
            content[place : place + chance.randint(0, 4)] = piece
        with contextlib.suppress(BadInput):
            read(tmp_path, bytes(content))
