"""Kinds of values that a study file holds."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


def _whole(value: Any) -> Any:
    """Turn 1.0e6 (which YAML reads as a float, or as a string) into 1000000."""
    if isinstance(value, str) and re.fullmatch(r"[0-9.]+[eE][+-]?[0-9]+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def each_once(values: list[Any], info: ValidationInfo) -> list[Any]:
    """Refuse a list in which a value stands twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} stands twice in {info.field_name}; list each once")
        seen.add(value)
    return values


Name = Annotated[str, Field(pattern=NAME)]
# More than anybody counts, and few enough to compute with.
LARGEST = 10**18
Count = Annotated[int, BeforeValidator(_whole), Field(gt=0, le=LARGEST)]
CountOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=LARGEST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seeds = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1), AfterValidator(each_once)
]


class Section(BaseModel):
    """A part of the study file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
