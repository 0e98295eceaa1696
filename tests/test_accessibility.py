"""The pages of the sample county in a browser: axe-core finds no violation, and nothing is wider than a phone.

axe-core is Deque's rules for WCAG 2.1 A and AA and for good practice (version 4.4 in the package `axe-core-python`); the
browser is Debian's Chromium. The page is opened from a file, with axe and a few lines that write its findings into the page put into a copy of it; the
security policy of the page, which forbids every script but its own, is left out of the copy.
"""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from fpanalysis.blocks import Figure, Table, csv_text
from fpanalysis.publish.document import read_document
from fpanalysis.publish.marks import marked
from fpanalysis.typeface import font_files

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = importlib.util.find_spec("axe_core_python")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
         "--enable-blink-features=ComputedAccessibilityInfo"]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
POLICY = re.compile(r"<meta http-equiv=\"?Content-Security-Policy[^>]*>")

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium"),
    pytest.mark.skipif(AXE is None, reason="no axe-core-python here: make setup"),
]


def said(page: str, script: str, folder: Path) -> dict:
    """What a script reports of a page in a frame 390 pixels wide or in the window: the JSON that it passes to `tell`."""
    tell = "function tell(found) { const p = document.createElement('pre'); p.id = 'told'; p.textContent = JSON.stringify(found); document.body.append(p) }"
    copy = folder / "page.html"
    copy.write_text(POLICY.sub("", page).replace("</body>", f"<script>{tell}\n{script}</script></body>"), "utf-8")
    command = [
        BROWSER,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        copy.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def axe(page: str, folder: Path) -> dict:
    source = (
        Path(AXE.submodule_search_locations[0], "axe.min.js").read_text("utf-8").replace("</script>", "<\\/script>")
    )
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    return said(page, f"{source}\naxe.run(document, {options}).then(tell, e => tell({{error: String(e)}}))", folder)


@pytest.fixture(scope="module", params=["zh", "en"])
def page(request, edition) -> str:
    return (edition / f"report.{request.param}.html").read_text("utf-8")


def test_axe_finds_no_violation(page, tmp_path):
    found = axe(page, tmp_path)

    assert [] == [(v["id"], v["help"], [n["target"] for n in v["nodes"]][:3]) for v in found["violations"]]
    assert len(found["passes"]) > 20


def test_axe_finds_what_is_wrong(tmp_path):
    """The test above can fail: text too pale, a heading level skipped and a picture without words are found."""
    wrong = '<main><h1>x</h1><h4>x</h4><img src="data:,"><p style="color:#ccc">pale</p></main>'
    found = axe(f'<!doctype html><html lang="en"><title>x</title><body>{wrong}</body></html>', tmp_path)

    assert {"image-alt", "color-contrast", "heading-order"} <= {violation["id"] for violation in found["violations"]}


def test_a_phone_shows_the_page_without_scrolling_sideways(page, tmp_path):
    """In a frame 390 pixels wide, only the regions made for it are wider than the screen, and heads and stubs stay."""
    framed = (
        "<!doctype html><title>x</title><body>"
        + f'<iframe srcdoc="{html.escape(POLICY.sub("", page))}" width="390" height="800"></iframe></body>'
    )
    script = """
    window.onload = () => { const d = document.querySelector('iframe').contentDocument, w = d.documentElement;
      const scroll = [...d.querySelectorAll('.scroll')], style = (e, n) => e ? d.defaultView.getComputedStyle(e)[n] : '';
      tell({inner: w.clientWidth, wide: w.scrollWidth, regions: scroll.length,
        heads: [...new Set([...d.querySelectorAll('.grid thead')].map(e => style(e, 'position')))],
        stubs: [...new Set([...d.querySelectorAll('.grid tbody th:first-child')].map(e => style(e, 'position')))],
        small: [...d.querySelectorAll('p, li, td, th, dd, dt')].filter(e => parseFloat(style(e, 'fontSize')) < 12).length}) }
    """
    found = said(framed, script, tmp_path)

    assert 370 <= found["inner"] == found["wide"] <= 390
    assert found["heads"] == found["stubs"] == ["sticky"]
    assert (found["regions"] > 5, found["small"]) == (True, 0)


def test_each_table_hands_over_its_numbers_as_csv(edition, tmp_path):
    """What the page's script reads off the printed cells is, byte for byte, the CSV of the raw values."""
    notebook = nbformat.read(edition / "notebooks" / "06_report.zh.ipynb", as_version=4)
    document = marked(read_document(notebook, name="x", fonts=font_files()))
    parts = [part.content for part in document.parts]
    tables = {
        part.id: part if isinstance(part, Table) else part.data for part in parts if isinstance(part, (Table, Figure))
    }
    page = (edition / "report.zh.html").read_text("utf-8")
    caught = "<script>const blobs=[];URL.createObjectURL=blob=>'blob:'+blobs.push(blob)</script>"
    told = "Promise.all(blobs.map(blob => blob.arrayBuffer())).then(all => tell([...document.querySelectorAll('a[download]')].map((a, n) => [a.download, new TextDecoder('utf-8', {ignoreBOM: true}).decode(all[n])])))"
    found = said(page.replace("<head>", f"<head>{caught}"), told, tmp_path)

    assert len(found) > 8
    assert {f"{id}.csv": "\ufeff" + csv_text(t, "zh").replace("\r\n", "\n") for id, t in tables.items() if t} == dict(
        found
    )


def test_the_first_cell_of_a_row_heads_it(page, tmp_path):
    """The browser tells screen readers so without a scope, which saves a page two thousand bytes."""
    roles = "tell([...document.querySelectorAll('.grid tbody th')].filter(cell => cell.checkVisibility()).map(cell => cell.computedRole))"
    found = said(page, roles, tmp_path)

    assert len(found) > 50 and set(found) == {"rowheader"}
