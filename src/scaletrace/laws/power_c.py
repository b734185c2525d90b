"""One power of the training FLOPs, E + A / C^alpha."""

from scaletrace.fitting.powers import one_power

LAW = one_power("power_c", "c", "A", "alpha")
