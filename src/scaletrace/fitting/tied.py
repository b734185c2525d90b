"""Laws with exponents that are tied to be one, such as alpha and beta of Hoffmann's law."""

from collections.abc import Mapping
from dataclasses import replace

from scaletrace.fitting.law import Array, Jet, Law, Logs


def tied(law: Law, ties: Mapping[str, str]) -> Law:
    """Return the law with each exponent of `ties` taken from another one, by name: {that: from}."""
    if not ties:
        return law
    pairs = tuple((law.index(name), law.index(other)) for name, other in ties.items())

    def jet(theta: Array, logs: Logs) -> Jet:
        moved = theta.copy()
        for index, other in pairs:
            moved[:, index] = theta[:, other]
        free = law.jet(moved, logs)
        gradient = free.gradient
        for index, other in pairs:
            gradient[:, other] += gradient[:, index]
            gradient[:, index] = 0.0

        def curvature(weights: Array) -> Array:
            hessian = free.curvature(weights)
            for index, other in pairs:
                hessian[:, other] += hessian[:, index]
                hessian[:, :, other] += hessian[:, :, index]
                hessian[:, index] = hessian[:, :, index] = 0.0
            return hessian

        return Jet(free.value, gradient, curvature)

    return replace(law, jet=jet, same=pairs)


def faults(law: Law, ties: Mapping[str, str], fixed: Mapping[str, float]) -> list[str]:
    """Return a sentence for each pair of names that cannot be tied."""
    exponents = [parameter.name for parameter in law.parameters if parameter.kind == "exponent"]
    found = []
    for name, other in ties.items():
        unknown = [one for one in (name, other) if one not in exponents]
        if unknown or name == other:
            found.append(
                f"tie {name}={other}: two exponents of {law.name} are needed; it has "
                f"{', '.join(exponents) or 'none'}"
            )
        elif other in ties or {name, other} & set(fixed):
            found.append(f"tie {name}={other}: one of them is tied or held already")
    return found
