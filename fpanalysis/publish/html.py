"""A report as one web page: a single file that loads nothing, opens from a USB stick and reads without script.

The page carries its font cut to its own characters, its drawings as SVG with letters as letters, and each table's
raw values: a cell that prints less than it holds has the rest beside it (`data-v`). One small script, named by its
hash, makes of these a CSV behind a link; without script all but that link is there. The page is made for keyboards and
screen readers (WCAG 2.2 AA): landmarks, one title, scoped heads (a `th` beside cells heads its row by itself: HTML
Standard, 4.9.12), named regions that scroll, figures with words. A
content security policy forbids every request and any other script.
Equal notebooks give equal bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from traitlets import Bool

from ..blocks import MISSING, Cards, Column, Figure, Heading, Table, csv_cells
from ..errors import PublishError
from ..typeface import FALLBACK, WEIGHTS, covers, page_font, uncovered
from ..wording import text
from .document import Document, Output, Part, Passage, Tokens, plain_text
from .exporter import ReportExporter
from .marks import unmarked

__all__ = ["HtmlExporter", "extract", "render"]

HTML_LANG = {"zh": "zh-CN", "en": "en"}
FAMILY = "FPA Page"
FITS = 8
ONE_LINE = 18
OPENING = ("（", "“", "《", "【")
SAFE_ADDRESS = re.compile(r"(?:https?:|mailto:|#|[^:]*$)", re.IGNORECASE)
WIDE_GLYPH = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f“”‘’—…]"
TABLE_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "p", "div", "b", "strong", "em", "i",
              "br", "sub", "sup", "span", "ul", "ol", "li", "pre", "code"}  # fmt: skip
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
PLAIN = re.compile(r"=\"([^\s\"'=<>`]+)\"(?=[\s>])")
SPANS = {"colspan", "rowspan"}
UNSEEN = {"style", "script", "title"}
BOLD = {"h1", "h2", "h3", "h4", "strong", "b"}
WITHIN_A_LINE = {"b", "strong", "em", "i", "del", "code", "span"}
VOID = {"meta", "br", "hr", "img", "link", "use", "wbr"}


class HtmlExporter(ReportExporter):
    """nbconvert exporter `fp-html`: an executed report notebook as one self-contained page."""

    export_from_notebook = "Report (HTML)"
    output_mimetype = "text/html"
    extension = ".html"

    embed_fonts = Bool(True, help="Carry the page's characters as a font inside the page.").tag(config=True)

    def render(self, document: Document, files: Mapping[str, Path]) -> str:
        """Return the page."""
        return render(document, fonts=files if self.embed_fonts else {})


def render(document: Document, *, fonts: Mapping[str, Path]) -> str:
    """Return a document as one HTML page, with the given font files cut to its characters (none to embed none).

    Raises PublishError when a font lacks a character of the page.
    """
    page = _template("report.html").render(
        meta=document.meta,
        html_lang=HTML_LANG[document.meta.lang],
        other_lang=HTML_LANG["en" if document.meta.lang == "zh" else "zh"],
        word=functools.partial(_word, document.meta.lang),
        other_word=functools.partial(_word, "en" if document.meta.lang == "zh" else "zh"),
        facts=_cover_facts(document),
        contents=_contents(document),
        parts=[_part(part, document) for part in document.parts],
        footnotes=[_footnote(note, document) for note in document.footnotes],
        style=Markup(_style_sheet()),
        faces=Markup("%FACES%"),
        script=Markup(_script()),
        script_hash=base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode("ascii"),
    )
    page = _counted(_lean(re.sub(r"\n\s*\n+", "\n", page)))
    return page.replace("%FACES%", _faces(page, fonts), 1)


def extract(data: bytes) -> list[str]:
    """Return what a page says, a text an element: its words, the words of drawings and labels, what cells hold."""
    reader = _Said()
    reader.feed(data.decode())
    reader.close()
    return [words.strip() for words in reader.texts if words.strip()]


def _counted(page: str) -> str:
    """Return the page with the mentions of each footnote, and the ordinary outputs, numbered as they stand."""
    seen: Counter[str] = Counter()

    def number(found: re.Match[str]) -> str:
        seen[found[1]] += 1
        return str(seen[found[1]])

    return re.sub(r"%(MENTION\d+|OUTPUT)%", number, page)


def _word(lang: str, key: str, **values: Any) -> str:
    return text(key, lang, **values)


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader(__package__ or "", "templates")
    made = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    made.globals.update(stub=_stub, rows=_rows, noted=_noted)
    return made


def _template(name: str) -> Any:
    return _environment().get_template(name)


@functools.cache
def _style_sheet() -> str:
    """Return the style sheet without comments and needless white space, its colours where they are used."""
    sheet = re.sub(r"\s+", " ", _source("style.css"))
    for name, colour in re.findall(r"(--[a-z]+): ([^;]+);", sheet):
        sheet = sheet.replace(f"{name}: {colour};", "").replace(f"var({name})", colour)
    return re.sub(r"\s*([{};,])\s*", r"\1", sheet).replace(";}", "}").replace(": ", ":").strip()


@functools.cache
def _script() -> str:
    """Return the script of the page in one line, without white space outside its strings (its patterns have none)."""
    parts = re.split(r"(\"[^\"]*\")", re.sub(r"\n\s*", "", _source("download.js")))
    return "".join(re.sub(r" ?([^\w.]) ?", r"\1", part) if n % 2 == 0 else part for n, part in enumerate(parts))


def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return re.sub(r"/\*.*?\*/", "", loader.get_source(_environment(), name)[0], flags=re.DOTALL)


def _cover_facts(document: Document) -> list[tuple[str, str]]:
    meta, lang = document.meta, document.meta.lang
    named = {"place": meta.place, "period": meta.period, "calendar": meta.calendar, "as_of": meta.as_of}
    return [(text(f"page.{key}", lang), value) for key, value in named.items() if value]


def _heading_ids(document: Document) -> list[str]:
    """Return an id for each heading by its position in the tree: s1, s1-1, s2 ..."""
    ids, counts = [], [0, 0, 0, 0, 0]
    for heading in document.headings:
        depth = heading.level - 2
        counts = [*counts[:depth], counts[depth] + 1, *[0] * (4 - depth)]
        ids.append("s" + "-".join(str(n) for n in counts[: depth + 1]))
    return ids


def _contents(document: Document) -> list[tuple[int, str, str]]:
    """Return level, id and words of the headings that the contents list (sections and subsections)."""
    pairs = zip(document.headings, _heading_ids(document), strict=True)
    return [(heading.level, name, heading.text) for heading, name in pairs if heading.level <= 3]


def _part(part: Part, document: Document) -> Markup:
    content = part.content
    if isinstance(content, Heading):
        position = [p.content is content for p in document.parts if isinstance(p.content, Heading)].index(True)
        name = _heading_ids(document)[position]
        hung = ' class="hung"' if content.text.startswith(OPENING) else ""
        return Markup(f'<h{content.level} id="{name}"{hung}>{escape(content.text)}</h{content.level}>')
    if isinstance(content, Passage):
        return Markup(_markdown(content.tokens, document))
    if isinstance(content, Output):
        return Markup(_output(content, document.meta.lang))
    if isinstance(content, Cards):
        return _macro("cards", content, lang=document.meta.lang)
    _, number = document.numbers[content.id]
    return _table(content, number, document) if isinstance(content, Table) else _figure(content, number, document)


def _macro(name: str, *given: Any, lang: str) -> Markup:
    module = _template("blocks.html").module
    return Markup(getattr(module, name)(*given, functools.partial(_word, lang)))


def _stub(table: Table) -> str:
    """Return the class of a table whose row names are short enough to stay on one line."""
    widest = max((sum(1 + (east_asian_width(c) in "WF") for c in row[0]) for row in table.texts), default=0)
    return " one-line" if widest <= ONE_LINE else ""


def _table(table: Table, number: int, document: Document) -> Markup:
    lang = document.meta.lang
    form = "table fits" if len(table.columns) <= FITS else "table"
    return _macro("table_block", table, text("table.number", lang, n=number), form, lang=lang)


def _figure(figure: Figure, number: int, document: Document) -> Markup:
    lang = document.meta.lang
    return _macro("figure_block", figure, text("figure.number", lang, n=number), _drawing(figure), lang=lang)


def _drawing(figure: Figure) -> Markup:
    """Return a figure's SVG as part of the page: named for screen readers, in the page's font and width."""
    root, end, body = figure.svg.partition(">")
    root = re.sub(r' (?:xmlns|width|font-family)="[^"]*"', "", root)
    return Markup(f'{root} role="img" aria-label="{escape(figure.alt)}"{end}{body}')


def _rows(table: Table) -> list[list[tuple[str, Markup]]]:
    """Return each cell as printed, with an attribute for what it holds where that is not what is printed."""
    return [
        [(words, _held(value, words, column)) for value, words, column in zip(row, texts, table.columns, strict=True)]
        for row, texts in zip(table.values, table.texts, strict=True)
    ]


def _noted(words: str) -> Markup:
    """Return words with their mark raised."""
    plain = unmarked(words)
    return (
        Markup("{}<sup>{}</sup>").format(plain, words[len(plain) + 1 :])
        if plain != words
        else Markup("{}").format(words)
    )


def _held(value: Any, words: str, column: Column) -> Markup:
    """Return the attribute with a cell's raw value, "" where the script can read it off what is printed."""
    cells = csv_cells(value, column)
    if cells == _read_off(words, column):
        return Markup("")
    return Markup(' data-v="{}"').format("|".join(cells).rstrip("|"))


