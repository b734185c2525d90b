import json

import numpy as np
import pytest
import tokenizers as huggingface
from hypothesis import example, given
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from scaletrace.text import tokenizers, vocabularies

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# What basic_english treats in a way of its own, what lower() and split() do to rare characters,
# and what byte pairs were learned from.
AWKWARD = st.lists(
    st.sampled_from(
        [
            *"'\".,()!?;: \t\n\r\v\f\x1c\x85\xa0\u2028\u3000",
            *("<br />", "<br", " />", "<unk>", "<EOD>", "<|endoftext|>"),
            *("İ", "Σ", "ς", "ẞ", "\u212b", "\u0307", "\u200d", "\ufeff", "\0", "😀", "𞤀", "अ"),
            *("the", " the", "  ", "ing", "é", "don't", "123"),
        ]
    )
).map("".join)

LEARNED_FROM = [
    "the thing that sings the songs of the king, being the thing it is\n    def f(x):\n" * 3,
    "don't 1234 1234 éé 😀😀 " * 5,
]


@pytest.fixture(scope="module")
def byte_pairs_file():
    return vocabularies.learn_byte_pairs(LEARNED_FROM, 300)


@pytest.fixture(scope="module")
def byte_pairs(byte_pairs_file):
    return tokenizers.load(byte_pairs_file)


@given(TEXT | AWKWARD)
@example('x\u03a3. x\u03a3\'x "<b"r />')
def test_basic_english_splits_as_torchtext(text):
    assert tokenizers.split_basic_english(text) == get_tokenizer("basic_english")(text)


def test_basic_english_splits_every_character_as_torchtext():
    """Each code point, alone and between letters: what lowering and splitting make of it."""
    reference = get_tokenizer("basic_english")
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for start in range(0, len(points), 4096):
        block = points[start : start + 4096]
        text = "".join(f"{point} a{point}B Σ{point} " for point in block)
        assert tokenizers.split_basic_english(text) == reference(text), hex(ord(block[0]))


@given(st.lists(TEXT | AWKWARD, max_size=5))
def test_basic_english_ids_are_those_of_its_tokens(texts):
    tokens = ["<unk>", "<EOD>", "the", ".", "'", "é"]
    tokenizer = tokenizers.load(json.dumps({"kind": "basic_english", "tokens": tokens}))
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        words = tokenizers.split_basic_english(text)
        assert tokenizer.decode(ids) == " ".join(w if w in tokens else "<unk>" for w in words)
        assert tokenizer.end_of_document not in ids


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
    vocabulary = vocabularies.learn_byte_pairs(texts, 280)
    reference = huggingface.Tokenizer.from_str(vocabulary)
    assert tokenizers.load(vocabulary).encode([text])[0].tolist() == reference.encode(text).ids


def test_hugging_face_reads_the_file_and_writes_our_text(byte_pairs_file, byte_pairs):
    reference = huggingface.Tokenizer.from_str(byte_pairs_file)
    (ids,) = byte_pairs.encode(LEARNED_FROM[:1])
    assert len(ids) < len(LEARNED_FROM[0]) / 2
    assert reference.decode(ids.tolist()) == LEARNED_FROM[0]
    assert reference.token_to_id("<|endoftext|>") == byte_pairs.end_of_document


def test_learning_is_repeatable_and_stops_where_pairs_end(byte_pairs_file):
    assert vocabularies.learn_byte_pairs(LEARNED_FROM, 300) == byte_pairs_file
    assert tokenizers.load(vocabularies.learn_byte_pairs(["ab ab"], 1000)).size == 259


@pytest.mark.parametrize("text", [" " * 1_000_000 + "x", "\n" * 1_000_000, "a" * 1_000_000])
def test_byte_pairs_take_long_runs(byte_pairs, text):
    assert byte_pairs.decode(byte_pairs.encode([text])[0]) == text


@given(TEXT | AWKWARD)
def test_bytes_round_trip(text):
    tokenizer = tokenizers.load('{"kind": "bytes"}')
    (ids,) = tokenizer.encode([text])
    assert bytes(ids.tolist()) == text.encode()
    assert tokenizer.decode(np.append(ids, tokenizer.end_of_document)) == text


def test_ids_of_half_a_character_decode_to_the_replacement(byte_pairs):
    bytes_ = tokenizers.load('{"kind": "bytes"}')
    assert bytes_.decode(bytes_.encode(["é"])[0][:1]) == "\ufffd"
    half = byte_pairs.encode(["ŵ"])[0][:1]
    assert byte_pairs.decode(half) == "\ufffd"


@pytest.mark.parametrize(("size", "name"), [(65_536, "<u2"), (65_537, "<u4")])
def test_dtype_holds_every_id(size, name):
    assert tokenizers.dtype(size).str == name
    assert np.iinfo(tokenizers.dtype(size)).max >= size - 1
