"""Draw one figure of a study, and write beside it every number that it shows.

Inputs and settings stand in `drawing.inputs`; of the inputs a figure has those that it DRAWS.
Outputs: `pdf`, `svg`, `png`, `csv`. The CSV has one row per plotted point or sample, with the file
that it comes from and that file's sha256; the three pictures are drawn from those rows and embed
the CSV's hash (`formats.figure_identity` reads it back).
"""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.drawing.inputs import Inputs as Inputs
from scaletrace.drawing.inputs import Settings as Settings
from scaletrace.errors import BadInput
from scaletrace.kinds import load, module, names

FOLDER = "figures"


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The picture in three forms, and every number that it shows."""

    pdf: Path
    svg: Path
    png: Path
    csv: Path


def kinds(settings: Settings) -> tuple[str, ...]:
    """Return the module of the figure, so that an edit of one figure redraws it alone."""
    return (module(FOLDER, settings.figure),)


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the figure `settings.figure` as pdf, svg, png and csv; return its number of rows.

    Raises:
        BadInput: there is no such figure, or an input is not what it should be.
    """
    import hashlib

    from scaletrace.drawing import style
    from scaletrace.drawing.rows import sources, to_csv
    from scaletrace.formats.figure_identity import identity_text

    del work
    name = settings.figure
    if name not in names(FOLDER):
        raise BadInput(f"figure: {name!r}; one of {', '.join(names(FOLDER))}")
    figure = load(FOLDER, name)
    content = figure.read(inputs, settings)
    rows = figure.rows(content)
    text = to_csv(settings.study, name, rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    outputs.csv.write_text(text, encoding="utf-8", newline="\n")
    with style.house_style():
        picture = figure.draw(content, rows, settings.title)
        embedded = identity_text(settings.study, name, digest, sources(rows))
        pictures = {"pdf": outputs.pdf, "svg": outputs.svg, "png": outputs.png}
        style.save(picture, pictures, embedded)
    return {"rows": len(rows)}
