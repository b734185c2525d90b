"""What training and evaluation ask of a model, whatever its family."""

from torch import Tensor, nn


class LanguageModel(nn.Module):
    """A causal language model over token ids."""

    def hidden(self, tokens: Tensor) -> Tensor:
        """Map token ids (batch, time) to what the head reads, (batch * time, width)."""
        raise NotImplementedError

    def loss(self, windows: Tensor) -> Tensor:
        """Return the mean loss in nats per token of windows (batch, time + 1)."""
        raise NotImplementedError

    def window_losses(self, windows: Tensor) -> Tensor:
        """Return the mean loss of each window (batch, time + 1) in nats per token, (batch,)."""
        raise NotImplementedError
