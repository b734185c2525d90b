"""Which results were not computed for this study, and who says that they were computed at all?"""

import re
from collections import Counter

from scaletrace.formats.fields import NAME
from scaletrace.jobs.history import History
from scaletrace.lineage.audit.finding import Scope
from scaletrace.study.rules import RULES


def check(scope: Scope) -> None:
    """Note whose word results rest on that were taken from a cache; analysis is made again.

    What else was tried where they come from is told by the history of that study, if it is here.
    """
    claimed: dict[tuple[str, str | None], Counter[str]] = {}
    for job in scope.jobs:
        reused, rule = job.record.circumstances.reused, RULES.get(job.rule)
        if reused.by and not (rule and rule.kind == "analysis"):
            claimed.setdefault((reused.by, reused.study), Counter())[job.rule] += 1
    for (by, study), rules in claimed.items():
        count = ", ".join(f"{number} {rule}" for rule, number in rules.items())
        line = f"reused, as claimed by {by} in study {study}, and not computed for this study: "
        absent = (
            "" if _told(scope.study, study) else "; what else was tried there is not known here"
        )
        scope.notes.append(f"{line}{count}{absent}")


def _told(mine: str, study: str | None) -> bool:
    """Tell whether the history of a study is here; that of another clone of this one is not."""
    return (
        study not in (mine, None)
        and bool(re.fullmatch(NAME, str(study)))
        and bool(History(str(study)).events)
    )
