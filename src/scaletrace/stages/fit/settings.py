"""What a fit depends on besides the table, and which values are allowed."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.science import resampling
from scaletrace.science.laws import LAWS
from scaletrace.science.objectives import NAMES, Objective


@dataclass(frozen=True)
class Settings:
    """What a fit depends on besides the table. A column that is None is the table's default."""

    law: str
    budget: str | None = None
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

    @property
    def penalty(self) -> Objective:
        """The objective with its constants."""
        return Objective(self.objective, self.delta, self.above)


def check_settings(values: dict[str, Any]) -> Settings:
    """Return settings whose every value is allowed.

    Raises:
        BadInput: an unknown setting, or a value outside what is allowed.
    """
    known = {item.name for item in fields(Settings)}
    if unknown := set(values) - known:
        raise BadInput(f"fit: no setting {min(unknown)!r}; allowed: {', '.join(sorted(known))}")
    chosen = Settings(**values)
    units = tuple(resampling.ASSUMES)
    for name, value, allowed in (
        ("law", chosen.law, tuple(LAWS)),
        ("objective", chosen.objective, NAMES),
        ("unit", chosen.unit, units),
        *(("compare", name, tuple(LAWS)) for name in chosen.compare),
    ):
        if value not in allowed:
            raise BadInput(f"fit: {name} {value!r}; allowed: {', '.join(allowed)}")
    for name, value, sound, allowed in (
        ("delta", chosen.delta, 0.0 < chosen.delta < np.inf, "a positive number"),
        ("above", chosen.above, 0.0 < chosen.above < 1.0, "between 0 and 1"),
        ("level", chosen.level, 0.0 < chosen.level < 1.0, "between 0 and 1"),
        ("resamples", chosen.resamples, chosen.resamples >= 100, "at least 100"),
        ("drop_highest", chosen.drop_highest, chosen.drop_highest >= 0, "0 or more"),
        ("seed", chosen.seed, chosen.seed >= 0, "0 or more"),
    ):
        if not sound:
            raise BadInput(f"fit: {name} {value}; allowed: {allowed}")
    law = LAWS[chosen.law]
    for name, value in chosen.fixed.items():
        if name not in law.names:
            raise BadInput(f"fit: {law.name} has no parameter {name!r}; {', '.join(law.names)}")
        parameter = law.parameters[law.index(name)]
        positive = parameter.logarithmic or parameter.low >= 0.0
        if not np.isfinite(value) or (positive and value <= 0.0):
            raise BadInput(f"fit: {name} held at {value}; a positive finite number is needed")
    if len(chosen.fixed) == len(law.names):
        raise BadInput(f"fit: every parameter of {law.name} is held; leave at least one to fit")
    return chosen
