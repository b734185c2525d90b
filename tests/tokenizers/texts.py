"""Texts that tokenizers are tried on."""

from hypothesis import strategies as st

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
