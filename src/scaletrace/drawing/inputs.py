"""What a figure is drawn from, and how it is asked for: the files, and the settings."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Inputs:
    """What figures draw; each needs some of it.

    trunk_curves: the segments of a trunk in order of training. law, trials: one of each per
    family. coordinates: one of each model.
    """

    observations: Path | None = None
    fits: tuple[Path, ...] = ()
    curves: tuple[Path, ...] = ()
    trunk_curves: tuple[Path, ...] = ()
    law: tuple[Path, ...] = ()
    trials: tuple[Path, ...] = ()
    coordinates: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How a figure is asked for.

    Args:
        study: its name.
        figure: name of a module of `figures`.
        title: plain, may be empty.
        conventions: `n` is non_embedding, total or with_head, the N of the axis.
        runs: names, one per file of `curves`.
        trunks: `<size>-s<seed>`, one per file of `trunk_curves`.
        n_range: between which N laws of the learning rate are drawn.
    """

    study: str
    figure: str
    title: str
    conventions: dict[str, str]
    runs: list[str]
    trunks: list[str]
    n_range: tuple[float, float] | None = None
