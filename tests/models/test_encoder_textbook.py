import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from scaletrace.models.counts import Shape
from scaletrace.models.encoder_textbook import EncoderTextbook, sinusoids

SHAPE = Shape(16, 2, 2, context=12, vocabulary_size=50, family="encoder_textbook")


def some_windows(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(50, (count, 13), generator=generator)


def test_equal_seeds_give_equal_models_whatever_else_was_drawn():
    first = EncoderTextbook(SHAPE, 0).state_dict()
    torch.rand(3)
    again, other = EncoderTextbook(SHAPE, 0).state_dict(), EncoderTextbook(SHAPE, 1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    matrices = [name for name in first if first[name].ndim == 2]
    assert not any(torch.equal(first[name], other[name]) for name in matrices)


def test_layers_begin_with_weights_of_their_own():
    weights = EncoderTextbook(SHAPE, 0).state_dict()
    first, second = (weights[f"layers.{number}.linear1.weight"] for number in range(2))
    assert not torch.equal(first, second)


def test_positions_are_those_of_the_paper():
    table = sinusoids(12, 16)
    assert table[7, 4].item() == pytest.approx(math.sin(7 / 10_000 ** (4 / 16)))
    assert table[7, 5].item() == pytest.approx(math.cos(7 / 10_000 ** (4 / 16)))


def test_no_position_sees_a_later_one():
    model, windows = EncoderTextbook(SHAPE, 0), some_windows()
    changed = windows.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 50
    before, after = (model.hidden(w[:, :-1]).view(3, 12, 16) for w in (windows, changed))
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.isclose(before[:, 7:], after[:, 7:]).all(-1).any()


def test_sequences_of_a_batch_do_not_mix():
    model, windows = EncoderTextbook(SHAPE, 0), some_windows()
    together = model.hidden(windows[:, :-1])[:12]
    torch.testing.assert_close(together, model.hidden(windows[:1, :-1]))


def test_it_is_torchs_encoder_with_the_same_weights():
    """The same numbers come out of `nn.TransformerEncoder` where its layers are ours."""
    model, windows = EncoderTextbook(SHAPE, 0), some_windows()
    layer = torch.nn.TransformerEncoderLayer(16, 2, 64, dropout=0.0, batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    encoder.layers = model.layers
    x = model.embedding(windows[:, :-1]) * 4.0 + sinusoids(12, 16)
    mask = torch.full((12, 12), -math.inf).triu(1)
    torch.testing.assert_close(model.hidden(windows[:, :-1]), encoder(x, mask=mask).flatten(0, 1))


def test_loss_and_window_losses_equal_plain_cross_entropy():
    model, windows = EncoderTextbook(SHAPE, 0), some_windows()
    with torch.no_grad():
        model.head.bias.normal_(generator=torch.Generator().manual_seed(3))
    logits = model.hidden(windows[:, :-1]) @ model.head.weight.T + model.head.bias
    plain = F.cross_entropy(logits, windows[:, 1:].flatten(), reduction="none").view(3, 12)
    assert model.loss(windows).item() == pytest.approx(plain.mean().item(), rel=1e-6)
    torch.testing.assert_close(model.window_losses(windows), plain.double().mean(1))


def test_z_loss_is_in_the_gradients_and_not_in_the_loss():
    model, windows = EncoderTextbook(SHAPE, 0), some_windows()
    logits = model.head(model.hidden(windows[:, :-1]))
    plain = F.cross_entropy(logits, windows[:, 1:].flatten())
    (plain + 0.1 * logits.logsumexp(1).square().mean()).backward()
    wanted = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    loss = model.loss(windows, z_loss=0.1)
    assert loss.item() == plain.item()
    loss.backward()
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-7)


def test_every_parameter_learns():
    model = EncoderTextbook(SHAPE, 0)
    model.loss(some_windows()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
