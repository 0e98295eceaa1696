"""What all exporters share: a notebook is read as a document, held against the gates, and rendered in one format.

A format is a subclass that names its file extension and MIME type and renders a `Document`; it is registered under the
entry point `nbconvert.exporters`, so that plain `jupyter nbconvert --to fp-html report.ipynb` works.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Bool, Unicode, default

from ..typeface import font_files
from .document import Document, read_document
from .marks import marked
from .numbers import check_prose

__all__ = ["ReportExporter"]


class ReportExporter(Exporter):
    """Export an executed report notebook; raises PublishError when a gate refuses it."""

    extension: ClassVar[str] = ""

    fonts = Unicode("", help="Folder with the fonts to use; empty for the bundled ones.").tag(config=True)
    system_fonts = Bool(False, help="Look through the system's fonts for what the folder lacks.").tag(config=True)
    lang = Unicode("", help="Language (zh, en) of a notebook without meta(...); empty to tell by its title.").tag(
        config=True
    )

    before = Unicode("", help="facts.json of the release before, to tell what was revised; empty for none.").tag(
        config=True
    )

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return self.extension

    def from_notebook_node(
        self, nb: NotebookNode, resources: Mapping[str, Any] | None = None, **kw: Any
    ) -> tuple[str | bytes, dict[str, Any]]:
        """Return the rendered report and nbconvert's resources."""
        document, files, used = self.read(nb, resources, **kw)
        return self.render(document, files), used

    def read(
        self, nb: NotebookNode, resources: Mapping[str, Any] | None = None, **kw: Any
    ) -> tuple[Document, dict[str, Path], dict[str, Any]]:
        """Return the marked document of a notebook that passes the gates, the font files, nbconvert's resources."""
        copied, used = super().from_notebook_node(nb, resources, **kw)
        name = f"{used.get('metadata', {}).get('name') or 'notebook'}.ipynb"
        return *self.document(copied, name=name), used

    def document(self, nb: NotebookNode, *, name: str) -> tuple[Document, dict[str, Path]]:
        """Return the marked document of a notebook that passes the gates, and the font files.

        `name` is said in errors. Nothing is copied, as nbconvert's preprocessors need it, and nothing is changed.
        """
        files = font_files(Path(self.fonts) if self.fonts else None, system=self.system_fonts)
        document = read_document(nb, name=name, fonts=files, lang=self.lang)
        check_prose(document, name=name)
        return marked(document, before=Path(self.before) if self.before else None), files

    def render(self, document: Document, files: Mapping[str, Path]) -> str | bytes:
        """Return a document in this format; `files` are the font files by weight and role."""
        raise NotImplementedError
