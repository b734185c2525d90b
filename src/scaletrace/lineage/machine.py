"""Is this the kind of machine on which a recorded job ran, so that its bytes can come out again?"""

from typing import Any

from scaletrace.formats import untrusted
from scaletrace.formats.record import Record
from scaletrace.jobs import ledger, libraries, surroundings
from scaletrace.study.rules import RULES

# What decides a float besides the processor, and the bytes of a figure.
TRAINING = ("torch", "numpy")
ANALYSIS = ("numpy", "scipy", "matplotlib", "pillow", "fonttools", "contourpy")
PROCESSOR = ("cpu", "cpu_features", "variables")


def on_same_machine(record: Record) -> tuple[bool, str]:
    """Compare processor, GPU if one was used, and libraries with the recorded ones.

    Returns:
        Whether they are the same, and how they differ or what they are, in words.
    """
    ran, rule = record.circumstances, RULES.get(record.identity.rule)
    used = ANALYSIS if rule and rule.kind == "analysis" else TRAINING
    names = (*PROCESSOR, "gpu") if record.identity.device != "cpu" else PROCESSOR
    here, installed = surroundings.machine(), libraries.installed()
    try:
        packages = untrusted.read_json(ledger.environment_path(ran.environment))["packages"]
        # Earlier releases did not write down the variables.
        then = {name: ran.raw[name] for name in names if name in ran.raw or name != "variables"}
        then |= {name: packages.get(name) for name in used}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False, "the recorded processor or environment cannot be read"
    now: dict[str, Any] = {name: here[name] for name in names}
    now |= {name: installed.get(name) for name in used}
    different = [
        f"{key} then {then[key]}, here {now[key]}" for key in then if then[key] != now[key]
    ]
    return not different, "; ".join(different) or f"{now['cpu']}, {used[0]} {now[used[0]]}"
