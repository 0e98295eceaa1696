"""Publishing: one document model, one renderer a format, each registered as an nbconvert exporter.

So plain `jupyter nbconvert --to fp-html report.ipynb` works as well as the pipeline. A new format is one file here,
an entry in FORMATS, and one in `[project.entry-points."nbconvert.exporters"]` of pyproject.toml.
"""

from __future__ import annotations

__all__ = ["FORMATS"]

FORMATS = {
    "fp-html": "fpanalysis.publish.html:HtmlExporter",
    "fp-xlsx": "fpanalysis.publish.xlsx:XlsxExporter",
    "fp-docx": "fpanalysis.publish.docx:DocxExporter",
    "fp-pdf": "fpanalysis.publish.pdf:PdfExporter",
}
"""The exporter of each format by the name that nbconvert knows it by; named, not imported, so that import is quick."""
