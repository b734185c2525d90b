"""One self-contained page of a fit: its picture, parameters, warnings and checklist, as HTML.

Nothing on it is loaded from anywhere, nothing on it runs.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from scaletrace.drawing import parameters
from scaletrace.drawing.fitted_runs import FittedRuns

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; } th { font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0;
  border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
"""


def text(runs: FittedRuns, svg: str) -> str:
    """Return the page; `svg` is the picture as an SVG file's text."""
    fit = runs.fit
    warned = [(warning.code, warning.message) for warning in fit.warnings]
    parts = [
        f"<h1>{escape(f'{fit.law}: {runs.symbol} = {fit.formula}')}</h1>",
        f"<p>{fit.n_observations} runs in {fit.n_clusters} clusters. ",
        f"Made from <code>{escape(runs.source.path)}</code>, ",
        f"sha256 <code>{runs.source.sha256}</code>.</p>",
        # Without its prologue, which stands at the beginning of a file only.
        svg[svg.index("<svg") :],
        "<h2>Parameters</h2>",
        parameters_table(runs),
        "<h2>Warnings</h2>",
        table(("code", "what"), warned) if warned else "<p>None.</p>",
        "<h2>Checklist</h2>",
        table(("question", "answer"), list(_answers(fit.checklist))),
    ]
    title = escape(f"{fit.law}, {fit.n_observations} runs")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def summary(runs: FittedRuns) -> str:
    """Return the law, its parameters and the warnings as a fragment of HTML, for notebooks."""
    fit = runs.fit
    warned = "".join(
        f"<li>{escape(warning.message)} <code>{escape(warning.code)}</code></li>"
        for warning in fit.warnings
    )
    return "\n".join(
        [
            f"<p><b>{escape(f'{fit.law}: {runs.symbol} = {fit.formula}')}</b><br>",
            f"{fit.n_observations} runs in {fit.n_clusters} clusters</p>",
            parameters_table(runs),
            f"<ul>{warned}</ul>" if warned else "",
        ]
    )


def parameters_table(runs: FittedRuns) -> str:
    """Return the parameters with intervals as an HTML table."""
    lines = []
    for name in parameters.names(runs):
        interval = runs.fit.intervals.get(name)
        if interval is None:
            lines.append((name, f"{runs.fit.params[name]:.6g}", "", "", "held"))
            continue
        low, high = ("open" if e is None else f"{e:.6g}" for e in (interval.low, interval.high))
        lines.append((name, f"{interval.estimate:.6g}", low, high, interval.verdict))
    level = f"{100 * runs.level:g} %"
    return table(("", "estimate", f"{level} from", "to", "verdict"), lines)


def table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return an HTML table of cells as plain text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _answers(checklist: Mapping[str, Any], within: str = "") -> Iterable[tuple[str, str]]:
    for key, value in checklist.items():
        name = f"{within}{key}".replace("_", " ")
        if isinstance(value, dict) and value:
            yield from _answers(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value)) or "none"
        else:
            yield name, "none" if value in (None, {}, "") else str(value)
