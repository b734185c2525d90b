"""Where each size is trained, by how many processes and in which passes: chosen once, in the plan.

The batch is the study's. A pass is as large a part of it as the GPU's memory holds; passes add up
to the batch. What is chosen decides the last bits of a result, so it stands in the job's settings.
"""

from scaletrace.errors import BadInput
from scaletrace.models.counts import Shape
from scaletrace.models.memory import GIB, fits, training_bytes
from scaletrace.study.config import Study
from scaletrace.study.runs import named
from scaletrace.study.training import TrainingKeys
from scaletrace.training.recipe import Compute


def processes(study: Study) -> dict[str, int]:
    """Return how many processes train a model of each size together."""
    return {
        named(name, family): size.gpus
        for family in study.model.family
        for name, size in study.all_sizes().items()
    }


def passes(
    training: TrainingKeys, size: str, shape: Shape, batch_tokens: int, count: int = 1
) -> Compute:
    """Return the largest passes of a size that fit into `training.gpu_memory`.

    On the CPU each of the `count` processes takes its share of the batch at once. Moments are kept
    by shares only where no pass would fit otherwise.

    Raises:
        BadInput: processes cannot share the batch equally, or one window is too large.
    """
    share, rest = divmod(batch_tokens // shape.context, count)
    if rest:
        raise BadInput(
            f"sizes.{size}.gpus: {count} cannot share a batch of {batch_tokens} tokens equally; "
            f"the batch must be a multiple of {count * shape.context}"
        )
    if training.gpu_memory is None:
        return Compute(training.device, count, share * shape.context)
    divisors = [n for n in range(share, 0, -1) if share % n == 0]
    for keepers in dict.fromkeys((1, count)):
        for sequences in divisors:
            tokens = sequences * shape.context
            needed = training_bytes(shape, tokens, keepers, training.cuda_graphs)
            if fits(needed, training.gpu_memory):
                graphs = training.cuda_graphs
                return Compute(training.device, count, tokens, keepers > 1, graphs)
    smallest = training_bytes(shape, shape.context, count, training.cuda_graphs) / GIB
    raise BadInput(
        f"training.gpu_memory: {training.gpu_memory:g} GiB; {size} with {count} GPU(s) needs about "
        f"{smallest:.1f} GiB for one window of {shape.context} tokens; give it a larger GPU, or "
        "more of them (gpus)"
    )


def chosen(
    training: TrainingKeys, size: str, shape: Shape, batch_tokens: int, count: int
) -> Compute:
    """Return what a training job is told of it; the default for one process on the CPU."""
    if training.device == "cpu" and count == 1:
        return Compute()
    return passes(training, size, shape, batch_tokens, count)
