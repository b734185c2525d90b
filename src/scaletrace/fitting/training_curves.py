"""Which `curve.csv` files are one training: a run's own, after those of the trunk it left.

A study keeps `trunks/<size>-s<seed>/<tokens>/curve.csv` and, for the runs that left it,
`runs/<size>-s<seed>-<budget>/curve.csv`.
A curve that lies elsewhere is a whole training by itself.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.curve import CurvePoint, read_curve


@dataclass(frozen=True)
class TrainingCurve:
    """The points of one file, after those of the same training that came before.

    training: what shares its noise with it: the trunk, or the curve's own file.
    """

    path: Path
    name: str
    training: str
    before: Sequence[CurvePoint]
    points: Sequence[CurvePoint]


def trunk_of(path: Path) -> Path | None:
    """Return the folder of the trunk that a curve belongs to; None outside a study's results."""
    if path.name != "curve.csv":
        return None
    folders = path.absolute().parts[:-1]
    if len(folders) > 3 and folders[-3] == "trunks":
        return Path(*folders[:-1])
    if len(folders) > 2 and folders[-2] == "runs" and "-s" in folders[-1]:
        return Path(*folders[:-2], "trunks", folders[-1].rpartition("-")[0])
    return None


def with_trunks(paths: Iterable[Path]) -> list[Path]:
    """Return the curves and those of the trunks that they left, as far as they lie here."""
    every: dict[Path, None] = {}
    for path in paths:
        trunk = trunk_of(path)
        segments = trunk.glob("*/curve.csv") if trunk is not None else ()
        every |= dict.fromkeys([*sorted(segments), path.absolute()])
    return list(every)


def read_trainings(paths: Sequence[Path]) -> list[TrainingCurve]:
    """Read curves, each after those among them that its training had before.

    Raises:
        BadInput: a file is no loss curve, its steps do not ascend, or its trunk is not there.
    """
    read = {path: _ascending(path) for path in paths}
    found = []
    for path, points in read.items():
        trunk = trunk_of(path)
        if trunk is None or not points:
            found.append(TrainingCurve(path, str(path), str(path), (), points))
            continue
        earlier = [
            other
            for other, its in read.items()
            if other.parent.parent == trunk and its and its[-1].step < points[0].step
        ]
        before = sorted((point for other in earlier for point in read[other]), key=_step)
        if points[0].step > 1 and not before:
            raise BadInput(
                f"{path}: begins at step {points[0].step}, and the trunk that it left is not at "
                f"{trunk}: bring its curves there (scaletrace restore)"
            )
        own = path.parent.name if path.parent.parent != trunk else trunk.name
        found.append(TrainingCurve(path, own, trunk.name, before, points))
    return found


def _ascending(path: Path) -> list[CurvePoint]:
    points = read_curve(path)
    for line, (one, other) in enumerate(itertools.pairwise(points), start=3):
        if other.step <= one.step:
            raise BadInput(
                f"{path}: line {line}: step {other.step} after {one.step}; steps must ascend"
            )
    return points


def _step(point: CurvePoint) -> int:
    return point.step
