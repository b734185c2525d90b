"""The runs of a study: every size x seed x budget, with its N, D, FLOPs, rate and batch."""

import dataclasses
from collections.abc import Iterator

from scaletrace.errors import BadInput
from scaletrace.models import counts
from scaletrace.study.config import Study
from scaletrace.study.trunk import Trunk


@dataclasses.dataclass(frozen=True)
class Run:
    """One model to train: size x seed x budget. A rate that is None is tuned, not planned."""

    name: str
    size: str
    family: str
    seed: int
    budget: str
    steps: int
    n_tokens: int
    n_non_embedding: int
    n_with_head: int
    n_total: int
    flops_6nd: int
    flops_exact: int
    learning_rate: float | None
    batch_tokens: int


def budget_label(tokens: int) -> str:
    """Return a token budget as people write it: 500k, 1M, 1.5M; digits where that is not exact."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if tokens >= unit and tokens * 1000 % unit == 0:
            return f"{tokens / unit:.3f}".rstrip("0").rstrip(".") + letter
    return str(tokens)


def flops_label(flops: float) -> str:
    """Return a compute budget as C1e15, in the shortest form that gives the same number back."""
    forms = (f"{flops:.{digits}e}" for digits in range(17))
    mantissa, exponent = next(form for form in forms if float(form) == flops).split("e")
    return f"C{mantissa}e{int(exponent)}"


def named(name: str, family: str) -> str:
    """Return the name of a thing of one family; a decoder's is the plain name.

    So a family that a study adds renames nothing that was there.
    """
    return name if family == "decoder" else f"{name}-{family}"


def shapes(study: Study) -> dict[str, counts.Shape]:
    """Return the architecture of each size, every size in every family.

    Raises:
        BadInput: two of them have one name.
    """
    every = {
        named(name, family): counts.Shape(
            family=family,
            width=size.width,
            layers=size.layers,
            heads=size.heads,
            context=study.model.context,
            vocabulary_size=study.vocabulary.ids(),
        )
        for family in study.model.family
        for name, size in study.all_sizes().items()
    }
    if len(every) < len(study.all_sizes()) * len(study.model.family):
        raise BadInput(
            "sizes: the name of a size ends in the name of a family, and another size has that "
            "name in that family; rename it"
        )
    return every


def runs(study: Study) -> Iterator[Run]:
    """Yield every run of a study.

    Raises:
        BadInput: a run has no step after its warm-up, or its warm-up is longer than the first
            segment of its trunk.
    """
    flops = {"exact": counts.flops_exact, "6nd": counts.flops_6nd}[study.conventions.flops]
    seeds = {
        named(name, family): size.seeds or study.seeds
        for name, size in study.all_sizes().items()
        for family in study.model.family
    }
    for size, shape in shapes(study).items():
        budgets = [(f"budgets: {d}", budget_label(d), float(d)) for d in study.budgets] + [
            (f"flops: {c:g} for size {size}", flops_label(c), c / flops(shape, 1))
            for c in study.flops
        ]
        for key, label, tokens in budgets:
            batch = study.training.batch(shape, study.training.seen(tokens))
            # A budget of tokens is a limit; a budget of FLOPs is met as closely as steps allow.
            steps = int(tokens) // batch if study.budgets else round(tokens / batch)
            require_room(study, key, shape, steps, batch)
            _require_first_segment(study, size, shape, steps, batch)
            for seed in seeds[size]:
                yield _run(study, size, shape, seed, label, steps, batch)


def require_room(study: Study, key: str, shape: counts.Shape, steps: int, batch: int) -> None:
    """Raise BadInput where training of `steps` has no step left after its warm-up."""
    training = study.training
    warmup = training.warmup_steps(shape, batch, training.seen(steps * batch))
    if steps <= warmup:
        raise BadInput(
            f"{key}: {steps} steps of {batch} tokens, of which the warm-up takes {warmup}; give "
            f"more than {(warmup + 1) * batch} tokens or a smaller training.warmup"
        )
    branch = Trunk(batch, training.cooldown).branch(steps)
    if training.schedule != "cosine" and branch < warmup:
        raise BadInput(
            f"{key}: the cooldown would begin at step {branch}, within the warm-up ({warmup} "
            "steps); give more tokens or a smaller training.warmup or training.cooldown"
        )


def _require_first_segment(
    study: Study, size: str, shape: counts.Shape, steps: int, batch: int
) -> None:
    training = study.training
    if not training.shares_trunks and training.schedule != "stepped":
        return
    warmup = training.warmup_steps(shape, batch, training.seen(steps * batch))
    first = Trunk(batch, training.cooldown).first()
    if warmup > first:
        raise BadInput(
            f"training.warmup: {warmup} steps of {batch} tokens for size {size}, whose trunk has "
            f"its first state after {first}; give at most {first * batch} tokens"
        )


def _run(
    study: Study, size: str, shape: counts.Shape, seed: int, label: str, steps: int, batch: int
) -> Run:
    tokens = steps * batch
    law = study.training.law_of(shape.family)
    return Run(
        name=f"{size}-s{seed}-{label}",
        size=size,
        family=shape.family,
        seed=seed,
        budget=label,
        steps=steps,
        n_tokens=tokens,
        n_non_embedding=counts.n_non_embedding(shape),
        n_with_head=counts.n_with_head(shape),
        n_total=counts.n_total(shape),
        flops_6nd=counts.flops_6nd(shape, tokens),
        flops_exact=counts.flops_exact(shape, tokens),
        learning_rate=law.rate(shape, study.training.seen(tokens)) if law else None,
        batch_tokens=batch,
    )
