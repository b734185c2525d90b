"""The trials of a study's tuning: each size and budget at every rate, batch, beta2 and decay."""

import dataclasses
import itertools
from collections.abc import Iterator

from scaletrace.models import counts
from scaletrace.study.config import Study
from scaletrace.study.runs import budget_label, named, require_room, shapes


@dataclasses.dataclass(frozen=True)
class Trial:
    """One short training whose held-out loss says how good its rate, batch and beta2 are.

    weight_decay: None where the study's own is not tuned.
    """

    trial: str
    family: str
    size: str
    seed: int
    budget: str
    n_non_embedding: int
    n_tokens: int
    learning_rate: float
    batch_tokens: int
    beta2: float
    weight_decay: float | None
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
    places = itertools.product(study.model.family, tuning.sizes, tuning.tokens)
    for family, name, budget in places:
        size = named(name, family)
        shape = sizes[size]
        planned = study.training.batch(shape, study.training.seen(budget))
        batches = tuning.batches or [planned]
        for tried in batches:
            require_room(study, f"tuning.tokens: {budget}", shape, budget // tried, tried)
        every = (
            (seed, tokens_per_step, beta2, decay, rate)
            for seed, tokens_per_step in itertools.product(tuning.seeds, batches)
            for beta2 in tuning.beta2s or [study.training.beta2_at(tokens_per_step)]
            for decay in tuning.decays or [None]
            for rate in tuning.rates[family]
        )
        for seed, batch, beta2, decay, rate in every:
            tokens = budget // batch * batch
            label = budget_label(budget)
            words = [f"{size}-s{seed}-{label}-lr{rate!r}"]
            words += [f"b{batch}"] if tuning.batches else []
            words += [f"beta{beta2!r}"] if tuning.beta2s else []
            words += [f"decay{decay!r}"] if tuning.decays else []
            yield Trial(
                trial="-".join(words),
                family=family,
                size=size,
                seed=seed,
                budget=label,
                n_non_embedding=counts.n_non_embedding(shape),
                n_tokens=tokens,
                learning_rate=rate,
                batch_tokens=batch,
                beta2=beta2,
                weight_decay=decay,
                flops_exact=counts.flops_exact(shape, tokens),
            )
