from scaletrace.families import encoder_textbook
from scaletrace.models.counts import (
    Shape,
    flops_per_token_exact,
    n_non_embedding,
    n_total,
    n_with_head,
)


def test_counts_by_hand_for_one_textbook_encoder():
    shape = Shape(16, 2, 2, context=128, vocabulary_size=1024, family="encoder_textbook")
    # A layer: attention 4*256 and 4*16, MLP 8*256 and 4*16 + 16, two norms of 2*16.
    assert n_non_embedding(shape) == 2 * (1024 + 64 + 2048 + 80 + 64) == 6560
    assert n_with_head(shape) == 6560 + 16384 + 1024
    assert n_total(shape) == 6560 + 2 * 16384 + 1024
    assert flops_per_token_exact(shape) == 184320  # biases and norms are no matrix products


def test_a_pass_by_hand():
    shape = Shape(16, 2, 2, context=128, vocabulary_size=1024, family="encoder_textbook")
    # In fp32, with all the scores of two heads in two layers, three times; 12 bytes per logit.
    channels = 16 * (2 * 19 + 16) + 3 * 2 * 2 * 128
    assert encoder_textbook.pass_bytes(shape, 128) == 128 * (channels * 4 + 1024 * 12)
