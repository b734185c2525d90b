import random

import pytest

from scaletrace.text import overlap
from scaletrace.text.documents import Document, words

WORDS = [f"w{i}" for i in range(1000)]


def document(source, *names):
    return Document(source, " ".join(names))


def counted_simply(train, documents):
    """The same by sets of strings, as the paper describes it."""

    def grams(text):
        parts = words(text)
        return [tuple(parts[i : i + 13]) for i in range(len(parts) - 12)]

    seen = {gram for one in train for gram in grams(one.text)}
    own = [(one, grams(one.text)) for one in documents]
    shared = [one for one, g in own if g and 2 * sum(x in seen for x in g) > len(g)]
    return {
        "documents": len(shared),
        "bytes": sum(len(one.text.encode()) for one in shared),
        "too_short": sum(not g for _, g in own),
    }


@pytest.mark.parametrize("batch", [50, overlap.BATCH])
def test_as_counted_by_sets(monkeypatch, batch):
    monkeypatch.setattr(overlap, "BATCH", batch)
    chance = random.Random(0)
    train = [document(str(i), *chance.choices(WORDS, k=60)) for i in range(100)]
    held_out = []
    for i in range(200):
        copied = chance.choice(train).text.split()[: chance.randrange(61)]
        held_out.append(document(f"h{i}", *copied, *chance.choices(WORDS, k=chance.randrange(40))))
    found = overlap.overlap(train, {"valid": held_out, "test": held_out[:50]})
    assert found == {
        "valid": counted_simply(train, held_out),
        "test": counted_simply(train, held_out[:50]),
    }
    assert 0 < found["valid"]["documents"] < 200
    assert found["valid"]["too_short"] > 0


def test_words_that_are_shared_by_two_documents_together_are_not():
    train = [document("a", *WORDS[:10]), document("b", *WORDS[10:20])]
    held_out = {"test": [document("c", *WORDS[:20])]}
    assert overlap.overlap(train, held_out)["test"]["documents"] == 0


def test_case_spaces_and_typography_hide_nothing():
    text = " ".join(WORDS[:20])
    found = overlap.overlap(
        [Document("a", text)], {"test": [Document("b", text.upper().replace(" ", "\n\u2003"))]}
    )
    assert found["test"]["documents"] == 1


@pytest.mark.parametrize("texts", [[], ["", "one two"]])
def test_nothing_to_compare(texts):
    held_out = [Document("a", text) for text in texts]
    expected = {"documents": 0, "bytes": 0, "too_short": len(texts)}
    assert overlap.overlap([Document("b", "x " * 20)], {"test": held_out}) == {"test": expected}
    assert overlap.overlap([], {"test": held_out}) == {"test": expected}
