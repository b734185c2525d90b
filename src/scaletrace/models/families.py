"""The families' modules by name, for fingerprints."""

from scaletrace import kinds

MODULES = {name: kinds.module("families", name) for name in kinds.names("families")}
