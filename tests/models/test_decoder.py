import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder

SHAPE = Shape(width=16, layers=2, heads=2, context=12, vocabulary_size=50)


def some_windows(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(50, (count, 13), generator=generator)


def stirred(seed: int = 0) -> Decoder:
    """Return a model in which nothing is zero any more."""
    model = Decoder(SHAPE, seed)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model


def test_an_untrained_model_knows_nothing():
    loss = Decoder(SHAPE, seed=0).loss(some_windows())
    assert loss.item() == pytest.approx(math.log(50), rel=1e-6)


def test_equal_seeds_give_equal_models():
    first, again, other = Decoder(SHAPE, 0), Decoder(SHAPE, 0), Decoder(SHAPE, 1)
    assert torch.equal(first.embedding, again.embedding)
    assert not torch.equal(first.embedding, other.embedding)


def test_no_position_sees_a_later_one():
    model, windows = stirred(), some_windows()
    changed = windows.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 50
    before, after = (model.hidden(w[:, :-1]).view(3, 12, 16) for w in (windows, changed))
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.isclose(before[:, 7:], after[:, 7:]).all(-1).any()


def test_sequences_of_a_batch_do_not_mix():
    model, windows = stirred(), some_windows()
    together = model.hidden(windows[:, :-1])[:12]
    torch.testing.assert_close(together, model.hidden(windows[:1, :-1]))


def test_loss_and_window_losses_equal_plain_cross_entropy():
    model, windows = stirred(), some_windows()
    logits = model.hidden(windows[:, :-1]) @ model.head.T
    plain = F.cross_entropy(logits, windows[:, 1:].flatten(), reduction="none").view(3, 12)
    assert model.loss(windows).item() == pytest.approx(plain.mean().item(), rel=1e-6)
    torch.testing.assert_close(model.window_losses(windows), plain.double().mean(1))


def test_every_parameter_learns():
    model = stirred()
    model.loss(some_windows()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
