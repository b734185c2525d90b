"""The compute-optimal N of a table of optima, k C^a."""

from scaletrace.fitting.powers import optimum_power

LAW = optimum_power("n_opt", "a")
