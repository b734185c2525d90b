"""The line in a job's log that says how far its training is: written here, and read back here."""

import dataclasses
import re

LINE = re.compile(
    r"step (?P<step>\d{1,18})/(?P<last_step>\d{1,18})  loss (?P<loss>-|\d{1,18}\.\d{1,18})  "
    r"(?P<tokens_per_s>\d[0-9,]{0,24}) tokens/s  (?P<seconds_left>\d{1,18}) s left"
)


@dataclasses.dataclass(frozen=True)
class ProgressLine:
    """A training's step, loss in nats per token (none before the first row), speed, time left."""

    step: int
    last_step: int
    loss: float | None
    tokens_per_s: float
    seconds_left: float

    def __str__(self) -> str:
        loss = "-" if self.loss is None else f"{self.loss:.4f}"
        return (
            f"step {self.step}/{self.last_step}  loss {loss}  "
            f"{self.tokens_per_s:,.0f} tokens/s  {self.seconds_left:.0f} s left"
        )


def last_progress(log: str) -> ProgressLine | None:
    """Return the newest progress in a log's text, to the digits that were written; or none."""
    lines = list(LINE.finditer(log))
    if not lines:
        return None
    newest = lines[-1]
    return ProgressLine(
        step=int(newest["step"]),
        last_step=int(newest["last_step"]),
        loss=None if newest["loss"] == "-" else float(newest["loss"]),
        tokens_per_s=float(newest["tokens_per_s"].replace(",", "")),
        seconds_left=float(newest["seconds_left"]),
    )
