import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.text.documents import Document, deal

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=60)
FRACTIONS = st.floats(0, 0.5)


@given(TEXTS, FRACTIONS, FRACTIONS)
def test_no_text_is_in_two_splits_and_none_is_lost(texts, valid, test):
    splits = deal([Document(str(i), text) for i, text in enumerate(texts)], valid, test)
    dealt = [document.text for split in splits.values() for document in split]
    assert sorted(dealt) == sorted(set(texts))


@given(TEXTS, FRACTIONS, FRACTIONS)
def test_a_split_depends_on_the_text_alone(texts, valid, test):
    documents = [Document("here", text) for text in texts]
    splits = deal(documents, valid, test)
    assert deal(documents[::-1], valid, test) == splits
    for document in documents:
        alone = deal([document], valid, test)
        assert all(document in splits[split] for split in splits if alone[split])


def test_fractions_and_first_source():
    documents = [Document(f"{i}:{j}", f"text {i}") for j in (0, 1) for i in range(10_000)]
    splits = deal(documents, 0.05, 0.1)
    assert [len(splits[split]) / 10_000 for split in ("valid", "test")] == pytest.approx(
        [0.05, 0.1], rel=0.1
    )
    assert all(d.source.endswith(":0") for split in splits.values() for d in split)
