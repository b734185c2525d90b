"""Model families by name: each is a module of its own, imported only where it is in use.

A stage does not import them, so that an edit of one family leaves what the others trained as it
is: a stage's fingerprint takes the module of the family in use besides what the stage imports.
Every module has a function `build(shape, seed)`.
"""

import importlib
from typing import TYPE_CHECKING

from scaletrace.models.counts import Shape

if TYPE_CHECKING:
    from scaletrace.models.language_model import LanguageModel

MODULES = {
    "decoder": "scaletrace.families.decoder",
    "encoder_textbook": "scaletrace.families.encoder_textbook",
}


def build(shape: Shape, seed: int) -> "LanguageModel":
    """Return an untrained model of the shape's family; equal seeds give equal weights."""
    return importlib.import_module(MODULES[shape.family]).build(shape, seed)
