import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.errors import BadInput
from scaletrace.text.documents import Document, deal, deal_to_all, words

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=60)
FRACTIONS = st.floats(0, 0.5)


def first_of_each(texts):
    """The first of the texts that have the same words."""
    kept = {}
    for text in texts:
        kept.setdefault(tuple(words(text)), text)
    return list(kept.values())


@given(TEXTS, FRACTIONS, FRACTIONS)
def test_no_text_is_in_two_splits_and_none_is_lost(texts, valid, test):
    splits = deal([Document(str(i), text) for i, text in enumerate(texts)], valid, test)
    dealt = [document.text for split in splits.values() for document in split]
    assert sorted(dealt) == sorted(first_of_each(texts))


@given(TEXTS, FRACTIONS, FRACTIONS)
def test_a_split_depends_on_the_words_alone(texts, valid, test):
    documents = [Document("here", text) for text in first_of_each(texts)]
    splits = deal(documents, valid, test)
    assert deal(documents[::-1], valid, test) == splits
    for document in documents:
        spaced = document._replace(text=f"\n{document.text} ")
        alone = deal([spaced], valid, test)
        assert all(document in splits[split] for split in splits if alone[split])


def test_fractions_and_first_source():
    documents = [Document(f"{i}:{j}", f"text {i}") for j in (0, 1) for i in range(10_000)]
    splits = deal(documents, 0.05, 0.1)
    assert [len(splits[split]) / 10_000 for split in ("valid", "test")] == pytest.approx(
        [0.05, 0.1], rel=0.1
    )
    assert all(d.source.endswith(":0") for split in splits.values() for d in split)


@pytest.mark.parametrize(
    "copy",
    ["Ein fester  Text", "ein FESTER Text\n", "\tEin fester\u00a0Text", "Ein \ufb01ester Text"],
)
def test_a_near_copy_goes_where_the_first_went_and_is_dropped(copy):
    text = "Ein fester Text" if "\ufb01" not in copy else "Ein fiester Text"
    others = [Document(str(i), f"text {i}") for i in range(100)]
    splits, duplicates = deal_to_all(
        [Document("first", text), *others, Document("copy", copy)], 0.2, 0.2
    )
    sources = [document.source for split in splits.values() for document in split]
    assert ("first" in sources, "copy" in sources, duplicates) == (True, False, 1)


def test_punctuation_tells_texts_apart():
    assert words("a[1] = b") != words("a(1) = b")


def test_what_helps_a_split_without_documents_is_said():
    with pytest.raises(BadInput) as caught:
        deal_to_all([Document("a", "x"), Document("b", " X")], 0.05, 0.05, "write more")
    assert str(caught.value) == (
        "corpus: none of 1 different documents falls to the valid split with valid: 0.05, "
        "test: 0.05, and every split needs one; write more, or give other fractions"
    )
