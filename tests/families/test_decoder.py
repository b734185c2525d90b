import subprocess
import sys

from scaletrace.families import decoder
from scaletrace.models import decoder_bf16
from scaletrace.models.counts import (
    Shape,
    flops_6nd,
    flops_exact,
    flops_per_token_exact,
    n_non_embedding,
    n_total,
    n_with_head,
)


def test_counts_by_hand_for_one_size():
    shape = Shape(width=16, layers=2, heads=2, context=128, vocabulary_size=1024)
    # A block: qkv 3*256, attention out 256, MLP up and down 2*4*256, one gain per head.
    assert n_non_embedding(shape) == 2 * (768 + 256 + 2048 + 2) == 6148
    assert n_with_head(shape) == 6148 + 16384
    assert n_total(shape) == 6148 + 2 * 16384
    assert flops_per_token_exact(shape) == 6 * (6144 + 16384) + 12 * 2 * 16 * 128 == 184320
    assert flops_exact(shape, 1000) == 184_320_000
    assert flops_6nd(shape, 1000) == 6 * 6148 * 1000


def test_a_pass_by_hand():
    shape = Shape(width=16, layers=2, heads=2, context=128, vocabulary_size=1024)
    # Of each layer 19 values per channel, and 16 for the layer at work, in bf16; the head's 12
    # bytes per weight; 8 bytes per logit.
    kept = 128 * 16 * (2 * 19 + 16) * 2
    assert decoder.pass_bytes(shape, 128) == kept + 12 * 1024 * 16 + 128 * 1024 * 8
    more = decoder.pass_bytes(shape, 1 << 20) - decoder.pass_bytes(shape, 1 << 19)
    assert more == (1 << 19) * 16 * (2 * 19 + 16) * 2  # The logits are those of one chunk.


def test_the_model_of_memory_knows_the_chunks_of_logits():
    assert decoder.CHUNK_LOGITS == decoder_bf16.CHUNK_LOGITS
    assert decoder_bf16.__name__ == decoder.MIXED_PRECISION


def test_counting_the_models_of_a_plan_needs_no_torch():
    code = (
        "import sys; from scaletrace import kinds; import scaletrace.study.plan; "
        "[kinds.load('families', name) for name in kinds.names('families')]; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
