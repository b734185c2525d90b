import json
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from tokenizers import Tokenizer
from torchtext.data.utils import get_tokenizer
from torchtext.vocab import Vocab

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import vocab
from scaletrace.text import tokenizers

TEXTS = [
    "The cat (a small one) sat on the mat; didn't it?",
    "The dog sat on the cat.",
    "A <EOD> and an <unk> in the text.",
]


def split(text: str) -> list[str]:
    """Split as torchtext does, whose own function has no types."""
    return cast(list[str], get_tokenizer("basic_english")(text))


@pytest.fixture
def train(tmp_path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"source": "s", "text": text}) + "\n" for text in TEXTS))
    return path


def build(train: Path, name: str = "vocabulary.json", **settings) -> Path:
    path = train.parent / name
    contract.run(vocab, {"train": [train]}, {"vocabulary": path}, settings, train.parent)
    return path


@pytest.mark.parametrize(("size", "min_freq"), [(8, 1), (8, 2), (20, 1)])
def test_basic_english_is_torchtexts_vocabulary(train, size, min_freq):
    path = build(train, kind="basic_english", size=size, min_freq=min_freq)
    counts = Counter(token for text in TEXTS for token in split(text))
    specials = ["<unk>", "<EOD>"]
    reference = Vocab(counts, max_size=size - 2, min_freq=min_freq, specials=specials)
    tokenizer = tokenizers.load(path.read_text())
    assert tokenizer.size == size == len(reference)
    for text, ids in zip(TEXTS, tokenizer.encode(TEXTS), strict=True):
        assert ids.tolist() == [reference[word] for word in split(text)]


def test_bpe_is_a_tokenizer_json_of_the_asked_size(train):
    path = build(train, kind="bpe", size=270)
    assert Tokenizer.from_file(str(path)).get_vocab_size() == 270
    assert tokenizers.load(path.read_text()).size == 270


def test_bytes(train):
    assert tokenizers.load(build(train, kind="bytes", size=257).read_text()).size == 257


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "bpe", "size": 270},
        {"kind": "basic_english", "size": 8, "min_freq": 1},
        {"kind": "bytes", "size": 257},
    ],
)
def test_two_executions_give_the_same_bytes(train, settings):
    first = build(train, "first.json", **settings)
    assert build(train, "second.json", **settings).read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "bpe", "size": 5000}, r"vocabulary\.size: 5000; .* at most (\d+)"),
        (
            {"kind": "basic_english", "size": 5000, "min_freq": 2},
            r"vocabulary\.size: 5000; .* at most (\d+)",
        ),
        ({"kind": "bpe", "size": 256}, r"vocabulary\.size: 256; .* at least 257"),
        ({"kind": "basic_english", "size": 1, "min_freq": 1}, "size: 1; .* at least 2"),
        ({"kind": "bytes", "size": 300}, r"vocabulary\.size: 300; .* 257 ids"),
    ],
)
def test_a_size_that_cannot_be_had_leaves_nothing_behind(train, settings, message):
    with pytest.raises(BadInput, match=message) as raised:
        build(train, **settings)
    assert [path.name for path in train.parent.iterdir()] == ["train.jsonl"]
    if "at most" in message:
        largest = int(str(raised.value).split()[-1])
        build(train, **settings | {"size": largest})
