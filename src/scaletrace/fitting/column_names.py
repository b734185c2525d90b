"""What columns of anybody's tables are called: names by variable and by metric, best first.

A name here is written as `plain_name` writes a header: `eval/loss`, `Eval Loss` and
`run1 - eval/loss` are all `eval_loss`. Of the names of one group none is better than another.
"""

import functools
import re

HELD_OUT = ("val", "eval", "valid", "validation", "test", "dev", "heldout", "held_out")


def _held_out(*names: str) -> tuple[str, ...]:
    """Return the names, alone and of every name that held-out text has."""
    return tuple(
        name if split is None else f"{split}_{name}"
        for split in (None, *HELD_OUT, "final", "final_val", "final_eval")
        for name in names
    )


LOSS = (*_held_out("loss", "nll", "cross_entropy", "ce_loss", "lm_loss", "xent"), "loss_nats")
BITS = _held_out("bpb", "bits_per_byte")
PERPLEXITY = _held_out("ppl", "perplexity")
ERROR = _held_out("error", "error_rate", "err", "top1_error")
ACCURACY = _held_out("accuracy", "acc", "acc1", "top1", "top1_accuracy", "top_1_accuracy")
TRAIN_LOSS = ("train_loss", "training_loss", "train_ce_loss", "train_nll")

# A study's own columns come first: they stand beside other counts of the same thing.
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "n": (
        ("n_params",),
        ("n_non_embedding",),
        (
            *("params", "parameters", "num_params", "num_parameters", "n_parameters", "nparams"),
            *("param_count", "parameter_count", "params_count", "total_params", "model_params"),
            *("total_parameters", "model_parameters", "n_total_params", "number_of_parameters"),
            *("non_embedding_params", "params_non_embedding", "non_embedding_parameters"),
            *("active_params", "active_parameters", "n_active_params", "activated_params", "n"),
            *("n_total", "n_with_head", "trainable_params", "num_trainable_params", "param"),
        ),
        ("model_size", "size"),
    ),
    "d": (
        ("n_tokens",),
        (
            *("tokens", "train_tokens", "training_tokens", "num_tokens", "total_tokens"),
            *("tokens_seen", "num_train_tokens", "n_train_tokens", "token_count", "ntokens"),
            *("tokens_trained", "consumed_tokens", "dataset_tokens", "data_tokens"),
            *("number_of_tokens", "train_tokens_seen", "tokens_processed", "tokens_consumed"),
            "d",
        ),
        (
            *("dataset_size", "training_dataset_size", "training_dataset_size_datapoints"),
            *("samples_seen", "examples_seen", "n_samples", "num_samples", "data_size"),
        ),
    ),
    "c": (
        ("flops",),
        ("flops_exact",),
        (
            *("compute", "train_flops", "training_flops", "total_flops", "training_compute"),
            *("train_compute", "flops_6nd", "flop", "num_flops", "n_flops", "flops_total"),
            *("total_compute", "total_flop", "training_flop", "train_flop", "c"),
            "training_compute_flop",
        ),
        ("compute_budget", "flops_budget", "flop_budget", "budget"),
    ),
    "u": (
        ("unique_tokens",),
        ("n_unique_tokens", "unique_train_tokens", "num_unique_tokens", "unique"),
        ("u",),
    ),
    "loss": (
        LOSS,
        ("l",),
        BITS,
        PERPLEXITY,
        ERROR,
        ACCURACY,
        TRAIN_LOSS,
    ),
    "n_opt": (
        ("n_opt",),
        ("n_optimal", "opt_n", "optimal_n", "nopt", "params_opt", "optimal_params"),
    ),
    "d_opt": (
        ("d_opt",),
        ("d_optimal", "opt_d", "optimal_d", "dopt", "tokens_opt", "optimal_tokens"),
    ),
    "loss_se": (("loss_se",),),
}
RATES = ("learning_rate", "lr", "peak_lr", "peak_learning_rate", "max_lr", "base_lr", "eta")
# Names that mean something else as often: taken only where every cell is a number.
DOUBTFUL = frozenset(
    (*NAMES["n"][-1], *NAMES["d"][-1], *NAMES["c"][-1], *NAMES["u"][-1], "n", "d", "c", "l")
)

# Words of a name that tell its metric, the first that it has; a digit may follow.
METRIC_WORDS = {
    "bits_per_byte": ("bpb", "bits_per_byte", "bits_byte"),
    "perplexity": ("ppl", "perplexity"),
    "accuracy": ("accuracy", "acc", "top", "recall", "precision", "f", "em", "exact_match"),
    "error": ("error", "err", "wer", "cer"),
    "other": ("bits", "bpc", "mse"),
    "nats": ("loss", "nll", "xent", "cross_entropy", "entropy", "ce", "l"),
}
# A column with one of these words measures something about the metric.
NOT_A_METRIC = frozenset(
    (
        *("se", "std", "stderr", "sem", "sd", "var", "variance", "ci", "low", "high", "min"),
        *("max", "ratio", "weight", "scale", "function"),
    )
)


@functools.cache
def plain_name(header: str) -> str:
    """Return a header in lower case, its words joined by `_`, without what exports put before it.

    W&B writes `run1 - eval/loss` and `summary.eval/loss`.
    """
    name = header.rpartition(" - ")[2]
    name = re.sub(r"^(summary|config|summary_metrics)[./]", "", name.strip(), flags=re.IGNORECASE)
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def metric_in(header: str) -> str | None:
    """Return the metric that a column's name tells of, or None."""
    words = plain_name(header).split("_")
    if NOT_A_METRIC & {*words}:
        return None
    for metric, tells in METRIC_WORDS.items():
        for tell in tells:
            parts = tell.split("_")
            for i in range(len(words) - len(parts) + 1):
                if [re.sub(r"\d+$", "", word) for word in words[i : i + len(parts)]] == parts:
                    return metric
    return None
