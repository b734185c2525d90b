import numpy as np
import pytest
import torch

from scaletrace.models import decoder_bf16
from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.models.decoder_bf16 import MixedPrecision, as_it_is

SHAPE = Shape(width=32, layers=2, heads=2, context=24, vocabulary_size=67)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def model() -> Decoder:
    """A decoder none of whose parts is zero, as after some training."""
    decoder = Decoder(SHAPE, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if name.endswith(("attention_out", "mlp_down", "head")):
                parameter.normal_(std=SHAPE.width**-0.5, generator=generator)
            if name.endswith("query_gain"):
                parameter.add_(torch.randn(SHAPE.heads, generator=generator) / 4)
    return decoder


def windows(time: int = SHAPE.context) -> torch.Tensor:
    ids = np.random.default_rng(0).integers(0, SHAPE.vocabulary_size, (6, time + 1))
    return torch.from_numpy(ids)


def gradients(model: Decoder, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("time", [SHAPE.context, 7])
@pytest.mark.parametrize("chunk_logits", [1 << 28, 67 * 20])
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_in_fp32_it_is_the_decoder_itself(model: Decoder, monkeypatch, time, chunk_logits, z_loss):
    monkeypatch.setattr(decoder_bf16, "CHUNK_LOGITS", chunk_logits)
    other = MixedPrecision(model, SHAPE.context, torch.float32)
    loss, same = (form.loss(windows(time), z_loss) for form in (model, other))
    assert same.item() == pytest.approx(loss.item(), rel=1e-6)
    wanted, found = gradients(model, loss), gradients(model, same)
    assert wanted.keys() == found.keys() == dict(model.named_parameters()).keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-6)


def test_in_bf16_the_loss_holds_to_a_thousandth_and_gradients_point_the_same_way(model: Decoder):
    other = MixedPrecision(model, SHAPE.context)
    loss, near = model.loss(windows()), other.loss(windows())
    assert near.dtype == torch.float32
    assert near.item() != loss.item()
    assert near.item() == pytest.approx(loss.item(), rel=1e-3)
    wanted, found = gradients(model, loss), gradients(model, near)
    for name in wanted:
        assert found[name].dtype == torch.float32
        cosine = torch.cosine_similarity(wanted[name].flatten(), found[name].flatten(), dim=0)
        assert cosine > 0.999, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_a_compiler_can_take_it_whole(model: Decoder, z_loss: float):
    def traced(function):
        return torch.compile(function, fullgraph=True, dynamic=False, backend="aot_eager")

    plain, compiled = (
        MixedPrecision(model, SHAPE.context, compiler=compiler) for compiler in (as_it_is, traced)
    )
    wanted = gradients(model, plain.loss(windows(), z_loss))
    found = gradients(model, compiled.loss(windows(), z_loss))
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=2e-2, atol=1e-4)
