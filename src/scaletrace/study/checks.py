"""The models of a study's coordinate check, as its runs would be trained."""

import dataclasses
from collections.abc import Iterator

from scaletrace.models.counts import Shape
from scaletrace.study.config import Study
from scaletrace.study.runs import named


@dataclasses.dataclass(frozen=True)
class Check:
    """One model whose first steps are measured. A rate that is None is tuned, not planned."""

    name: str
    shape: Shape
    seed: int
    learning_rate: float | None
    batch_tokens: int

    @property
    def family(self) -> str:
        """The family."""
        return self.shape.family


def checks(study: Study, seen: float | None) -> Iterator[Check]:
    """Yield the models of a study's coordinate check, none where it has none.

    Args:
        study: gives laws of rate and batch.
        seen: the D at which those laws are asked; none where they know none.
    """
    asked = study.coordinate_check
    if asked is None:
        return
    for family in study.model.family:
        for width, layers in asked.architectures():
            shape = Shape(
                family=family,
                width=width,
                layers=layers,
                heads=width // asked.head_width,
                context=study.model.context,
                vocabulary_size=study.vocabulary.ids(),
            )
            law = study.training.law_of(family)
            for seed in asked.seeds:
                yield Check(
                    name=f"{named(f'd{width}-l{layers}', family)}-s{seed}",
                    shape=shape,
                    seed=seed,
                    learning_rate=law.rate(shape, seen) if law else None,
                    batch_tokens=study.training.batch(shape, seen),
                )
