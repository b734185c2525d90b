import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.text.documents import Document, articles, deal, paragraphs

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


@given(st.text(alphabet=" \n\tab"))
def test_paragraphs_lose_nothing_but_blank_lines(text):
    found = paragraphs(text)
    lines = text.split("\n")
    kept = [line for _, part in found for line in part.split("\n")]
    assert kept == [line for line in lines if line.strip()]
    for number, part in found:
        count = part.count("\n") + 1
        assert lines[number - 1 : number - 1 + count] == part.split("\n")


def test_articles():
    text = (
        " \n = One = \n \n Text with = signs = . \n = 5 = \n = = Section = = \n \n More . \n"
        " \n = Two = \n \n = = Section = = \n \n End . \n \n"
    )
    found = articles(text)
    assert [title for title, _ in found] == ["One", "Two"]
    assert "".join(part for _, part in found) == text


@pytest.mark.skipif(
    "SCALETRACE_TEST_DATA" not in os.environ, reason="SCALETRACE_TEST_DATA is not set"
)
@pytest.mark.parametrize("split", ["valid", "test"])
def test_wikitext2_has_60_articles_in_each_held_out_split(split):
    """The count that Merity et al. 2016, table 1, give."""
    text = (Path(os.environ["SCALETRACE_TEST_DATA"]) / f"wikitext2.{split}.txt").read_text("utf-8")
    found = articles(text)
    assert "".join(part for _, part in found) == text
    assert len(found) == 60
