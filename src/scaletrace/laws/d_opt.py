"""The compute-optimal D of a table of optima, k C^b."""

from scaletrace.fitting.powers import optimum_power

LAW = optimum_power("d_opt", "b")
