"""The trials of a study's tuning: each named size at every rate, batch and beta2 to try."""

import dataclasses
import itertools
from collections.abc import Iterator

from scaletrace.models import counts
from scaletrace.study.config import Study
from scaletrace.study.runs import named, require_room, shapes


@dataclasses.dataclass(frozen=True)
class Trial:
    """One short training whose held-out loss says how good its rate, batch and beta2 are."""

    trial: str
    family: str
    size: str
    seed: int
    n_non_embedding: int
    n_tokens: int
    learning_rate: float
    batch_tokens: int
    beta2: float
    flops_exact: int

    @property
    def steps(self) -> int:
        """Optimiser steps of the training."""
        return self.n_tokens // self.batch_tokens


def trials(study: Study) -> Iterator[Trial]:
    """Yield the trials of a study, none where it does not tune.

    Raises:
        BadInput: a trial has no step after its warm-up.
    """
    tuning = study.tuning
    if tuning is None:
        return
    sizes = shapes(study)
    for family, name in itertools.product(study.model.family, tuning.sizes):
        size = named(name, family)
        shape = sizes[size]
        planned = study.training.batch(shape, study.training.seen(tuning.tokens))
        batches = tuning.batches or [planned]
        for tried in batches:
            steps = tuning.tokens // tried
            require_room(study, f"tuning.tokens: {tuning.tokens}", shape, steps, tried)
        every = (
            (seed, tokens_per_step, beta2, rate)
            for seed, tokens_per_step in itertools.product(tuning.seeds, batches)
            for beta2 in tuning.beta2s or [study.training.beta2_at(tokens_per_step)]
            for rate in tuning.rates[family]
        )
        for seed, batch, beta2, rate in every:
            tokens = tuning.tokens // batch * batch
            words = [f"{size}-s{seed}-lr{rate!r}"]
            words += [f"b{batch}"] if tuning.batches else []
            words += [f"beta{beta2!r}"] if tuning.beta2s else []
            yield Trial(
                trial="-".join(words),
                family=family,
                size=size,
                seed=seed,
                n_non_embedding=counts.n_non_embedding(shape),
                n_tokens=tokens,
                learning_rate=rate,
                batch_tokens=batch,
                beta2=beta2,
                flops_exact=counts.flops_exact(shape, tokens),
            )
