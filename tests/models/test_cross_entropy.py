import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from scaletrace.models import cross_entropy
from scaletrace.models.cross_entropy import chunked_cross_entropy, token_losses


def problem(positions: int, width: int, vocabulary: int, scale: float = 1.0):
    generator = torch.Generator().manual_seed(positions)
    hidden = torch.randn(positions, width, generator=generator).requires_grad_()
    weight = (scale * torch.randn(vocabulary, width, generator=generator)).requires_grad_()
    return hidden, weight, torch.randint(vocabulary, (positions,), generator=generator)


def reference(hidden, weight, targets):
    return F.cross_entropy(hidden.double() @ weight.double().T, targets, reduction="none")


@pytest.mark.parametrize("chunk_logits", [1, 12, 1 << 13])
@pytest.mark.parametrize("positions", [1, 33])
def test_loss_and_gradients_equal_the_plain_ones(monkeypatch, chunk_logits: int, positions: int):
    monkeypatch.setattr(cross_entropy, "CHUNK_LOGITS", chunk_logits)
    hidden, weight, targets = problem(positions, 6, 17)
    expected = reference(hidden, weight, targets).mean()
    expected_gradients = torch.autograd.grad(3 * expected, (hidden, weight))
    loss = chunked_cross_entropy(hidden, weight, targets)
    gradients = torch.autograd.grad(3 * loss, (hidden, weight))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("offset", [-300.0, 0.0, 300.0])
def test_logits_outside_the_range_of_exponentials(offset: float):
    hidden, weight, targets = problem(20, 6, 17, scale=200.0)
    with torch.no_grad():
        hidden[:, 0], weight[:, 0] = 1.0, offset
    expected = reference(hidden, weight, targets)
    assert expected.max() > 110, "no likelihood underflows: the test would not reach the case"
    expected_gradients = torch.autograd.grad(expected.mean(), (hidden, weight))
    loss = chunked_cross_entropy(hidden, weight, targets)
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-5)
    gradients = torch.autograd.grad(loss, (hidden, weight))
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


# By the offset the penalty has another sign, and the largest leave the range of exponentials.
@pytest.mark.parametrize("offset", [-300.0, -20.0, 0.0, 300.0])
@pytest.mark.parametrize("z_loss", [1e-4, 0.2])
def test_z_loss_is_in_the_gradients_and_not_in_the_loss(monkeypatch, z_loss: float, offset: float):
    monkeypatch.setattr(cross_entropy, "CHUNK_LOGITS", 12)
    hidden, weight, targets = problem(33, 6, 17, scale=1.0 if abs(offset) < 100 else 200.0)
    with torch.no_grad():
        hidden[:, 0], weight[:, 0] = 1.0, offset
    logits = hidden.double() @ weight.double().T
    squares = logits.logsumexp(1).square()
    objective = F.cross_entropy(logits, targets) + z_loss * squares.mean()
    wanted = torch.autograd.grad(2 * objective, (hidden, weight))
    loss = chunked_cross_entropy(hidden, weight, targets, z_loss)
    assert loss.item() == chunked_cross_entropy(hidden, weight, targets).item()
    for found, gradient in zip(
        torch.autograd.grad(2 * loss, (hidden, weight)), wanted, strict=True
    ):
        size = gradient.abs().max().item()
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-6 * size)


def test_a_loss_that_is_no_number_is_passed_on():
    hidden, weight, targets = problem(20, 6, 17)
    with torch.no_grad():
        weight[3, 2] = float("nan")
    assert chunked_cross_entropy(hidden, weight, targets).isnan()


def test_losses_per_token(monkeypatch):
    monkeypatch.setattr(cross_entropy, "CHUNK_LOGITS", 12)
    hidden, weight, targets = problem(33, 6, 17)
    expected = reference(hidden, weight, targets).float()
    torch.testing.assert_close(token_losses(hidden, weight, targets), expected)
