"""Which results were not computed for this study, and who says that they were computed at all?"""

from collections import Counter

from scaletrace.lineage.audit.finding import Scope
from scaletrace.study.rules import RULES


def check(scope: Scope) -> None:
    """Note whose word results rest on that were taken from a cache; analysis is made again."""
    claimed: dict[str, Counter[str]] = {}
    for job in scope.jobs:
        reused, rule = job.record.circumstances.reused, RULES.get(job.rule)
        if reused.by and not (rule and rule.kind == "analysis"):
            by = f"{reused.by} in study {reused.study}"
            claimed.setdefault(by, Counter())[job.rule] += 1
    for by, rules in claimed.items():
        count = ", ".join(f"{number} {rule}" for rule, number in rules.items())
        scope.notes.append(f"reused, as claimed by {by}, and not computed for this study: {count}")
