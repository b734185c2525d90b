"""Draw one figure of a study, and write beside it every number that it shows.

Settings: `study`, `figure` (one of FIGURES), `title` (plain text, may be empty), `conventions`
(`n`: non_embedding, total or with_head: the N of the axis). For training_curves also `runs` (names,
one per file of `curves`) and `trunks` (`<size>-s<seed>`, one per file of `trunk_curves`, the
segments of a trunk in order of training), for tuning `n_range` (between which N to draw the laws).

Inputs: `observations`, and as the figure needs them `fits`, `curves`, `trunk_curves`; for tuning
`law` and `trials` instead, one of each per family.
Outputs: `pdf`, `svg`, `png`, `csv`. The CSV has one row per plotted point or sample, with the file
that it comes from and that file's sha256; the three pictures are drawn from those rows and embed
the CSV's hash (`formats.figure_identity` reads it back).
"""

import hashlib
from pathlib import Path
from typing import Any

from scaletrace.drawing import style
from scaletrace.drawing.content import read_study
from scaletrace.drawing.rows import sources, to_csv
from scaletrace.errors import BadInput
from scaletrace.figures import loss_vs_params, loss_vs_tokens, residuals, training_curves, tuning
from scaletrace.formats.figure_identity import identity_text

FIGURES = {
    "loss_vs_params": loss_vs_params,
    "loss_vs_tokens": loss_vs_tokens,
    "training_curves": training_curves,
    "residuals": residuals,
    "tuning": tuning,
}


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Write the figure `settings["figure"]` as pdf, svg, png and csv; return its number of rows."""
    del work
    name = settings["figure"]
    if name not in FIGURES:
        raise BadInput(f"figure: {name!r}; one of {', '.join(FIGURES)}")
    module = FIGURES[name]
    read = tuning.read_tuning if name == "tuning" else read_study
    study = read(inputs, settings)
    rows = module.rows(study)
    text = to_csv(settings["study"], name, rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    outputs["csv"].write_text(text, encoding="utf-8", newline="\n")
    with style.house_style():
        picture = module.draw(study, rows, settings["title"])
        embedded = identity_text(settings["study"], name, digest, sources(rows))
        style.save(picture, outputs, embedded)
    return {"rows": len(rows)}
