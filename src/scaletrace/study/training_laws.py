"""Laws of a training in a study file: of rate, batch, warm-up, weight decay and beta2."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from scaletrace import kinds
from scaletrace.formats.fields import Count, CountOrZero, Finite, Positive, Section
from scaletrace.models.counts import Shape, n_non_embedding

LARGEST_DECAY = 0.05
FAMILIES = kinds.names("families")
if TYPE_CHECKING:
    Family: TypeAlias = str
else:
    Family = Literal[FAMILIES]


def _small(decay: float) -> float:
    if decay > LARGEST_DECAY:
        raise ValueError(
            f"at most {LARGEST_DECAY}: the share of a matrix that a step takes away, not "
            "multiplied by the rate; what was 0.1 at a rate of 0.01 is 0.001"
        )
    return decay


Beta = Annotated[float, Field(ge=0, lt=1)]
# A decay that was multiplied by the rate was a hundred times larger.
Share = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    AfterValidator(_small),
]


class ConstantRate(Section):
    """One peak learning rate; what it is for a weight of a size, the parametrisation says."""

    law: Literal["constant"]
    value: Positive = Field(description="peak learning rate")

    def rate(self, shape: Shape, tokens: float | None) -> float:
        """Return the peak learning rate."""
        del shape, tokens
        return self.value


class InverseWidth(Section):
    """Peak learning rate = value x at_width / width."""

    law: Literal["inverse_width"]
    at_width: Count = Field(description="width at which the rate is `value`, channels")
    value: Positive = Field(description="peak learning rate at that width")

    def rate(self, shape: Shape, tokens: float | None) -> float:
        """Return the peak learning rate for an architecture."""
        del tokens
        return self.value * self.at_width / shape.width


class OfD(Section):
    """A law that may depend on D, where runs of every D do not begin as one trunk."""

    at_d: Positive | None = Field(
        default=None, description="D at which it is `value`, training tokens"
    )
    d_exponent: Finite | None = Field(
        default=None, description="exponent of D; where runs share no trunk"
    )

    @model_validator(mode="after")
    def _both_of_d(self) -> "OfD":
        if (self.at_d is None) != (self.d_exponent is None):
            raise ValueError("at_d and d_exponent stand together, or neither does")
        return self

    def of_d(self, d: float | None) -> float:
        """Return what D makes of `value`: 1 where the law has no D."""
        if self.at_d is None or self.d_exponent is None:
            return 1.0
        if d is None:
            raise ValueError("a law of D, and runs of every D begin as one trunk")
        return (d / self.at_d) ** self.d_exponent


class Power(OfD):
    """value x (N / at_n)^n_exponent, and x (D / at_d)^d_exponent where runs share no trunk."""

    law: Literal["power"]
    at_n: Positive = Field(description="N at which it is `value`, non-embedding parameters")
    n_exponent: Finite = Field(description="exponent of N")

    def factor(self, n: float, d: float | None) -> float:
        """Return what the law makes of `value` at N and D."""
        return (n / self.at_n) ** self.n_exponent * self.of_d(d)


class PowerRate(Power):
    """A peak learning rate that is a power law of N, and where runs share no trunk of D."""

    value: Positive = Field(description="peak learning rate at at_n (and at_d)")

    def rate(self, shape: Shape, tokens: float | None) -> float:
        """Return the peak learning rate for an architecture and a number of training tokens."""
        return self.value * self.factor(n_non_embedding(shape), tokens)


class PowerBatch(Power):
    """A batch that is a power law of N (and D, as a rate): contexts by a power of two."""

    value: Positive = Field(description="tokens per optimiser step at at_n (and at_d)")

    def batch(self, shape: Shape, tokens: float | None) -> int:
        """Return the tokens per step: the nearest power of two of contexts, at least one."""
        contexts = self.value * self.factor(n_non_embedding(shape), tokens) / shape.context
        return shape.context << max(0, round(math.log2(contexts)))


class PowerWarmup(Power):
    """A warm-up that is a power law of N (and D, as a rate)."""

    value: Positive = Field(description="tokens over which the rate rises at at_n (and at_d)")


class TunedRate(Section):
    """A peak learning rate by the law that `tuning` finds."""

    law: Literal["tuned"]

    def rate(self, shape: Shape, tokens: float | None) -> None:
        """Return nothing: the plan does not know the rate, training reads the law itself."""
        del shape, tokens


OneRate = Annotated[ConstantRate | InverseWidth | PowerRate | TunedRate, Field(discriminator="law")]
RateLaw = ConstantRate | InverseWidth | PowerRate | TunedRate


def _rate_form(value: Any) -> Any:
    if isinstance(value, dict) and value and value.keys() <= set(FAMILIES):
        return "families"
    return value.get("law") if isinstance(value, dict) else None


Rate = Annotated[
    Annotated[ConstantRate, Tag("constant")]
    | Annotated[InverseWidth, Tag("inverse_width")]
    | Annotated[PowerRate, Tag("power")]
    | Annotated[TunedRate, Tag("tuned")]
    | Annotated[dict[Family, OneRate], Tag("families")],
    Discriminator(
        _rate_form,
        custom_error_type="rate_law",
        custom_error_message="A law is needed: `law` is constant, inverse_width, power or tuned; "
        f"or one such law under each of the families {', '.join(FAMILIES)}",
    ),
]


def _tokens_or_law(value: Any) -> str:
    return "power" if isinstance(value, dict | Power) else "tokens"


Batch = Annotated[
    Annotated[Count, Tag("tokens")] | Annotated[PowerBatch, Tag("power")],
    Discriminator(_tokens_or_law),
]
Warmup = Annotated[
    Annotated[CountOrZero, Tag("tokens")] | Annotated[PowerWarmup, Tag("power")],
    Discriminator(_tokens_or_law),
]


class Decay(OfD):
    """A weight decay that is a power law of batch and, where runs share no trunk, of D."""

    value: Share = Field(description="share of a weight that a step at the peak rate takes away")
    at_batch: Count = Field(description="tokens per step at which it is `value`")
    batch_exponent: Finite = Field(default=1.0, description="exponent of the batch")

    def share(self, batch: int, tokens: float | None) -> float:
        """Return the share that a step takes away at a batch and a number of training tokens."""
        of_batch = (batch / self.at_batch) ** self.batch_exponent
        return self.value * of_batch * self.of_d(tokens)


class BetaOfBatch(Section):
    """A beta2 that forgets as many tokens at every batch: value ^ (batch / at_batch)."""

    value: Beta = Field(description="beta2 at that batch")
    at_batch: Count = Field(description="tokens per step at which it is `value`")
