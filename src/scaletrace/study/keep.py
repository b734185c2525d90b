"""What of a study's large files stays when nothing needs them any more, and what DVC is given."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from scaletrace.formats.fields import Section
from scaletrace.study.rules import LARGE, RESULTS

Kind = Literal["text", "states", "models"]


def kind_of(path: str | Path) -> Kind | None:
    """Return what a study's `keep` calls a file; None for one that is small, or no result."""
    name = str(path)
    if not name.startswith(f"{RESULTS}/") or not name.endswith(LARGE):
        return None
    if name.endswith("/state.safetensors"):
        return "states"
    return "models" if name.endswith("/model.safetensors") else "text"


class Keep(Section):
    """What stays of a study's large files; small ones all stay, and are recorded."""

    text: Literal["pushed", "local"] = Field(
        default="pushed",
        description="texts and token files; pushed: they stay, and `dvc push` sends them; local: "
        "they stay here, and DVC gets none",
    )
    states: Literal["pushed", "local", "while_needed"] = Field(
        default="pushed",
        description="states of trunks, three times a model's size each; while_needed: deleted "
        "when no job needs them any more, and computed again when a new one does",
    )
    models: Literal["pushed", "local", "while_needed"] = Field(
        default="pushed",
        description="final models; with while_needed for states too, an added budget trains all "
        "runs of its sizes again",
    )

    def _of(self, path: str | Path) -> str:
        kind = kind_of(path)
        return getattr(self, kind) if kind else "pushed"

    def drops(self, path: str | Path) -> bool:
        """Tell whether a file goes when no job needs it any more."""
        return self._of(path) == "while_needed"

    def pushes(self, path: str | Path) -> bool:
        """Tell whether a file is one that a record is complete with, and that DVC or git holds."""
        return self._of(path) == "pushed"
