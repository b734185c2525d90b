"""The rules of the workflow: what the jobs of each stage have in common, said once.

No other module names a rule, or a file of the results.
"""

import dataclasses
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from scaletrace import contract
from scaletrace.formats import record
from scaletrace.stages import (
    anneal,
    coordinates,
    corpus,
    evaluate,
    figures,
    fit,
    observe,
    pretrain,
    tokenize,
    trial,
    tune,
    vocab,
)

Kind = Literal["text", "training", "measurement", "analysis"]
RESULTS = Path(record.RESULTS)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the jobs of one stage have in common.

    title: what people call them. outputs: below the study's results, `{}` stands for a wildcard.
    main: the output that stands for all of them.
    pack: what shares a submission to SLURM, if a site wants it so: all text, what follows a run's
    branch, or all of a size and seed.
    """

    stage: ModuleType
    kind: Kind
    title: str
    outputs: Any
    main: str
    log: str
    pack: Literal["alone", "text", "run", "size"] = "alone"

    @cached_property
    def name(self) -> str:
        """The rule's name, which is its stage's."""
        return self.stage.__name__.rpartition(".")[2]

    def patterns(self, study: str) -> dict[str, str]:
        """Return the outputs of a study's jobs by name, with their wildcards."""
        results = RESULTS / study
        return {
            name: str(results / path)
            for name, (path,) in contract.files_by_name(self.outputs).items()
        }


CORPUS = Rule(
    corpus,
    "text",
    "corpus",
    corpus.Outputs(
        train=Path("corpus/train.jsonl"),
        valid=Path("corpus/valid.jsonl"),
        test=Path("corpus/test.jsonl"),
        manifest=Path("corpus/manifest.json"),
    ),
    main="manifest",
    log="logs/corpus.log",
    pack="text",
)
VOCAB = Rule(
    vocab,
    "text",
    "vocabulary",
    vocab.Outputs(vocabulary=Path("vocab/vocabulary.json")),
    main="vocabulary",
    log="logs/vocab.log",
    pack="text",
)
TOKENIZE = Rule(
    tokenize,
    "text",
    "tokens",
    tokenize.Outputs(
        train=Path("tokens/train.bin"),
        valid=Path("tokens/valid.bin"),
        test=Path("tokens/test.bin"),
        train_header=Path("tokens/train.json"),
        valid_header=Path("tokens/valid.json"),
        test_header=Path("tokens/test.json"),
    ),
    main="train_header",
    log="logs/tokenize.log",
    pack="text",
)
TRIAL = Rule(
    trial,
    "training",
    "tuning",
    trial.Outputs(result=Path("tuning/{family}/trials/{trial}.json")),
    main="result",
    log="logs/trial/{family}-{trial}.log",
)
TUNE = Rule(
    tune,
    "analysis",
    "tuning",
    tune.Outputs(law=Path("tuning/{family}/law.json"), trials=Path("tuning/{family}/trials.csv")),
    main="law",
    log="logs/tune/{family}.log",
)
COORDINATES = Rule(
    coordinates,
    "measurement",
    "coordinate check",
    coordinates.Outputs(coordinates=Path("coordinates/{check}.csv")),
    main="coordinates",
    log="logs/coordinates/{check}.log",
)
PRETRAIN = Rule(
    pretrain,
    "training",
    "trunks",
    pretrain.Outputs(
        state=Path("trunks/{size}-s{seed}/{tokens}/state.safetensors"),
        curve=Path("trunks/{size}-s{seed}/{tokens}/curve.csv"),
    ),
    main="state",
    log="logs/pretrain/{size}-s{seed}-{tokens}.log",
    pack="size",
)
ANNEAL = Rule(
    anneal,
    "training",
    "runs",
    anneal.Outputs(
        model=Path("runs/{run}/model.safetensors"),
        curve=Path("runs/{run}/curve.csv"),
        outcome=Path("runs/{run}/outcome.json"),
    ),
    main="outcome",
    log="logs/anneal/{run}.log",
    pack="run",
)
EVALUATE = Rule(
    evaluate,
    "measurement",
    "losses",
    evaluate.Outputs(result=Path("evals/{run}.json")),
    main="result",
    log="logs/evaluate/{run}.log",
    pack="run",
)
OBSERVE = Rule(
    observe,
    "analysis",
    "table",
    observe.Outputs(observations=Path("observations.csv")),
    main="observations",
    log="logs/observe.log",
)
FIT = Rule(
    fit,
    "analysis",
    "fits",
    fit.Outputs(fit=Path("fits/{fit}.json")),
    main="fit",
    log="logs/fit/{fit}.log",
)
FIGURES = Rule(
    figures,
    "analysis",
    "figures",
    figures.Outputs(
        pdf=Path("figures/{figure}.pdf"),
        svg=Path("figures/{figure}.svg"),
        png=Path("figures/{figure}.png"),
        csv=Path("figures/{figure}.csv"),
    ),
    main="csv",
    log="logs/figures/{figure}.log",
)
RULES = {
    rule.name: rule
    for rule in (
        *(CORPUS, VOCAB, TOKENIZE, TRIAL, TUNE, COORDINATES, PRETRAIN, ANNEAL),
        *(EVALUATE, OBSERVE, FIT, FIGURES),
    )
}
# What is too large for git, and what a light copy of a study leaves out.
LARGE = (".safetensors", ".bin", ".jsonl")
# Made from the job records and not recorded itself: what varies between identical executions.
TIMINGS = "timings"


def timings_path(study: str) -> Path:
    """Return where the timings of a study lie."""
    return RESULTS / study / f"{TIMINGS}.csv"
