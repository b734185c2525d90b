"""How a model is trained, as plain data: what the plan says and a training reads."""

import dataclasses
from pathlib import Path

from scaletrace.kinds import load, module
from scaletrace.models.counts import Shape
from scaletrace.optimisers import Group
from scaletrace.training.schedules import cosine, stepped, wsd


@dataclasses.dataclass(frozen=True)
class Compute:
    """Where, and in which parts, a step is computed: it decides the last bits of the result.

    `micro_batch_tokens` is the most that a process takes in one pass, None the whole of its share.
    `cuda_graphs` records a pass once and replays it, for models that a GPU computes faster than a
    host can launch their operations.
    """

    device: str = "cpu"
    processes: int = 1
    micro_batch_tokens: int | None = None
    sharded: bool = False
    cuda_graphs: bool = False


def with_beta2(groups: dict[str, Group], beta2: float) -> dict[str, Group]:
    """Return groups with another beta2."""
    return {role: dataclasses.replace(group, beta2=beta2) for role, group in groups.items()}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train from one step to another; steps are 0-based, rates per step.

    A trunk of the `wsd` schedule leaves `cooldown_from_step` out; `cosine` does not read it.
    drops: the trunk's steps down, (step, factor); what `cosine` does not read either.
    groups: by the roles of a model's weights. z_loss: weight of the mean of logsumexp(logits)^2 in
    what is minimised. spike: the multiple of the mean gradient norm above which a step is skipped;
    None skips none.
    """

    seed: int
    batch_tokens: int
    learning_rate: float
    schedule: str
    warmup_steps: int
    from_step: int
    to_step: int
    clip: float
    groups: dict[str, Group]
    cooldown_from_step: int | None = None
    drops: tuple[tuple[int, float], ...] = ()
    z_loss: float = 0.0
    spike: float | None = None

    def factor(self, step: int) -> float:
        """Return what the schedule makes of rates and decays at `step`: at most 1."""
        if self.schedule == "cosine":
            return cosine(step, self.warmup_steps, self.to_step)
        cooldown = self.to_step if self.cooldown_from_step is None else self.cooldown_from_step
        return wsd(step, self.warmup_steps, cooldown, self.to_step) * stepped(step, self.drops)

    def rate(self, step: int) -> float:
        """Return the learning rate of `step`."""
        return self.learning_rate * self.factor(step)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """All that a training job is told: the model, the recipe, and how the work is done.

    A learning rate that is None is read from the law that tuning has found.
    save_seconds: between two states on the disk.
    """

    model: Shape
    seed: int
    batch_tokens: int
    learning_rate: float | None
    schedule: str
    warmup_steps: int
    groups: dict[str, Group]
    clip: float
    threads: int
    save_seconds: float
    from_step: int
    to_step: int
    cooldown_from_step: int | None = None
    drops: tuple[tuple[int, float], ...] = ()
    compute: Compute = Compute()
    z_loss: float = 0.0
    spike: float | None = None

    def recipe(self) -> Recipe:
        """Return the recipe alone.

        Raises:
            ValueError: the rate was left to tuning and is not known yet.
        """
        if self.learning_rate is None:
            raise ValueError("learning_rate: left to tuning, and no law is given")
        names = (field.name for field in dataclasses.fields(Recipe))
        return Recipe(**{name: getattr(self, name) for name in names})


@dataclasses.dataclass(frozen=True)
class TrainingInputs:
    """Training tokens with their header, the state to go on from, and the tuned law if one is."""

    tokens: Path
    header: Path
    state: Path | None = None
    law: Path | None = None


def kinds(settings: TrainingSettings) -> tuple[str, ...]:
    """Return the modules that a training loads by name.

    That is its family and its optimisers; what skips steps, if any are; what several processes or
    passes take; and what a GPU takes, with the family's mixed-precision form.
    """
    family, compute = load("families", settings.model.family), settings.compute
    loaded = [family.__name__]
    loaded += sorted({module("optimisers", group.optimiser) for group in settings.groups.values()})
    if settings.spike is not None:
        loaded.append(module("training", "spikes"))
    if compute != Compute():
        loaded.append(module("training", "workers"))
    if compute.device != "cpu":
        loaded.append(module("training", compute.device))
        loaded += [family.MIXED_PRECISION] if family.MIXED_PRECISION else []
    return tuple(loaded)
