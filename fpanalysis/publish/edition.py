"""All formats of a report at once: the notebook is read and held against the gates once, then rendered in each format.

`jupyter nbconvert --to fp-report report.ipynb` writes `report.html` and, beside it, `report.pdf`, `report.docx` and the
others (nbconvert's FilesWriter writes what stands in `resources["outputs"]`). The numbers of every file are read back
and compared with the report before anything is written. `publish_edition` does the same for a release: both languages,
held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from traitlets import List, Unicode
from traitlets.config import Config

from ..wording import LANGS
from . import BILINGUAL, FORMATS, checked_formats
from .document import Document
from .exporter import ReportExporter
from .facts import facts_csv
from .languages import check_languages
from .numbers import Sayings, find

__all__ = ["EditionExporter", "edition", "publish_edition"]

FACTS, FACTS_CSV = ".facts.json", ".facts.csv"


class EditionExporter(ReportExporter):
    """nbconvert exporter `fp-report`: an executed report notebook in all formats."""

    export_from_notebook = "Report (all formats)"
    output_mimetype = "text/html"
    extension = ".html"

    formats = List(Unicode(), help="Formats to write, such as fp-html, fp-docx; empty for all.").tag(config=True)

    def from_notebook_node(
        self, nb: NotebookNode, resources: Mapping[str, Any] | None = None, **kw: Any
    ) -> tuple[str | bytes, dict[str, Any]]:
        """Return the first format (the page, where it is one of them) and the others in `resources["outputs"]`."""
        document, files, used = self.read(nb, resources, **kw)
        name = str(used.get("unique_key") or (used.get("metadata") or {}).get("name") or "notebook")
        made = edition(document, files, formats=self.formats, name=name, traits=self.config)
        first = self.extension if self.extension in made else next(iter(made))
        # nbconvert 7.17 makes the folder of each name and fails on the empty one, so the name says that it is here.
        others = {f"./{name}{extension}": content for extension, content in made.items() if extension != first}
        used["outputs"] = {**(used.get("outputs") or {}), **others}
        used["output_extension"] = first
        return made[first], used


def edition(
    document: Document,
    files: Mapping[str, Path],
    *,
    formats: Sequence[str] = (),
    name: str,
    traits: Config | None = None,
) -> dict[str, bytes]:
    """Return the files of a document by extension (".html"), each with its numbers read back and compared.

    `formats` are names in FORMATS, empty for all; `files` the font files by weight; `name` is said in errors; `traits`
    is given to each exporter. Raises PublishError for an unknown format, or numbers that differ.
    """
    made: dict[str, bytes] = {}
    held = Sayings(document)
    for format in checked_formats(formats):
        exporter = _exporter(format)(config=traits)
        body = exporter.render(document, files)
        content = body if isinstance(body, bytes) else body.encode()
        held.check(format, content, name=f"{name}{exporter.file_extension}")
        made[exporter.file_extension] = content
    return {**made, FACTS_CSV: facts_csv(made[FACTS])} if FACTS in made else made


def _exporter(format: str) -> type[ReportExporter]:
    """Return the exporter of a format; nbconvert would look through all that is installed for it, each time."""
    module, _, name = FORMATS[format].partition(":")
    found: type[ReportExporter] = getattr(import_module(module), name)
    return found


def publish_edition(
    notebooks: Mapping[str, Path], *, formats: Sequence[str] = (), before: Path | None = None, **traits: Any
) -> dict[str, bytes]:
    """Return the files of a release by name, from the executed notebooks by language.

    `report.zh.html`, `report.en.html` and so on; formats that carry both languages once (`facts.json`). `before` is
    the facts.json of the release before; `traits` are those of ReportExporter (`fonts`). Raises PublishError when a
    gate refuses: of one notebook, or of the two languages against each other.
    """
    config = Config({"ReportExporter": {**traits, "before": str(before or "")}})
    reader = ReportExporter(config=config)
    read = {
        lang: reader.document(nbformat.read(path, as_version=4), name=path.name) for lang, path in notebooks.items()
    }
    documents = {lang: document for lang, (document, _) in read.items()}
    if set(documents) == set(LANGS):
        check_languages(documents, names={lang: path.name for lang, path in notebooks.items()})
    made: dict[str, bytes] = {}
    for lang, (document, files) in read.items():
        wanted = [name for name in checked_formats(formats) if name not in BILINGUAL or lang == next(iter(read))]
        found = edition(document, files, formats=wanted, name=f"report.{lang}", traits=config) if wanted else {}
        made |= {_file_name(extension, lang): content for extension, content in found.items()}
    find.cache_clear()  # of the next report other texts are looked at
    return made


def _file_name(extension: str, lang: str) -> str:
    return extension.removeprefix(".") if extension in (FACTS, FACTS_CSV) else f"report.{lang}{extension}"
