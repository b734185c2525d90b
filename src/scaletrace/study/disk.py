"""What a study's files take on disk: planned from parameter counts, and as they lie here."""

import dataclasses
from typing import Literal

from scaletrace import kinds
from scaletrace.study.graph import Graph, Job
from scaletrace.study.keep import Kind, kind_of
from scaletrace.study.runs import Run

WEIGHT_BYTES = 4  # fp32, moments too
# Texts are written once as text, and once as tokens, which take about as much: ids of two bytes
# for 1.6 bytes of text in a vocabulary of 320, for 2.6 in one of 1,024.
SPLITS = 3
# Curves, evaluations, tables, figures and job records, measured on studies of 10 and of 51 runs.
SMALL_BYTES = 30_000


@dataclasses.dataclass
class Files:
    """The files of one kind: how many, the bytes that they are planned to take, and those here.

    stays: what `keep` in the study file says of them.
    """

    kind: Kind | Literal["small"]
    stays: str
    files: int = 0
    bytes: float = 0.0
    bytes_here: int = 0


def files_by_kind(graph: Graph) -> list[Files]:
    """Return what the jobs of a study write, by what `keep` in its file calls it."""
    keep = graph.plan.study.keep
    small = Files("small", "pushed")
    large = {"text": Files("text", keep.text), "states": Files("states", keep.states)}
    large["models"] = Files("models", keep.models)
    for job in graph.everything():
        small.bytes += SMALL_BYTES
        for path in job.output_files().values():
            kind = kind_of(path)
            files = large[kind] if kind else small
            files.files += 1
            files.bytes += _bytes(graph, job, kind) if kind else 0
            files.bytes_here += path.stat().st_size if path.is_file() else 0
    return [*large.values(), small]


def _bytes(graph: Graph, job: Job, kind: Kind) -> float:
    """Return about how many bytes a large file takes that a job writes."""
    if job.size is None:
        return graph.estimates.text_bytes / SPLITS
    run = graph.plan.longest[job.size]
    return WEIGHT_BYTES * (run.n_total + (_moments(graph, run) if kind == "states" else 0))


def _moments(graph: Graph, run: Run) -> int:
    """Return the numbers that a state of a run keeps beside its weights."""
    of_matrices, of_others = (
        len(kinds.load("optimisers", name).MOMENTS)
        for name in (graph.plan.study.training.optimiser, "adamw")
    )
    return of_matrices * run.n_non_embedding + of_others * (run.n_total - run.n_non_embedding)


def kept(files: list[Files]) -> float:
    """Return the bytes that stay when nothing needs the files any more."""
    return sum(one.bytes for one in files if one.stays != "while_needed")
