"""Publishing: one document model, one renderer a format, each registered as an nbconvert exporter.

So plain `jupyter nbconvert --to fp-html report.ipynb` works as well as the pipeline. A new format is one file here,
an entry in FORMATS, and one in `[project.entry-points."nbconvert.exporters"]` of pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import PublishError, did_you_mean

__all__ = ["BILINGUAL", "EDITION", "FORMATS", "checked_formats"]

FORMATS = {
    "fp-html": "fpanalysis.publish.html:HtmlExporter",
    "fp-pdf": "fpanalysis.publish.pdf:PdfExporter",
    "fp-docx": "fpanalysis.publish.docx:DocxExporter",
    "fp-xlsx": "fpanalysis.publish.xlsx:XlsxExporter",
    "fp-facts": "fpanalysis.publish.facts:FactsExporter",
}
"""The exporter of each format by the name that nbconvert knows it by; named, not imported, so that import is quick.

The module of a format also has `extract(data) -> list[str]`, which reads the texts of a file back (of a workbook: its
texts and numbers), so that the numbers of all formats can be compared (`numbers.check_format`).
"""

EDITION = {"fp-report": "fpanalysis.publish.edition:EditionExporter"}
"""The exporter that writes all formats at once."""

BILINGUAL = ("fp-facts",)
"""Formats that carry both languages: one file a release."""


def checked_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats asked for, all when none is. Raises PublishError for one that does not exist."""
    for format in formats:
        if format not in FORMATS:
            raise PublishError(f"format {format!r} does not exist{did_you_mean(format, FORMATS)}")
    return tuple(formats) or tuple(FORMATS)
