"""What a study file says of training: schedule, batch and learning rate, by law or tuned."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scaletrace import kinds
from scaletrace.formats.fields import (
    Count,
    Name,
    Positive,
    Section,
    Seeds,
    each_once,
)
from scaletrace.kind_keys import OneOf
from scaletrace.models.counts import Shape, n_non_embedding
from scaletrace.parametrisations import ParametrisationKeys, standard
from scaletrace.study.training_laws import (
    FAMILIES,
    Batch,
    Beta,
    BetaOfBatch,
    Decay,
    Family,
    OfD,
    PowerWarmup,
    Rate,
    RateLaw,
    Share,
    Warmup,
)
from scaletrace.study.trunk import Trunk


def _optimiser(name: str) -> str:
    return kinds.summary(kinds.load("optimisers", name))


OPTIMISERS = kinds.names("optimisers")
if TYPE_CHECKING:
    Optimiser: TypeAlias = str
else:
    Optimiser = Literal[OPTIMISERS]

GroupName: TypeAlias = Literal["embedding", "head", "matrices", "gains"]


class GroupKeys(Section):
    """What the weights of one group have of their own."""

    rate: Positive = Field(default=1.0, description="multiple of the learning rate")
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="multiple of weight_decay: by default 1 for matrices and head, else 0",
    )


class TrainingKeys(Section):
    """How every run is trained: the optimiser, with the batch and rate that the study states."""

    optimiser: Optimiser = Field(
        "adamw",
        description="".join(f"{name}: {_optimiser(name)}; " for name in OPTIMISERS).removesuffix(
            "; "
        ),
    )
    parametrisation: Annotated[ParametrisationKeys, OneOf("parametrisations", "kind")] = Field(
        default_factory=standard.Keys,
        description="how rate, decay and epsilon of a weight follow width and depth",
    )
    groups: dict[GroupName, GroupKeys] = Field(
        default={}, description="what the weights of a group have of their own"
    )

    schedule: Literal["wsd", "stepped", "cosine"] = Field(
        "wsd",
        description="wsd: warm-up, constant rate, cooldown; stepped: wsd whose rate goes down at "
        "every state of the trunk; cosine: one for every run alone",
    )
    step_exponent: Positive = Field(
        0.5,
        description="of stepped: the rate goes as (tokens of a trunk's state)^-step_exponent",
    )
    share: bool = Field(
        True,
        description="runs of a size and seed share a trunk; false: every run is trained alone, as "
        "it always is with cosine",
    )
    cooldown: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="fraction of a run's tokens in which a wsd or stepped rate falls to zero"
    )
    batch_tokens: Batch = Field(
        description="tokens per optimiser step, a multiple of the context; or a law of them"
    )
    learning_rate: Rate = Field(description="law of the peak learning rate, or one per family")
    warmup: Warmup = Field(
        100_000, description="tokens over which the learning rate rises, or a law of them"
    )
    weight_decay: Share | Decay = Field(
        0.0001,
        description="share of a matrix that a step at the peak rate takes away, whatever the rate "
        "is; or a law of it",
    )
    beta1: Beta = Field(0.9, description="AdamW's first moment")
    beta2: Beta | BetaOfBatch = Field(
        0.95, description="AdamW's second moment, or a law of it in the batch"
    )
    momentum: Beta = Field(0.95, description="Muon's momentum")
    epsilon: Positive = Field(1e-8, description="what AdamW adds to the root of a second moment")
    clip: Positive = Field(1.0, description="largest gradient norm")
    z_loss: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="weight of the mean of logsumexp(logits)^2 in what is minimised"
    )
    spike: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = Field(
        None,
        description="a step whose gradient norm is more than this multiple of the running mean is "
        "skipped",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cpu: fp32 on one core; cuda: mixed bf16 and fp32 on an NVIDIA GPU"
    )
    gpu_memory: Positive | None = Field(
        None, description="memory that a process may have of its GPU, GiB; for cuda"
    )
    cuda_graphs: bool = Field(
        False, description="record a pass once and replay it, which pays for small models on cuda"
    )

    def beta2_at(self, batch: int) -> float:
        """Return AdamW's second moment at a batch."""
        beta2 = self.beta2
        if isinstance(beta2, BetaOfBatch):
            return beta2.value ** (batch / beta2.at_batch)
        return float(beta2)

    @property
    def shares_trunks(self) -> bool:
        """Whether runs of every D begin as the trunk of their size and seed."""
        return self.share and self.schedule != "cosine"

    def seen(self, tokens: float) -> float | None:
        """Return the D that laws see of a run: none where its first steps are every D's."""
        return None if self.shares_trunks else tokens

    def decay(self, batch: int, tokens: float | None) -> float:
        """Return the share of a matrix that a step takes away, at a batch and tokens."""
        decay = self.weight_decay
        return decay.share(batch, tokens) if isinstance(decay, Decay) else float(decay)

    def law_of(self, family: str) -> RateLaw | None:
        """Return the law of a family's learning rate; None where the study gives none."""
        laws = self.learning_rate
        return laws.get(family) if isinstance(laws, dict) else laws

    def batch(self, shape: Shape, tokens: float | None) -> int:
        """Return the tokens per step for an architecture and a number of training tokens."""
        batch = self.batch_tokens
        return batch if isinstance(batch, int) else batch.batch(shape, tokens)

    def warmup_steps(self, shape: Shape, batch: int, tokens: float | None) -> int:
        """Return the steps over which the rate rises, at a batch and a number of tokens."""
        law = self.warmup
        if isinstance(law, PowerWarmup):
            return math.ceil(law.value * law.factor(n_non_embedding(shape), tokens) / batch)
        return math.ceil(law / batch)

    def drops(self, batch: int, before: int) -> tuple[tuple[int, float], ...]:
        """Return the steps down of the rate, (step, factor), before a step of a batch.

        They lie at the tokens at which those of the study's batch do, of which `batch` is a part.
        """
        if self.schedule != "stepped":
            return ()
        planned = self.batch_tokens if isinstance(self.batch_tokens, int) else batch
        more = planned // batch
        drops = Trunk(planned, self.cooldown).drops(math.ceil(before / more), self.step_exponent)
        return tuple((step * more, factor) for step, factor in drops)

    @model_validator(mode="after")
    def _memory_of_a_gpu(self) -> "TrainingKeys":
        if self.device == "cuda" and self.gpu_memory is None:
            raise ValueError(
                "gpu_memory: missing; device: cuda needs it to choose the passes of a batch (GiB)"
            )
        if self.device == "cpu" and (self.gpu_memory is not None or self.cuda_graphs):
            raise ValueError("gpu_memory and cuda_graphs are for device: cuda; leave them out")
        return self

    @model_validator(mode="after")
    def _trunks_share_no_d(self) -> "TrainingKeys":
        laws = self.learning_rate
        named = laws.items() if isinstance(laws, dict) else [("", laws)]
        every: list[tuple[str, Any]] = [
            (f"learning_rate{'.' * bool(name)}{name}", law) for name, law in named
        ]
        every += [(key, getattr(self, key)) for key in ("batch_tokens", "warmup", "weight_decay")]
        for key, law in every:
            if self.shares_trunks and isinstance(law, OfD) and law.at_d is not None:
                raise ValueError(
                    f"{key}: a law of D needs runs that share no trunk, as runs of every D begin "
                    "as one; say share: false or schedule: cosine, or leave at_d and d_exponent out"
                )
        return self


