"""How the weights of each role are updated, from what a study says of training."""

from scaletrace import kinds
from scaletrace.models.counts import Shape
from scaletrace.study.training import GroupKeys, GroupName, TrainingKeys
from scaletrace.training.recipe import Group

# What a study calls the roles of a model's weights.
ROLES: dict[str, GroupName] = {
    "embedding": "embedding",
    "head": "head",
    "matrix_in": "matrices",
    "matrix_out": "matrices",
    "gain": "gains",
}
DECAYED = ("head", "matrices")


def groups(
    training: TrainingKeys,
    shape: Shape,
    batch: int,
    tokens: float | None,
    decay: float | None = None,
) -> dict[str, Group]:
    """Return the groups of an architecture by role, at a batch and a number of training tokens.

    decay: in place of the study's own.
    """
    share = training.decay(batch, tokens) if decay is None else decay
    every = {}
    for role, name in ROLES.items():
        own = training.groups.get(name) or GroupKeys()
        optimiser = training.optimiser if name == "matrices" else "adamw"
        grows = kinds.load("optimisers", optimiser).UPDATE_GROWS
        factors = training.parametrisation.factors(role, shape, grows)
        times = float(name in DECAYED) if own.decay is None else own.decay
        every[role] = Group(
            optimiser=optimiser,
            rate=own.rate * factors.rate,
            decay=times * factors.decay * share,
            beta1=training.beta1 if optimiser == "adamw" else training.momentum,
            beta2=training.beta2_at(batch),
            epsilon=training.epsilon * factors.epsilon,
        )
    return every
