"""How fast this study's own training went so far, from its job records."""

import dataclasses
from statistics import median

from scaletrace.cluster.site import read_site
from scaletrace.jobs.done import glance
from scaletrace.study.cost import ASSUMED, Pace, Speed, fitted_pace, scaled_pace
from scaletrace.study.plan import Plan
from scaletrace.study.rules import ANNEAL


def known_pace(plan: Plan) -> Pace:
    """Return the best known pace: the site file's, this study's own so far, or an assumed one."""
    assumed = ASSUMED[plan.study.training.device]
    given = read_site().flops_per_s
    if given is not None:
        return scaled_pace("site", assumed, given / assumed.flops_per_s)
    return observed_pace(plan, assumed) or assumed


def observed_pace(plan: Plan, assumed: Pace) -> Pace | None:
    """Return the pace of the study's training so far; None before there is any.

    One run of each size is looked at, the longest that is recorded.
    """
    speeds, starts = {}, []
    for run in sorted(plan.trained_runs(), key=lambda run: -run.n_tokens):
        if run.size in speeds:
            continue
        record = glance(plan.study.study, ANNEAL.name, {"run": run.name})
        if record is None or record.identity.device != plan.study.training.device:
            continue
        seconds, measured = record.circumstances.seconds, record.circumstances.measured
        if seconds is None or measured.seconds is None or (measured.tokens_per_s or 0) <= 0:
            continue
        processes = record.identity.processes
        speeds[run.size] = Speed(
            plan.flops_per_token(run.size),
            plan.sizes[run.size].layers,
            run.batch_tokens // processes,
            float(measured.tokens_per_s or 0) / processes,
        )
        starts.append(seconds - measured.seconds)
    if not speeds:
        return None
    pace = fitted_pace("observed", assumed, speeds.values())
    return dataclasses.replace(pace, start_seconds=median(starts))
