from dataclasses import replace

import numpy as np
import pytest
import torch

from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.training.batches import batch
from scaletrace.training.loop import Training, ends_curve_row
from scaletrace.training.recipe import Recipe
from scaletrace.training.schedules import cosine, wsd
from tests.training.groups import GROUPS

RECIPE = Recipe(
    seed=0,
    batch_tokens=32,
    learning_rate=0.02,
    schedule="wsd",
    warmup_steps=5,
    from_step=0,
    to_step=60,
    groups=GROUPS,
    clip=1.0,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def training(recipe: Recipe = RECIPE) -> Training:
    shape = Shape(width=16, layers=1, heads=1, context=8, vocabulary_size=11)
    tokens = (np.arange(1000) ** 2 % 11).astype(np.uint16)
    return Training(Decoder(shape, recipe.seed), tokens, shape.context, recipe)


def test_a_regular_sequence_is_learned():
    run = training()
    while not run.finished:
        run.advance()
    assert run.step == 60
    assert run.rows[0].loss == pytest.approx(np.log(11), rel=1e-5)
    assert run.rows[-1].loss < 0.3


def test_rows_end_at_steps_of_their_own_and_stay_few():
    ends = [step for step in range(1, 1_000_001) if ends_curve_row(step)]
    assert ends[:66] == [*range(1, 65), 66, 68]
    assert len(ends) < 520
    widths = np.diff([0, *ends])
    assert (np.diff(widths) >= 0).all()


def test_rows_hold_the_mean_of_their_steps():
    run, losses = training(replace(RECIPE, to_step=71)), []
    original = run.model.loss

    def listening(windows, z_loss):
        loss = original(windows, z_loss)
        losses.append(loss.item())
        return loss

    run.model.loss = listening  # pyright: ignore[reportAttributeAccessIssue]
    while not run.finished:
        run.advance()
    assert [row.step for row in run.rows] == [*range(1, 65), 66, 68, 70, 71]
    assert run.rows[64].loss == pytest.approx((losses[64] + losses[65]) / 2)
    assert run.rows[-1].loss == losses[70]
    assert sum(row.learning_rate == 0.02 for row in run.rows) == len(run.rows) - 4


@pytest.mark.parametrize("stop", [1, 37, 67])
def test_a_state_taken_out_and_put_back_changes_no_bit(stop: int):
    recipe = replace(RECIPE, to_step=70)
    whole, first, second = training(recipe), training(recipe), training(recipe)
    while not whole.finished:
        whole.advance()
    for _ in range(stop):
        first.advance()
    taken = {name: tensor.clone() for name, tensor in first.state().items()}
    second.put_state(taken, first.step)
    second.put_curve_state(first.rows, *first.curve_state())
    while not second.finished:
        second.advance()
    assert second.rows == whole.rows
    assert all(torch.equal(second.state()[name], t) for name, t in whole.state().items())


def test_a_loss_that_is_not_finite_ends_the_run_without_a_row():
    run = training()
    run.advance()
    with torch.no_grad():
        run.model.get_parameter("embedding")[3] = float("nan")
    run.advance()
    assert run.diverged
    assert run.finished
    assert [row.step for row in run.rows] == [1]


def test_an_update_is_adamw_whose_decay_spares_embedding_and_gains():
    run, reference = training(), training()
    with torch.no_grad():
        for model in (run.model, reference.model):
            model.get_parameter("head").add_(0.1)
    spared = ("embedding", "query_gain")
    named = list(reference.model.named_parameters())
    # torch multiplies the decay by the rate: 0.1 at 0.02 is a share of 0.002.
    groups = [
        {"params": [p for name, p in named if not name.endswith(spared)], "weight_decay": 0.1},
        {"params": [p for name, p in named if name.endswith(spared)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    for step in range(8):
        windows = torch.from_numpy(batch(reference.tokens, 0, step, 4, 8))
        optimizer.zero_grad()
        reference.model.loss(windows).backward()
        torch.nn.utils.clip_grad_norm_(reference.model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = min(1, (step + 1) / 5) * 0.02
        optimizer.step()
        run.advance()
    for found, wanted in zip(run.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_z_loss_is_in_the_moments_and_not_in_the_curve():
    plain, run = training(), training(replace(RECIPE, z_loss=0.5, clip=1e9))
    windows = torch.from_numpy(batch(run.tokens, 0, 0, 4, 8))
    head = plain.model.get_parameter("head")
    logits = plain.model.hidden(windows[:, :-1]) @ head.T
    objective = plain.model.loss(windows) + 0.5 * logits.logsumexp(1).square().mean()
    (gradient,) = torch.autograd.grad(objective, head)
    run.advance()
    plain.advance()
    assert run.rows == plain.rows
    torch.testing.assert_close(run.state()["mean.head"], 0.1 * gradient)


def spiky(at: dict[int, float]) -> tuple[Training, dict[int, float]]:
    """Return a training whose gradients are multiplied at some steps, and every step's loss."""
    run, losses = training(replace(RECIPE, to_step=110, spike=100.0)), {}
    original = run.model.loss

    def loss(windows, z_loss):
        losses[run.step] = (value := original(windows, z_loss)).item()
        factor = at.get(run.step, 1.0)
        return value * factor + (value - value * factor).detach() if factor != 1.0 else value

    run.model.loss = loss  # pyright: ignore[reportAttributeAccessIssue]
    return run, losses


def test_a_spike_leaves_weights_and_moments_alone_and_is_told():
    run, losses = spiky({81: 1e6, 90: float("nan"), 91: float("inf")})
    while run.step < 110:
        before = {name: tensor.clone() for name, tensor in run.state().items()}
        run.advance()
        held = [name for name in before if not name.startswith("spikes.")]
        same = [torch.equal(before[name], run.state()[name]) for name in held]
        assert all(same) == (run.step - 1 in {81, 90, 91})
    assert run.finished
    assert not run.diverged
    rows = {row.step: row for row in run.rows}
    assert {step: row.skipped for step, row in rows.items() if row.skipped} == {82: 1, 94: 2}
    assert rows[82].loss == losses[80]
    assert rows[94].loss == pytest.approx((losses[92] + losses[93]) / 2)
    assert 92 not in rows


def test_skipped_steps_are_none_of_adamws():
    run = training(replace(RECIPE, spike=3.0, warmup_steps=0))
    embedding = run.model.get_parameter("embedding")
    kept = embedding.detach().clone()
    embedding.data.fill_(float("nan"))
    for _ in range(3):
        run.advance()
    embedding.data.copy_(kept)
    run.advance()
    # The first update is as large as the rate, whatever the gradient; the head began at zero.
    head = run.model.get_parameter("head").detach()
    assert head.abs().max().item() == pytest.approx(0.02, rel=1e-4)


def test_gradients_that_stay_not_finite_are_a_diverged_run():
    run, _ = spiky(dict.fromkeys(range(5, 200), float("nan")))
    while not run.finished:
        run.advance()
    assert run.diverged
    assert run.step == 105
    assert [row.step for row in run.rows] == [1, 2, 3, 4, 5]


def test_rates_come_from_the_schedule():
    cooled = replace(RECIPE, cooldown_from_step=40)
    assert cooled.rate(50) == 0.02 * wsd(50, 5, 40, 60)
    assert RECIPE.rate(59) == 0.02
    stepped = replace(cooled, drops=((20, 0.5), (30, 0.25)))
    assert [stepped.rate(step) for step in (0, 19, 20, 39)] == [0.004, 0.02, 0.01, 0.005]
    assert stepped.rate(50) == 0.25 * cooled.rate(50)
    assert replace(cooled, schedule="cosine").rate(30) == 0.02 * cosine(30, 5, 60)