def _read_off(words: str, column: Column) -> list[str]:
    """Return the CSV cells that the script reads off a printed cell (`download.js` has the same rules)."""
    size, words = 3 if column.interval else 1, unmarked(words)
    if words == MISSING:
        return [""] * size
    if column.is_text:
        return [words.strip()]
    parts = re.fullmatch(r"(.*)\s\((.*)–(.*)\)", words) if column.interval else None
    return [_plain_number(part) for part in (parts.groups() if parts else [words] * size)]


def _plain_number(words: str) -> str:
    """Return a printed number as a spreadsheet reads it: 98.5% as 0.985, 3,050.50 as 3050.5; else as it is."""
    plain = words.replace(",", "").replace("−", "-")
    if not re.fullmatch(r"-?\d+(\.\d+)?%?", plain, re.ASCII):
        return words
    return f"{float(plain.rstrip('%')) / (100 if plain.endswith('%') else 1):.12g}"


def _lean(page: str) -> str:
    """Return a page without the quotes and end tags that HTML can do without (HTML Standard, 13.1.2.3 and 13.1.2.4)."""
    page = re.sub(r"</(?:t[dhr]|li|thead|tbody)>", "", page)
    return TAG.sub(lambda tag: PLAIN.sub(r"=\1", tag[0]), page)


