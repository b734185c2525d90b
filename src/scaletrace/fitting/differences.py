"""Derivatives of a law that gives its prediction alone: checked central differences.

A law then has `jet=ByDifferences(log_loss)`. It is fitted to the same minimum as one whose
derivatives are written by hand, and some ten times slower.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.law import Array, Jet, Logs
from scaletrace.fitting.solver import NotConvergedError

LogLoss = Callable[[Array, Logs], Array]  # coordinates (B, p), logs (n,) -> log loss (B, n)
# Steps of coordinates of one or more; smaller ones, down to a tenth, take smaller steps.
FIRST_STEP, SECOND_STEP = 1e-4, 1e-3
SHORTER = 3  # how often a step becomes a tenth where the prediction bends within it
# How far derivatives by one step and by its double may lie apart, of the largest derivative.
AGREEMENT, CURVATURES_AGREEMENT = 1e-4, 1e-2


@dataclass(frozen=True)
class ByDifferences:
    """The jet of a prediction that comes without derivatives.

    log_loss maps coordinates (B, p) and centred logs (n,) of the variables to log loss (B, n).
    Every derivative is taken with a step and with its double; their extrapolation to no step at
    all is used (Richardson 1911), and their distance is the check.
    """

    log_loss: LogLoss

    def __call__(self, theta: Array, logs: Logs) -> Jet:
        """Return log loss and its derivatives at theta (B, p).

        The gradient, and the curvature when it is asked for, raise NotConvergedError where the
        prediction is not smooth.
        """
        log_loss = self.log_loss
        middle = log_loss(theta, logs)
        gradient, unit = _gradient(log_loss, theta, logs)

        def curvature(weights: Array) -> Array:
            slopes = 1.0 + np.abs(gradient).max(axis=(1, 2)) ** 2
            size, steps = np.abs(weights).sum(axis=1) * slopes, SECOND_STEP * unit
            for last in (*[False] * SHORTER, True):
                once, twice = (
                    _curvature(log_loss, theta, logs, weights, middle, factor * steps)
                    for factor in (1.0, 2.0)
                )
                allowed = CURVATURES_AGREEMENT * (size + np.abs(once).max(axis=(1, 2)))
                apart = _disagree(once, twice, allowed[:, None, None]).any(axis=2)
                if last or not apart.any():
                    break
                steps = np.where(apart, 0.1 * steps, steps)
            _require_agreement(log_loss, once, twice, allowed[:, None, None])
            return np.asarray((4.0 * once - twice) / 3.0)

        return Jet(middle, gradient, curvature)


def _moved(log_loss: LogLoss, theta: Array, logs: Logs, moves: Array) -> Array:
    """Log loss (m, B, n) at theta plus each of the moves (m, B, p), all at once."""
    count, batch, width = moves.shape
    return log_loss((theta + moves).reshape(-1, width), logs).reshape(count, batch, -1)


def _along(steps: Array) -> Array:
    """Moves (p, B, p): each coordinate by its own step (B, p) alone."""
    return np.eye(steps.shape[1])[:, None, :] * steps


def _gradient(log_loss: LogLoss, theta: Array, logs: Logs) -> tuple[Array, Array]:
    """First derivatives (B, p, n), and the units (B, p) in which steps are short enough."""
    unit, width = np.clip(np.abs(theta), 0.1, 1.0), theta.shape[1]
    for last in (*[False] * SHORTER, True):
        moves = _along(FIRST_STEP * unit)
        values = _moved(
            log_loss, theta, logs, np.concatenate([moves, -moves, 2.0 * moves, -2.0 * moves])
        )
        up, down, far_up, far_down = (values[k * width : (k + 1) * width] for k in range(4))
        step = FIRST_STEP * unit.T[:, :, None]
        once, twice = (up - down) / (2.0 * step), (far_up - far_down) / (4.0 * step)
        allowed = AGREEMENT * (1.0 + np.abs(once).max(axis=2, keepdims=True))
        apart = _disagree(once, twice, allowed).any(axis=2).T
        if last or not apart.any():
            break
        unit = np.where(apart, 0.1 * unit, unit)
    _require_agreement(log_loss, once, twice, allowed)
    return np.transpose((4.0 * once - twice) / 3.0, (1, 0, 2)), unit


def _curvature(
    log_loss: LogLoss, theta: Array, logs: Logs, weights: Array, middle: Array, steps: Array
) -> Array:
    """Sum over observations (B, p, p) of second derivatives under weights (B, n), by one step."""
    moves, width = _along(steps), theta.shape[1]
    pairs = [(i, j) for i in range(width) for j in range(i)]
    both = np.array([moves[i] + moves[j] for i, j in pairs]).reshape(-1, *theta.shape)
    values = _moved(log_loss, theta, logs, np.concatenate([moves, -moves, both, -both]))
    # Summed over the observations at once, as distances from the middle: (moves, B).
    sums = np.einsum("mbn,bn->mb", values - middle, weights)
    alone = sums[:width] + sums[width : 2 * width]
    together = sums[2 * width : 2 * width + len(pairs)] + sums[2 * width + len(pairs) :]
    hessian = np.empty((len(theta), width, width))
    for i in range(width):
        hessian[:, i, i] = alone[i] / steps[:, i] ** 2
    for (i, j), pair in zip(pairs, together, strict=True):
        mixed = (pair - alone[i] - alone[j]) / (2.0 * steps[:, i] * steps[:, j])
        hessian[:, i, j] = hessian[:, j, i] = mixed
    return hessian


def _disagree(once: Array, twice: Array, allowed: Array) -> NDArray[np.bool_]:
    """Whether derivatives by two steps disagree; where they are not finite there are none."""
    apart = np.abs(once - twice)
    return np.isfinite(apart) & (apart > allowed)


def _require_agreement(log_loss: LogLoss, once: Array, twice: Array, allowed: Array) -> None:
    disagree = _disagree(once, twice, allowed)
    if disagree.any():
        worst = np.unravel_index(disagree.argmax(), disagree.shape)
        name = log_loss.__module__.rpartition(".")[2]
        raise NotConvergedError(
            f"{name}: derivatives by differences are {once[worst]:.6g} with one step and "
            f"{twice[worst]:.6g} with its double: the prediction is not smooth, or noisy; write "
            "it without kinks, or give its derivatives"
        )
