"""Draw one figure of a study, and write beside it every number that it shows.

Settings: `study`, `figure` (a module of `figures`), `title` (plain, may be empty), `conventions`
(`n`: non_embedding, total or with_head: the N of the axis). For training_curves also `runs` (names,
one per file of `curves`) and `trunks` (`<size>-s<seed>`, one per file of `trunk_curves`, the
segments of a trunk in order of training), for tuning `n_range` (between which N to draw the laws).

Inputs: `observations`, and as the figure needs them `fits`, `curves`, `trunk_curves`; for tuning
`law` and `trials` instead, one of each per family.
Outputs: `pdf`, `svg`, `png`, `csv`. The CSV has one row per plotted point or sample, with the file
that it comes from and that file's sha256; the three pictures are drawn from those rows and embed
the CSV's hash (`formats.figure_identity` reads it back).
"""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace import contract, kinds
from scaletrace.errors import BadInput


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What figures draw; each needs some of it."""

    observations: Path | None = None
    fits: tuple[Path, ...] = ()
    curves: tuple[Path, ...] = ()
    trunk_curves: tuple[Path, ...] = ()
    law: tuple[Path, ...] = ()
    trials: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The picture in three forms, and every number that it shows."""

    pdf: Path
    svg: Path
    png: Path
    csv: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """See the module's docstring."""

    study: str
    figure: str
    title: str
    conventions: dict[str, str]
    runs: list[str]
    trunks: list[str]
    n_range: tuple[float, float] | None = None


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the figure `settings.figure` as pdf, svg, png and csv; return its number of rows."""
    import hashlib

    from scaletrace.drawing import style
    from scaletrace.drawing.content import read_study
    from scaletrace.drawing.rows import sources, to_csv
    from scaletrace.figures import tuning
    from scaletrace.formats.figure_identity import identity_text

    del work
    name = settings.figure
    if name not in kinds.names("figures"):
        raise BadInput(f"figure: {name!r}; one of {', '.join(kinds.names('figures'))}")
    module = kinds.load("figures", name)
    read = tuning.read_tuning if name == "tuning" else read_study
    study = read(contract.files_by_name(inputs), dataclasses.asdict(settings))
    rows = module.rows(study)
    text = to_csv(settings.study, name, rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    outputs.csv.write_text(text, encoding="utf-8", newline="\n")
    with style.house_style():
        picture = module.draw(study, rows, settings.title)
        embedded = identity_text(settings.study, name, digest, sources(rows))
        pictures = {"pdf": outputs.pdf, "svg": outputs.svg, "png": outputs.png}
        style.save(picture, pictures, embedded)
    return {"rows": len(rows)}