def _output(output: Output, lang: str) -> str:
    if output.kind == "image/svg+xml":
        drawing = output.content[output.content.index("<svg") :]
        address = f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode('ascii')}"
        return f'<p><img src="{address}" alt="{escape(output.alt)}"></p>'
    if output.kind.startswith("image/"):
        content = "".join(output.content.split())
        return f'<p><img src="data:{output.kind};base64,{content}" alt="{escape(output.alt)}"></p>'
    region = '<div class="scroll" role="region" tabindex="0" aria-label="{} %OUTPUT%">{}</div>'
    if output.kind == "text/html":
        return region.format(escape(text("page.table", lang)), _clean_html(output.content))
    return region.format(escape(text("page.output", lang)), f"<pre>{escape(output.content)}</pre>")


def _clean_html(content: str) -> str:
    """Return an ordinary output's HTML with harmless tags only, its table's heads scoped and empty heads as cells."""
    reader = _Harmless()
    reader.feed(content)
    reader.close()
    cleaned = re.sub(r"<th([^>]*)>\s*</th>", r"<td\1></td>", "".join(reader.kept))
    head, end, body = cleaned.rpartition("</thead>")
    return _scoped(head, "col") + end + _scoped(body, "row")


def _scoped(content: str, scope: str) -> str:
    return re.sub(r"<th\b", f'<th scope="{scope}"', content)


