"""Learn a vocabulary from texts."""

from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from scaletrace.text.tokenizers import END_OF_TEXT, split_basic_english

# The pieces that no pair crosses, as GPT-2 cuts them, but for whitespace in runs of at most 64: an
# unbounded run followed by a look-ahead exhausts the stack of a backtracking matcher.
PIECES = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s{1,64}(?!\S)|\s"


def count_basic_english(texts: Iterable[str]) -> Counter[str]:
    """Count the basic_english tokens of all `texts`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_basic_english(text))
    return counts


def learn_byte_pairs(texts: Iterable[str], size: int) -> str:
    """Learn byte pairs from `texts` (Sennrich et al. 2016); return a Hugging Face tokenizer.json.

    It has `size` ids, end-of-document and the 256 bytes included, or fewer where the texts hold
    no further pair.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True) + "\n"
