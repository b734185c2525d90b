"""One power of the model size, E + A / N^alpha: a fit for each budget."""

from scaletrace.fitting.powers import one_power

LAW = one_power("power_n", "n", "A", "alpha")
PER_BUDGET = True
