"""How fast this study's own training went so far, from its job records."""

import dataclasses
from statistics import median

from scaletrace.lineage.standing import glance
from scaletrace.study.cost import Pace, Speed, fitted_pace
from scaletrace.study.plan import Plan


def observed_pace(plan: Plan, assumed: Pace) -> Pace | None:
    """Return the pace of the study's training so far; None before there is any.

    One run of each size is looked at, the longest that is recorded.
    """
    speeds, starts = {}, []
    for run in sorted(plan.trained_runs(), key=lambda run: -run.n_tokens):
        if run.size in speeds:
            continue
        record = glance(plan.study.study, "anneal", {"run": run.name}) or {}
        try:
            circumstances = record["circumstances"]
            measured = circumstances["measured"]
            speeds[run.size] = Speed(
                plan.flops_per_token(run.size), run.batch_tokens, float(measured["tokens_per_s"])
            )
            starts.append(circumstances["seconds"] - measured["seconds"])
        except (KeyError, TypeError, ValueError):
            continue
    if not speeds:
        return None
    pace = fitted_pace("observed", assumed, speeds.values())
    return dataclasses.replace(pace, start_seconds=median(starts))
