"""Pictures that do more than show."""

import time

import pytest

from scaletrace.lineage.audit import acting
from tests.lineage import small_study
from tests.lineage.small_study import TABLE, text

SVG, PDF = "results/s/figures/loss.svg", "results/s/figures/loss.pdf"
SHOWN = '<svg><!-- <script> onload=1 --><g id="a"/><use xlink:href="#a" x="1"/></svg>'
PRINTED = "%PDF-1.4\n1 0 obj\n%%EOF\n"


@pytest.fixture
def found(study):
    def found(svg=SHOWN, pdf=PRINTED):
        text(SVG, svg)
        text(PDF, pdf)
        made = {"svg": SVG, "pdf": PDF}
        small_study.job("figures", {"figure": "loss"}, {"observations": TABLE}, made)
        return {one.file: one.found for one in acting.check(small_study.scope())}

    return found


def test_what_only_shows(found):
    assert found() == {}


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("<script>a()</script>", "<script>"),
        ("<svg:script>a()</svg:script>", "<svg:script>"),
        ('<animate to="1"/>', "<animate>"),
        ('<g x=">" onload="a()"/>', "onload="),
        ('<use xlink:href="https://example.org"/>', "href="),
        ("<style>@import url(x);</style>", "@import"),
        ("<!ENTITY a SYSTEM 'x'>", "<!ENTITY"),
        ("<!-- --><script/><!-- -->", "<script>"),
    ],
)
def test_what_acts_in_an_svg(found, added, said):
    assert found(SHOWN.replace("</svg>", f"{added}</svg>")) == {SVG: said}


def test_what_acts_in_a_pdf(found):
    assert found(pdf=f"/OpenAction {PRINTED}") == {PDF: "/OpenAction"}
    behind = "2 0 obj\n%%EOF\n"
    assert found(pdf=PRINTED + behind)[PDF].startswith(f"{len(behind) + 1} bytes behind its end")


@pytest.mark.parametrize("part", ["<!--", "<g ", "<a", " onx", "-->"])
def test_it_ends_in_time(found, part):
    began = time.monotonic()
    found(svg=part * (3_000_000 // len(part)))
    assert time.monotonic() - began < 10
