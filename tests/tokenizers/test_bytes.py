import json

import numpy as np
from hypothesis import given

from scaletrace.tokenizers import bytes as bytes_kind
from scaletrace.tokenizers import tokenizer
from tests.tokenizers.texts import AWKWARD, TEXT


@given(TEXT | AWKWARD)
def test_bytes_round_trip(text):
    to_bytes = tokenizer('{"kind": "bytes"}')
    (ids,) = to_bytes.encode([text])
    assert bytes(ids.tolist()) == text.encode()
    assert to_bytes.decode(np.append(ids, to_bytes.end_of_document)) == text


def test_bytes_of_half_a_character_decode_to_the_replacement():
    to_bytes = tokenizer('{"kind": "bytes"}')
    assert to_bytes.decode(to_bytes.encode(["é"])[0][:1]) == "\ufffd"


def test_the_vocabulary_says_its_kind_and_has_257_ids(tmp_path):
    path, keys = tmp_path / "vocabulary.json", bytes_kind.Keys.model_validate({"kind": "bytes"})
    bytes_kind.learn([], keys.settings(), path)
    assert json.loads(path.read_text("utf-8")) == {"kind": "bytes"}
    assert keys.ids() == tokenizer(path.read_text("utf-8")).size == 257
