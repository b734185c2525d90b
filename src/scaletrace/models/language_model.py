"""What training and evaluation ask of a model, whatever its family."""

from collections.abc import Iterator

from torch import Tensor, nn


class LanguageModel(nn.Module):
    """A causal language model over token ids.

    Every weight has a role, by which it is initialised, updated and decayed: `embedding`, `head`,
    `matrix_in` (a block's matrix that reads the stream), `matrix_out` (one whose product is added
    to the stream) or `gain` (all that is no matrix).
    """

    def role(self, name: str) -> str:
        """Return the role of a weight by its name."""
        raise NotImplementedError

    def parts(self, name: str) -> int:
        """Return how many matrices, one below another, a weight is: 3 for queries to values."""
        del name
        return 1

    def hidden(self, tokens: Tensor) -> Tensor:
        """Map token ids (batch, time) to what the head reads, (batch * time, width)."""
        raise NotImplementedError

    def loss(self, windows: Tensor, z_loss: float = 0.0) -> Tensor:
        """Return the mean loss in nats per token of windows (batch, time + 1).

        Its gradient, not its value, has `z_loss` times the mean of logsumexp(logits)^2 in it.
        """
        raise NotImplementedError

    def window_losses(self, windows: Tensor) -> Tensor:
        """Return the mean loss of each window (batch, time + 1) in nats per token, (batch,)."""
        raise NotImplementedError

    def activations(self, tokens: Tensor) -> Iterator[tuple[str, int | None, Tensor]]:
        """Yield what layers make of token ids (batch, time), (batch * time, channels).

        Each with the kind of its layer and the number of its block from 1, None outside of blocks:
        `embedding`, kinds of the family's own, `stream` (what the head's norm reads, where there
        is one), `logits`.
        """
        raise NotImplementedError
