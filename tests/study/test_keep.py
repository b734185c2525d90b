"""What of a study's files stays, and which DVC is given."""

import pytest

from scaletrace.study.keep import Keep, kind_of

STATE = "results/s/trunks/d8-s0/9/state.safetensors"
MODEL = "results/s/runs/a/model.safetensors"
TOKENS = "results/s/tokens/train.bin"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (STATE, "states"),
        (MODEL, "models"),
        (TOKENS, "text"),
        ("results/s/corpus/train.jsonl", "text"),
        ("results/s/evals/a.json", None),
        # A text that the study reads is none of its own.
        ("texts/train.jsonl", None),
    ],
)
def test_large_files_come_in_three_kinds(path, kind):
    assert kind_of(path) == kind


def test_all_stays_and_is_pushed_unless_the_study_says_otherwise():
    assert all(Keep().pushes(path) and not Keep().drops(path) for path in (STATE, MODEL, TOKENS))
    keep = Keep(states="while_needed", models="local")
    assert [keep.drops(path) for path in (STATE, MODEL, TOKENS)] == [True, False, False]
    assert [keep.pushes(path) for path in (STATE, MODEL, TOKENS)] == [False, False, True]
