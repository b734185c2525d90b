"""What may be of anybody's making is read within bounds, or refused in a sentence."""

import os
import socket
import subprocess
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted, yaml_files
from scaletrace.study.config import load

BOMB = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("place", ["/dev/zero", "/proc/self/mem", "/proc/kmsg", "/proc/version"])
def test_what_the_kernel_shows_is_no_file(place):
    for read in (untrusted.read_bytes, files.hashes):
        with pytest.raises(OSError, match="no ordinary file"):
            read(untrusted.Path(place))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        files.hashes(tmp_path / "pipe")


def test_a_file_of_a_terabyte_is_not_read(tmp_path):
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="at most"):
        untrusted.read_bytes(path)


def test_hashes_are_those_of_the_bytes(tmp_path):
    path = tmp_path / "file"
    for content in (b"", b"x" * (files.CHUNK + 1)):
        path.write_bytes(content)
        found = files.hashes(path)
        assert found["size"] == len(content)
        assert found["sha256"] == files.hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "more than 3,000,000 values, its aliases written out"),
        ("a: " + "[" * 20_000 + "]" * 20_000, "nested deeper than 20 levels"),
        ("a: &a [*a]", "stands for what it is a part of"),
        (
            "".join(f"{n * (2**61 - 1)}: 1\n" for n in range(8, 2_000)),
            "more than 1000 numbers of over 18 digits",
        ),
        ("a: !!int '5'", "values have no tags here"),
        ("a: " + ":".join(["59"] * 200_000), "a word of 599999 letters"),
        ("x" * ((1 << 20) + 1), "at most 1048576 are read"),
    ],
)
def test_a_study_file_made_to_harm_is_a_sentence_at_once(tmp_path, text, said):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(BadInput, match=said) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count("\n") == 0
    # Building what these say would take minutes or all memory.
    assert time.process_time() - began < 20


def test_aliases_that_stay_small_may_stand_in_a_study_file():
    text = "a: &a {x: 1}\nb: [*a, *a]\nc: &c [*a]\nd: *c\n"
    yaml_files.require_plain(text, yaml.SafeLoader)


@given(
    st.recursive(
        st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=30,
    )
)
def test_whatever_yaml_writes_of_plain_data_is_read(value):
    text = yaml.safe_dump(value)
    yaml_files.require_plain(text, yaml.SafeLoader)
    assert yaml.safe_load(text) == value


def test_the_draft_of_a_dead_writer_is_swept_and_that_of_a_living_one_is_not(tmp_path):
    path = tmp_path / "out.zip"
    dead = subprocess.Popen(["true"])
    dead.wait()
    for writer in (f"{socket.gethostname()}.{dead.pid}", f"elsewhere.{dead.pid}"):
        (tmp_path / f".out.zip.{writer}.abcd1234").write_bytes(b"half")
    with files.replacing(path) as draft:
        draft.write_bytes(b"whole")
        files.sweep(path)
        left = {p.name for p in tmp_path.iterdir()}
        assert left == {draft.name, f".out.zip.elsewhere.{dead.pid}.abcd1234"}
    assert path.read_bytes() == b"whole"
    assert not draft.exists()
