"""How benchmarks update weights, by role, under each optimiser."""

from dataclasses import asdict

from scaletrace.optimisers import Group

DECAYED, MUON = Group(decay=0.0005), Group(optimiser="muon", decay=0.0005, beta1=0.95)
ADAMW = {
    "embedding": Group(),
    "head": DECAYED,
    "matrix_in": DECAYED,
    "matrix_out": DECAYED,
    "gain": Group(),
}
GROUPS = {"adamw": ADAMW, "muon": ADAMW | {"matrix_in": MUON, "matrix_out": MUON}}
# As a job's settings have them.
PLAIN_GROUPS = {
    optimiser: {role: asdict(group) for role, group in groups.items()}
    for optimiser, groups in GROUPS.items()
}
