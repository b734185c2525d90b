"""A study file for runs that were proposed by N and D: of architectures that come nearest.

It is a former study with further sizes and budgets, so that what that study trained is not trained
again; or, where there is none, a plain ladder of decoders. Sizes and budgets of a study are
crossed: what of it is neither a former nor a proposed run stands under `exclude`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.models import counts
from scaletrace.study.config import Ladder, Study
from scaletrace.study.runs import Run, runs, shapes

REASON = "not among the proposed runs"
NEAR = 1.1  # a size of the former study this close to a proposed N (factor) is taken for it
WIDEST = 1 << 16
PLAIN: dict[str, Any] = {
    "corpus": {"source": "docstrings"},
    "vocabulary": {"kind": "bpe", "size": 1024},
    "model": {"context": 128},
    "training": {
        "batch_tokens": 1024,
        "learning_rate": {"law": "inverse_width", "at_width": 32, "value": 0.024},
    },
    "evaluation": {"split": "test", "tokens": 131_072},
}
COUNTS = {
    "n_non_embedding": counts.n_non_embedding,
    "n_with_head": counts.n_with_head,
    "n_total": counts.n_total,
}


@dataclass(frozen=True)
class Wanted:
    """A proposed run: N, D, and how many seeds."""

    n: float
    d: float
    seeds: int


def proposed_study(
    name: str,
    wanted: Sequence[Wanted],
    n_column: str,
    former: Study | None,
    fits: list[Any] | None,
) -> str:
    """Return the text of a study file.

    Args:
        name: of the study.
        wanted: the proposed runs.
        n_column: how their N is counted; anything but a study's own columns is as the study has it.
        former: the study that was fitted, if there is one; its sizes and budgets stay.
        fits: to make; those of the former study where it is None.

    Raises:
        BadInput: no architecture has so many parameters, or a run has no step after its warm-up.
    """
    base: dict[str, Any] = dict(PLAIN)
    if former:
        # A kind's own keys are of another class than the study's field says.
        base = former.model_dump(mode="json", exclude_unset=True, warnings=False)
    base = {"study": name} | {key: value for key, value in base.items() if key != "study"}
    if fits is not None:
        base["fits"] = fits
    sizes = {k: _plain(v) for k, v in former.all_sizes().items()} if former else {}
    base.pop("ladder", None)
    of_former = {run.name for run in runs(former)} if former else set()
    shaped = former or Study.model_validate(
        base | {"sizes": {"any": {"width": 16, "layers": 1, "heads": 1}}, "budgets": [1_000_000]}
    )
    count = COUNTS.get(n_column, COUNTS[f"n_{shaped.conventions.n}"])
    planned: dict[tuple[str, int | float], int] = {}
    for run in wanted:
        size, keys = _size(shaped, sizes, run.n, count)
        sizes.setdefault(size, keys)
        budget = _budget(shaped, sizes[size], run.d)
        planned[size, budget] = max(run.seeds, planned.get((size, budget), 0))
    key = "flops" if former and former.flops else "budgets"
    base[key] = sorted({*base.get(key, []), *(budget for _, budget in planned)})
    old = former.all_sizes() if former else {}
    own_seeds = former.seeds if former else [0]
    for size, keys in sizes.items():
        most = max((n for (name, _), n in planned.items() if name == size), default=0)
        seeds = {*((keys.get("seeds") or own_seeds) if size in old else []), *range(most)}
        if sorted(seeds) != sorted(own_seeds):
            keys["seeds"] = sorted(seeds)
    base["sizes"] = sizes
    study = Study.model_validate(base)
    kept = of_former | set(_named(study, planned))
    left_out = {run.name: REASON for run in runs(study) if run.name not in kept}
    base["exclude"] = base.get("exclude", {}) | left_out
    if not base["exclude"]:
        del base["exclude"]
    return yaml.safe_dump(base, sort_keys=False, width=100)


def _plain(size: Any) -> dict[str, Any]:
    return size.model_dump(mode="json", exclude_unset=True)


def _size(
    study: Study, sizes: dict[str, Any], n: float, count: Callable[[counts.Shape], int]
) -> tuple[str, dict[str, Any]]:
    """Return the name and the keys of the architecture whose N is nearest."""
    first = next(iter(shapes(study).values()))

    def params(keys: dict[str, Any]) -> int:
        shape = {name: keys[name] for name in ("width", "layers", "heads")}
        return count(replace(first, **shape))

    def far(keys: dict[str, Any]) -> float:
        ratio = params(keys) / n
        return max(ratio, 1.0 / ratio)

    known = min(sizes, key=lambda name: far(sizes[name]), default=None)
    if known is not None and far(sizes[known]) <= NEAR:
        return known, sizes[known]
    ladder = study.ladder or Ladder.model_validate({"widths": [16]})
    step = ladder.head_width * (2 if ladder.head_width % 2 else 1)
    low, high = 1, WIDEST // step

    def made(steps: int) -> tuple[str, dict[str, Any]]:
        rule = ladder.model_copy(update={"widths": [steps * step]})
        ((name, size),) = rule.sizes().items()
        return name, {"width": size.width, "layers": size.layers, "heads": size.heads}

    while low < high:  # N grows with the width
        middle = (low + high) // 2
        low, high = (middle + 1, high) if params(made(middle)[1]) < n else (low, middle)
    name, keys = min((made(k) for k in (low - 1, low) if k), key=lambda pair: far(pair[1]))
    if far(keys) > 2.0:
        raise BadInput(
            f"no architecture by the ladder's rule has about N = {n:.3g}; limit the sizes with "
            "--smallest and --largest"
        )
    return name, keys


def _budget(study: Study, keys: dict[str, Any], d: float) -> int | float:
    if not study.flops:
        return int(float(f"{d:.3g}"))
    shape = replace(
        next(iter(shapes(study).values())),
        **{name: keys[name] for name in ("width", "layers", "heads")},
    )
    flops = {"exact": counts.flops_exact, "6nd": counts.flops_6nd}[study.conventions.flops]
    return float(f"{flops(shape, int(d)):.3g}")


def _named(study: Study, planned: dict[tuple[str, int | float], int]) -> Iterator[str]:
    """Yield the names of the proposed runs in a study that has their sizes and budgets."""
    for (size, budget), seeds in planned.items():
        key = "flops" if study.flops else "budgets"
        one = study.model_copy(update={key: [budget]})
        yield from (run.name for run in runs(one) if _plain_size(run) == size and run.seed < seeds)


def _plain_size(run: Run) -> str:
    return run.size if run.family == "decoder" else run.size.removesuffix(f"-{run.family}")
