"""Lines on standard error that say how far a long computation is."""

import sys
import time
from dataclasses import dataclass, field

AFTER, EVERY = 2.0, 3.0  # seconds until the first line, and between lines


@dataclass
class Waiting:
    """Prints `what: done of total`, first after a while and then now and again."""

    next_line: float = field(default_factory=lambda: time.monotonic() + AFTER)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Observe progress (`fitting.progress`)."""
        now = time.monotonic()
        if now >= self.next_line:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
            self.next_line = now + EVERY
