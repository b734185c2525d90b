"""How tests update weights, by role: AdamW, a decay of what multiplies."""

from dataclasses import asdict

from scaletrace.optimisers import Group

DECAYED = Group(decay=0.002)
GROUPS = {
    "embedding": Group(),
    "head": DECAYED,
    "matrix_in": DECAYED,
    "matrix_out": DECAYED,
    "gain": Group(),
}
MUON = Group(optimiser="muon", decay=0.002, beta1=0.95)
WITH_MUON = GROUPS | {"matrix_in": MUON, "matrix_out": MUON}
# As a job's settings have them.
PLAIN_GROUPS = {role: asdict(group) for role, group in GROUPS.items()}
PLAIN_WITH_MUON = {role: asdict(group) for role, group in WITH_MUON.items()}
