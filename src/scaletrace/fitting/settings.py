"""What a fit depends on besides the table."""

from dataclasses import dataclass, field
from typing import Literal, get_args

ObjectiveName = Literal["huber", "squared_log", "squared", "asymmetric"]
UnitName = Literal["observation", "cluster", "seed"]
MetricName = Literal["nats", "bits_per_byte", "perplexity", "accuracy", "error", "other"]
OBJECTIVES: tuple[str, ...] = get_args(ObjectiveName)
UNITS: tuple[str, ...] = get_args(UnitName)
METRICS: tuple[str, ...] = get_args(MetricName)
LEAST_RESAMPLES = 100  # or none
AUTO = "auto"  # in place of a law's name: the law that predicts best


@dataclass(frozen=True)
class Settings:
    """What a fit depends on besides the table. A column that is None is the table's default.

    where: conditions on rows, all of which must hold; scale: n, d, c, u or loss -> what the
    column is multiplied by; metric: what the loss column measures; envelope: of rows with the same
    N and D, keep the one of the lowest loss; multiplier: column of two groups of runs to compare;
    tied: exponent -> the one that it equals.
    """

    law: str
    budget: str | None
    family: str | None = None
    n: str | None = None
    d: str | None = None
    flops: str | None = None
    unique: str | None = None
    loss: str | None = None
    loss_se: str | None = None
    weighted: bool = True
    cluster: str | None = None
    seed_column: str | None = None
    objective: str = "huber"
    delta: float = 1e-3
    above: float = 0.2
    fixed: dict[str, float] = field(default_factory=dict)
    drop_highest: int = 0
    unit: str = "cluster"
    resamples: int = 1000
    seed: int = 0
    level: float = 0.95
    compare: list[str] = field(default_factory=list)
    sensitivity: bool = False
    isoflop: bool = False
    where: list[str] = field(default_factory=list)
    scale: dict[str, float] = field(default_factory=dict)
    metric: str | None = None
    envelope: bool = False
    multiplier: str | None = None
    tied: dict[str, str] = field(default_factory=dict)
