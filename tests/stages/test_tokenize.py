import hashlib
import json

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.stages import tokenize
from scaletrace.tokenizers import bpe, tokenizer

SPLITS = {
    "train": ["The cat sat.", "Das Übliche, naïve 😀"] * 300,
    "valid": ["the dog", "x"],
    "test": ["the end"],
}
VOCABULARIES = {
    "bytes": '{"kind": "bytes"}',
    "basic_english": json.dumps(
        {"kind": "basic_english", "tokens": ["<unk>", "<EOD>", "the", ".", "cat"]}
    ),
    "bpe": bpe.byte_pairs(SPLITS["train"], 290),
    "wide": json.dumps(
        {"kind": "basic_english", "tokens": ["<unk>", "<EOD>", *map(str, range(70_000)), "the"]}
    ),
}


@pytest.fixture(params=VOCABULARIES)
def vocabulary(request, tmp_path):
    path = tmp_path / "vocabulary.json"
    path.write_text(VOCABULARIES[request.param], encoding="utf-8")
    return path


def run(vocabulary, name):
    folder = vocabulary.parent / name
    folder.mkdir()
    inputs = {"vocabulary": [vocabulary]}
    outputs = {}
    for split, texts in SPLITS.items():
        path = folder / f"{split}.jsonl"
        lines = [json.dumps({"source": "s", "text": t}, ensure_ascii=False) for t in texts]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        inputs[split] = [path]
        outputs[split] = folder / f"{split}.bin"
        outputs[f"{split}_header"] = folder / f"{split}.json"
    contract.run(tokenize, inputs, outputs, {}, folder)
    return outputs


def test_tokens_and_header(vocabulary):
    outputs = run(vocabulary, "out")
    encoder = tokenizer(vocabulary.read_text(encoding="utf-8"))
    for split, texts in SPLITS.items():
        header = json.loads(outputs[f"{split}_header"].read_text())
        content = outputs[split].read_bytes()
        tokens = np.frombuffer(content, np.dtype(header["dtype"]).newbyteorder("<"))
        expected = [[*ids.tolist(), encoder.end_of_document] for ids in encoder.encode(texts)]
        assert tokens.tolist() == [index for ids in expected for index in ids]
        size = sum(len(text.encode()) for text in texts)
        assert header == {
            "dtype": "uint16" if encoder.size <= 65_536 else "uint32",
            "count": len(tokens),
            "documents": len(texts),
            "bytes": size,
            "bytes_per_token": size / len(tokens),
            "vocabulary_size": encoder.size,
            "vocabulary_sha256": hashlib.sha256(vocabulary.read_bytes()).hexdigest(),
            "tokens_sha256": hashlib.sha256(content).hexdigest(),
        }


def test_two_executions_give_the_same_bytes(vocabulary):
    first, second = run(vocabulary, "first"), run(vocabulary, "second")
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


@pytest.mark.parametrize("kind", ["bpe", "bytes", "basic_english"])
def test_the_kind_whose_code_runs_stands_in_the_settings_unless_it_is_bpe(kind):
    settings = tokenize.Settings(kind)
    assert contract.plain(settings) == ({} if kind == "bpe" else {"kind": kind})
    assert contract.kinds(tokenize, settings) == (f"scaletrace.tokenizers.{kind}",)
