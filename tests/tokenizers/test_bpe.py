import json

import numpy as np
import pytest
import tokenizers as huggingface
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.errors import BadInput
from scaletrace.tokenizers import bpe, tokenizer
from tests.tokenizers.texts import AWKWARD, TEXT

LEARNED_FROM = [
    "the thing that sings the songs of the king, being the thing it is\n    def f(x):\n" * 3,
    "don't 1234 1234 éé 😀😀 " * 5,
]


@pytest.fixture(scope="module")
def byte_pairs_file():
    return bpe.byte_pairs(LEARNED_FROM, 300)


@pytest.fixture(scope="module")
def byte_pairs(byte_pairs_file):
    return tokenizer(byte_pairs_file)


@given(TEXT | AWKWARD)
def test_byte_pairs_round_trip(byte_pairs, text):
    (ids,) = byte_pairs.encode([text])
    assert byte_pairs.decode(ids) == text
    assert byte_pairs.end_of_document not in ids


@given(TEXT | AWKWARD)
def test_byte_pairs_are_those_of_hugging_face(byte_pairs_file, byte_pairs, text):
    reference = huggingface.Tokenizer.from_str(byte_pairs_file)
    reference.encode_special_tokens = True
    assert byte_pairs.encode([text])[0].tolist() == reference.encode(text).ids


@given(st.lists(st.text(alphabet="ab c\n"), min_size=1), st.text(alphabet="ab c\n"))
def test_byte_pairs_are_those_of_hugging_face_for_any_vocabulary(texts, text):
    vocabulary = bpe.byte_pairs(texts, 280)
    reference = huggingface.Tokenizer.from_str(vocabulary)
    assert tokenizer(vocabulary).encode([text])[0].tolist() == reference.encode(text).ids


def test_hugging_face_reads_the_file_and_writes_our_text(byte_pairs_file, byte_pairs):
    reference = huggingface.Tokenizer.from_str(byte_pairs_file)
    (ids,) = byte_pairs.encode(LEARNED_FROM[:1])
    assert len(ids) < len(LEARNED_FROM[0]) / 2
    assert reference.decode(ids.tolist()) == LEARNED_FROM[0]
    assert reference.token_to_id("<|endoftext|>") == byte_pairs.end_of_document


def test_learning_is_repeatable_and_stops_where_pairs_end(byte_pairs_file):
    assert bpe.byte_pairs(LEARNED_FROM, 300) == byte_pairs_file
    assert tokenizer(bpe.byte_pairs(["ab ab"], 1000)).size == 259


@pytest.mark.parametrize("text", [" " * 1_000_000 + "x", "\n" * 1_000_000, "a" * 1_000_000])
def test_byte_pairs_take_long_runs(byte_pairs, text):
    assert byte_pairs.decode(byte_pairs.encode([text])[0]) == text


def test_ids_of_half_a_character_decode_to_the_replacement(byte_pairs):
    half = byte_pairs.encode(["ŵ"])[0][:1]
    assert byte_pairs.decode(half) == "\ufffd"


def test_end_of_document_leaves_no_trace(byte_pairs):
    (ids,) = byte_pairs.encode(["the song"])
    assert byte_pairs.decode(np.append(ids, byte_pairs.end_of_document)) == "the song"


def test_learning_writes_the_file_of_the_asked_size(tmp_path):
    path = tmp_path / "vocabulary.json"
    bpe.learn(LEARNED_FROM, bpe.Settings("bpe", 270), path)
    assert path.read_text("utf-8") == bpe.byte_pairs(LEARNED_FROM, 270)
    assert len(json.loads(path.read_text("utf-8"))["model"]["vocab"]) == 270


def test_text_of_n_bytes_gives_fewer_than_n_pairs():
    keys = bpe.Keys(kind="bpe", size=267)
    keys.require_text(10)
    with pytest.raises(
        BadInput, match=r"found 267; the corpus has 9 bytes and can give at most 266"
    ):
        keys.require_text(9)
