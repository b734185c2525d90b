"""Where a trunk keeps its states: on a grid that knows nothing of the study's budgets.

A budget that is added between or above others thus never moves a state that others start from.
"""

import bisect
import dataclasses
import functools
import itertools

# States lie where a run of 2^k million tokens begins its cooldown.
GRID_TOKENS = 1_000_000
# A segment below this many steps costs more to start than to train again.
SHORTEST_SEGMENT = 256
EXPONENTS = range(-64, 64)


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The trunk of one size: training that does not cool down, in steps of `batch_tokens`.

    cooldown: fraction of a run's steps in which its rate falls.
    """

    batch_tokens: int
    cooldown: float

    def branch(self, steps: int) -> int:
        """Return the step at which a run of `steps` begins its cooldown."""
        return steps - max(1, round(self.cooldown * steps))

    def at_or_before(self, step: int) -> int:
        """Return the last state's step at or before `step`; 0 where training starts from nothing.

        `at_or_before(step - 1)` is the state that the one after `step` steps continues.
        """
        states = _states(self)
        place = bisect.bisect_right(states, step)
        return states[place - 1] if place else 0

    def first(self) -> int:
        """Return the step of the first state."""
        return _states(self)[0]

    def drops(self, before: int, exponent: float) -> tuple[tuple[int, float], ...]:
        """Return where the rate goes down before a step, each with its factor from there on.

        The rate is a power of the tokens so far (Shen et al. 2024, arXiv 2408.13359), in steps: a
        segment's factor is (place / first place)^-exponent of the state that it ends in. So a run
        that branches at a state comes to it and cools down from it at one rate.
        """
        states = _states(self)
        return tuple(
            (begin, (end / states[0]) ** -exponent)
            for begin, end in itertools.pairwise(states)
            if begin < before
        )


@functools.cache
def _states(trunk: Trunk) -> list[int]:
    runs = [int(GRID_TOKENS * 2.0**exponent) // trunk.batch_tokens for exponent in EXPONENTS]
    branches = [trunk.branch(steps) for steps in runs if steps >= 2]
    return sorted({step for step in branches if step >= SHORTEST_SEGMENT})
