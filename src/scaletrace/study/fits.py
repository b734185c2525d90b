"""What a study file says of a fit: a law, with the options that `scaletrace fit` has."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from scaletrace import kinds
from scaletrace.fitting.settings import LEAST_RESAMPLES, ObjectiveName, UnitName
from scaletrace.formats.fields import Count, CountOrZero, Finite, Name, Positive, Section

if TYPE_CHECKING:
    LawName = str
else:
    LawName = Literal[kinds.names("laws")]

Share = Annotated[float, Field(gt=0, lt=1)]
NColumn = Literal["n_non_embedding", "n_with_head", "n_total"]
FlopsColumn = Literal["flops_exact", "flops_6nd"]
LossColumn = Literal["loss", "bits_per_byte", "perplexity"]
LabelColumn = Literal["run", "size", "family", "seed", "budget"]


class StudyFit(Section):
    """One law to fit; what is left out is as `scaletrace fit` has it, in the study's columns."""

    law: LawName = Field(description="the law")
    name: Name | None = Field(
        None, description="name of the fit, for files and figures; the law's where it is left out"
    )
    per: Literal["budget", "all"] | None = Field(
        None,
        description="one fit per budget, or one to all runs; power_n per budget, others to all",
    )
    n: NColumn | None = Field(None, description="column of N; conventions.n where left out")
    d: Literal["n_tokens", "unique_tokens"] | None = Field(
        None, description="column of D; n_tokens where left out"
    )
    flops: FlopsColumn | None = Field(
        None, description="column of C; conventions.flops where left out"
    )
    unique: Literal["unique_tokens"] | None = Field(None, description="column of unique tokens")
    loss: LossColumn | None = Field(None, description="column of the loss; nats where left out")
    loss_se: Literal["loss_se"] | None = Field(
        None, description="column of the standard error of the loss"
    )
    weighted: bool = Field(True, description="weight by the standard errors of the loss")
    cluster: LabelColumn | None = Field(None, description="what shares noise; size where left out")
    seed_column: Literal["seed"] | None = Field(None, description="column of the seed")
    objective: ObjectiveName = Field("huber", description="what is minimised")
    delta: Positive = Field(1e-3, description="Huber threshold, log loss")
    above: Share = Field(0.2, description="asymmetric: weight of losses above the law")
    fixed: dict[str, Finite] = Field(default={}, description="parameters held at a value")
    tied: dict[str, str] = Field(default={}, description="exponents that equal others, by name")
    drop_highest: CountOrZero = Field(0, description="highest losses to leave out")
    unit: UnitName = Field("cluster", description="what is resampled")
    resamples: Annotated[Count, Field(ge=LEAST_RESAMPLES, le=10**6)] = Field(
        1000, description="bootstrap resamples"
    )
    seed: CountOrZero = Field(0, description="seed of the resamples")
    level: Share = Field(0.95, description="coverage of the intervals")
    compare: list[LawName] = Field(default=[], description="laws to compare with")
    sensitivity: bool = Field(False, description="refit under other choices, one at a time")
    isoflop: bool = Field(
        False, description="also find the best N of each budget of FLOPs, and its growth"
    )


def _entry(value: Any) -> Any:
    return {"law": value} if isinstance(value, str) else value


Entry = Annotated[StudyFit, BeforeValidator(_entry, json_schema_input_type=LawName | StudyFit)]
