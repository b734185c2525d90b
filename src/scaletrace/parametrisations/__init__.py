"""Parametrisations, one a file: `kind` under a study's `training.parametrisation` is the file.

Such a file has `Keys`, what a study says of it. Their `factors(role, shape, grows)` are what it
makes of the rate, the decay and AdamW's epsilon of a weight, by its role (see
`scaletrace.models.language_model`), the architecture, and `UPDATE_GROWS` of its optimiser.
The study's rate, decay and epsilon hold where all factors are 1: at the width and depth of `Keys`.

Multipliers of activations and of initial weights that the papers have are not there: the decoder's
head and the matrices that add to the stream begin at zero, so that for Adam and for Muon a
multiplier is the same as a factor of the rate (Yang et al. 2022, arXiv 2203.03466, lemma J.1).
"""

from dataclasses import dataclass

from scaletrace.kind_keys import KindKeys
from scaletrace.models.counts import Shape


@dataclass(frozen=True)
class Factors:
    """What a parametrisation makes of the study's rate, decay and epsilon for one weight."""

    rate: float = 1.0
    decay: float = 1.0
    epsilon: float = 1.0


class ParametrisationKeys(KindKeys):
    """What a study says of a parametrisation."""

    kind: str

    def factors(self, role: str, shape: Shape, grows: float) -> Factors:
        """Return the factors of a role's weights in an architecture, under an optimiser."""
        raise NotImplementedError