def _footnote(note: Mapping[str, Any], document: Document) -> Markup:
    """Return a footnote with a way back to each place that mentions it."""
    number = note["attrs"]["index"]
    body = _markdown(note["children"], document)
    mentions = _mentions([p.content for p in document.parts if isinstance(p.content, Passage)], note["attrs"]["key"])
    lang = document.meta.lang
    back = "".join(
        f' <a class="back" href="#r{number}-{n}" aria-label="{escape(text("page.back", lang, n=n))}">↑</a>'
        for n in range(1, mentions + 1)
    )
    at = body.rfind("</p>")
    body = f"{body[:at]}{back}{body[at:]}" if at >= 0 else body + back
    return Markup(f'<li id="n{number}">{body}</li>')


def _mentions(passages: Sequence[Passage], key: str) -> int:
    def count(tokens: Tokens) -> int:
        own = sum(token["type"] == "footnote_ref" and token["raw"] == key for token in tokens)
        return own + sum(count(token.get("children", ())) for token in tokens)

    return sum(count(passage.tokens) for passage in passages)


def _markdown(tokens: Tokens, document: Document) -> str:
    """Return mistune's tokens as HTML."""
    return "".join(_token(tokens, n, document) for n in range(len(tokens)))


def _token(tokens: Tokens, n: int, document: Document) -> str:
    token = tokens[n]
    kind = token["type"]
    if kind == "softbreak":
        return _line_end(plain_text(tokens[:n]), plain_text(tokens[n + 1 :]))
    if kind in INLINE_TEXT:
        return INLINE_TEXT[kind].format(escape(token.get("raw", "")))
    inside = _markdown(token.get("children", ()), document)
    if kind in SIMPLE_TAGS:
        tag = SIMPLE_TAGS[kind]
        return f"<{tag}>{inside}</{tag}>\n" if kind in BLOCK_TOKENS else f"<{tag}>{inside}</{tag}>"
    return SPECIAL[kind](token, inside, document) if kind in SPECIAL else inside


def _line_end(before: str, after: str) -> str:
    """Return the space that a line end in the source stands for: none between two Chinese characters."""
    return "" if re.search(f"{WIDE_GLYPH}$", before) and re.match(WIDE_GLYPH, after) else " "


def _link(token: Mapping[str, Any], inside: str, document: Document) -> str:
    address = token["attrs"]["url"]
    if not SAFE_ADDRESS.match(address):
        return inside
    if not inside and address.removeprefix("#") in document.numbers:
        kind, number = document.numbers[address.removeprefix("#")]
        inside = escape(text(f"{kind}.number", document.meta.lang, n=number))
    return f'<a href="{escape(address)}">{inside or escape(address)}</a>'


def _image(token: Mapping[str, Any], inside: str, document: Document) -> str:
    return f'<img src="{escape(token["attrs"]["url"])}" alt="{escape(plain_text(token["children"]))}">'


def _mention(token: Mapping[str, Any], inside: str, document: Document) -> str:
    number = token["attrs"]["index"]
    name = escape(text("page.footnote", document.meta.lang, n=number))
    return f'<sup><a id="r{number}-%MENTION{number}%" href="#n{number}" aria-label="{name}">{number}</a></sup>'


def _list(token: Mapping[str, Any], inside: str, document: Document) -> str:
    ordered, start = token["attrs"].get("ordered"), token["attrs"].get("start", 1)
    tag = "ol" if ordered else "ul"
    return f"<{tag}" + (f' start="{start}"' if ordered and start != 1 else "") + f">\n{inside}</{tag}>\n"


def _cell(token: Mapping[str, Any], inside: str, document: Document) -> str:
    right = ' class="r"' if token["attrs"].get("align") == "right" else ""
    if not token["attrs"]["head"]:
        return f"<td{right}>{inside}</td>"
    return f'<th scope="col"{right}>{inside}</th>' if inside else f"<td{right}></td>"


def _text_table(token: Mapping[str, Any], inside: str, document: Document) -> str:
    name = escape(text("page.table", document.meta.lang))
    table = f"<table>{inside}</table>"
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{name} %OUTPUT%">{table}</div>\n'


