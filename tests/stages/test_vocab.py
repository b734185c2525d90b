import json
from pathlib import Path

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import vocab
from scaletrace.tokenizers import tokenizer

TEXTS = [
    "The cat (a small one) sat on the mat; didn't it?",
    "The dog sat on the cat.",
    "A <EOD> and an <unk> in the text.",
]


@pytest.fixture
def train(tmp_path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"source": "s", "text": text}) + "\n" for text in TEXTS))
    return path


def build(train: Path, name: str = "vocabulary.json", **settings) -> Path:
    path = train.parent / name
    contract.run(vocab, {"train": [train]}, {"vocabulary": path}, settings, train.parent)
    return path


def test_the_settings_are_those_of_the_kind_whose_module_runs():
    given = {"kind": "basic_english", "size": 8, "min_freq": 1}
    settings = contract.settings_from(vocab, given)
    assert contract.plain(settings) == given
    assert contract.kinds(vocab, settings) == ("scaletrace.tokenizers.basic_english",)
    with pytest.raises(BadInput, match=r"settings\.min_freq: no such setting"):
        contract.settings_from(vocab, given | {"kind": "bytes"})


@pytest.mark.parametrize("kind", ["letters", "", "bpe.x", None])
def test_a_kind_that_is_none_is_refused(kind):
    with pytest.raises(
        BadInput, match=r"tokenizers: found .*; allowed are basic_english, bpe, bytes"
    ):
        contract.settings_from(vocab, {"kind": kind, "size": 257})


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
    assert tokenizer(first.read_text("utf-8")).size == settings["size"]
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
