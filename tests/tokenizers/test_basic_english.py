import json
from collections import Counter
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer
from torchtext.vocab import Vocab

from scaletrace.tokenizers import basic_english, tokenizer
from tests.tokenizers.texts import AWKWARD, TEXT


@given(TEXT | AWKWARD)
@example('x\u03a3. x\u03a3\'x "<b"r />')
def test_basic_english_splits_as_torchtext(text):
    assert basic_english.split(text) == get_tokenizer("basic_english")(text)


def test_basic_english_splits_every_character_as_torchtext():
    """Each code point, alone and between letters: what lowering and splitting make of it."""
    reference = get_tokenizer("basic_english")
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for start in range(0, len(points), 4096):
        block = points[start : start + 4096]
        text = "".join(f"{point} a{point}B Σ{point} " for point in block)
        assert basic_english.split(text) == reference(text), hex(ord(block[0]))


@given(st.lists(TEXT | AWKWARD, max_size=5))
def test_basic_english_ids_are_those_of_its_tokens(texts):
    tokens = ["<unk>", "<EOD>", "the", ".", "'", "é"]
    words_of = tokenizer(json.dumps({"kind": "basic_english", "tokens": tokens}))
    for text, ids in zip(texts, words_of.encode(texts), strict=True):
        words = basic_english.split(text)
        assert words_of.decode(ids) == " ".join(w if w in tokens else "<unk>" for w in words)
        assert words_of.end_of_document not in ids


@pytest.mark.parametrize(("size", "min_freq"), [(8, 1), (8, 2), (20, 1)])
def test_what_is_learned_is_torchtexts_vocabulary(tmp_path, size, min_freq):
    texts = [
        "The cat (a small one) sat on the mat; didn't it?",
        "The dog sat on the cat.",
        "A <EOD> and an <unk> in the text.",
    ]
    path = tmp_path / "vocabulary.json"
    basic_english.learn(texts, basic_english.Settings("basic_english", size, min_freq), path)
    split = cast("Callable[[str], list[str]]", get_tokenizer("basic_english"))
    counts = Counter(token for text in texts for token in split(text))
    specials = ["<unk>", "<EOD>"]
    reference = Vocab(counts, max_size=size - 2, min_freq=min_freq, specials=specials)
    learned = tokenizer(path.read_text("utf-8"))
    assert learned.size == size == len(reference)
    for text, ids in zip(texts, learned.encode(texts), strict=True):
        assert ids.tolist() == [reference[word] for word in split(text)]