INLINE_TEXT = {
    "text": "{}",
    "codespan": "<code>{}</code>",
    "block_code": "<pre>{}</pre>\n",
    "linebreak": "<br>",
    "inline_html": "",
    "block_html": "",
    "thematic_break": "<hr>\n",
    "blank_line": "",
}
SIMPLE_TAGS = {
    "paragraph": "p",
    "strong": "strong",
    "emphasis": "em",
    "strikethrough": "del",
    "block_quote": "blockquote",
    "list_item": "li",
    "table_head": "thead",
    "table_body": "tbody",
    "table_row": "tr",
}
BLOCK_TOKENS = {"paragraph", "block_quote", "list_item", "table_row"}
SPECIAL = {
    "link": _link,
    "image": _image,
    "footnote_ref": _mention,
    "list": _list,
    "table_cell": _cell,
    "table": _text_table,
}
"""How each kind of token that is more than a tag is written."""


class _Harmless(HTMLParser):
    """Copy HTML, keeping words, the tags of tables and text, and spans of cells; nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in UNSEEN
        if tag in TABLE_TAGS:
            spans = [f' {name}="{value}"' for name, value in attrs if name in SPANS and (value or "").isdigit()]
            self.kept.append(f"<{tag}{''.join(spans)}>")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in UNSEEN
        if tag in TABLE_TAGS - VOID:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.kept.append(escape(data))


class _Said(HTMLParser):
    """Collect what a page says: text by element (formatting within a line does not part it), labels, what is held."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = [""]
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in UNSEEN
        if tag not in WITHIN_A_LINE:
            given = dict(attrs)
            said = [given.get("aria-label"), given.get("alt"), *(given.get("data-v") or "").split("|")]
            self.texts += [*(words for words in said if words), ""]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in UNSEEN
        if tag not in WITHIN_A_LINE:
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.texts[-1] += data


class _Characters(HTMLParser):
    """Collect the characters that a page shows, those in bold apart; `heavy`: classes that its styles make bold."""

    def __init__(self, heavy: set[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.heavy = heavy
        self.open: list[tuple[str, bool]] = []
        self.found: dict[str, set[str]] = {"regular": set(), "bold": set()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = dict(attrs)
        bold = bool(HEAVY.search(given.get("style") or "")) or bool(
            self.heavy & set((given.get("class") or "").split())
        )
        heavy = tag in BOLD or bold
        self.open.append((tag, heavy or bool(self.open and self.open[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] not in UNSEEN:
            self.found["bold" if self.open[-1][1] else "regular"] |= set(data)


def _faces(page: str, fonts: Mapping[str, Path]) -> str:
    """Return the font faces of a page: each weight cut to the characters that stand in it."""
    reader = _Characters({"b", *(name for name, rule in RULE.findall(page) if HEAVY.search(rule))})
    reader.feed(page)
    shown = {weight: "".join(sorted(c for c in found if c.isprintable())) for weight, found in reader.found.items()}
    faces = []
    for weight in sorted(WEIGHTS.keys() & fonts.keys()):
        file = fonts[weight]
        missing = uncovered(shown[weight], {weight: file})
        if missing:
            raise PublishError(f"{file.name} has no glyph for {', '.join(sorted(missing))}; use other fonts")
        borrowed = "".join(c for c in shown[weight] if not covers(file, c))
        own = "".join(c for c in shown[weight] if c not in borrowed)
        faces += [_face(weight, own, file)] if own.strip() else []
        faces += [_face(weight, borrowed, FALLBACK, only=True)] if borrowed else []
    return "\n".join(faces)


def _face(weight: str, characters: str, file: Path, *, only: bool = False) -> str:
    """Return one font face with some characters; with `only` it is asked for these alone (CSS `unicode-range`)."""
    content = base64.b64encode(page_font(characters, file)).decode("ascii")
    held = f";unicode-range:{','.join(f'U+{ord(c):X}' for c in characters)}" if only else ""
    return (f'@font-face{{font-family:"{FAMILY}";font-weight:{CSS_WEIGHTS[weight]};'
            f"src:url(data:font/woff2;base64,{content}) format('woff2'){held}}}")  # fmt: skip


HEAVY = re.compile(r"font-weight:\s*(?:bold|[6-9]00)|font:\s*bold")
RULE = re.compile(r"\.([\w-]+)\s*\{([^}]*)\}")
CSS_WEIGHTS = {"regular": "400", "bold": "700"}
