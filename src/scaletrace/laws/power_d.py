"""One power of the training tokens, E + B / D^beta."""

from scaletrace.fitting.powers import one_power

LAW = one_power("power_d", "d", "B", "beta")