def _of_families(value: Any) -> Any:
    return dict.fromkeys(FAMILIES, value) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Rates = Annotated[list[Positive], Field(min_length=3), AfterValidator(each_once)]
Budgets = Annotated[list[Count], Field(min_length=1), AfterValidator(each_once)]


class TuningKeys(Section):
    """Short trainings at the smallest sizes that find the law of the best learning rate."""

    sizes: Annotated[list[Name], Field(min_length=2), AfterValidator(each_once)] = Field(
        description="names of the sizes that are tuned, in every family"
    )
    rates: Annotated[
        dict[Family, Rates],
        BeforeValidator(_of_families, json_schema_input_type=Rates | dict[Family, Rates]),
    ] = Field(description="peak learning rates to try, for all families or by family")
    tokens: Annotated[Budgets, BeforeValidator(_listed, json_schema_input_type=Count | Budgets)] = (
        Field(description="training tokens of each trial; several give a law of N and D")
    )
    batches: Annotated[list[Count], AfterValidator(each_once)] = Field(
        default=[],
        description="tokens per step to try; training.batch_tokens is a multiple of each",
    )
    beta2s: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], AfterValidator(each_once)] = Field(
        default=[], description="AdamW's second moments to try"
    )
    decays: Annotated[list[Share], AfterValidator(each_once)] = Field(
        default=[], description="weight decays to try, in place of training.weight_decay"
    )
    seeds: Seeds = Field(default=[0], description="seeds of each trial")
