"""Draws what Meshbot says on GitHub as GitHub shows it: `python tests/pictures.py NODE_MODULES [OUT]`.

The texts are the golden files; NODE_MODULES has `mermaid` and `github-markdown-css` (`npm install` them anywhere), and
`chromium` is on PATH. None of these is a dependency of Meshbot: pictures are drawn anew when a text changes.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

GOLDEN = Path(__file__).parent / "golden"
OUT = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 920
COMMENTS = {
    "comment-change": ("comments/new-models.md", ()),
    "comment-merge": ("comments/first-committed.md", ("Forecast",)),
    "comment-faults": ("comments/faulty.md", ("The jobs as they are",)),
    "comment-stranger": ("comments/untrusted.md", ()),
}
PAGE = """<!doctype html><meta charset="utf-8">
<style>{css}
body {{ margin: 0; background: #fff; }}
.box {{ border: 1px solid #d1d9e0; border-radius: 6px; margin: 16px 16px 16px 64px; position: relative; }}
.face {{ position: absolute; left: -48px; top: 0; width: 40px; height: 40px; border-radius: 6px; background: #1f6feb;
  color: #fff; font: 600 20px/40px sans-serif; text-align: center; }}
.who {{ background: #f6f8fa; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; padding: 8px 16px;
  font: 14px sans-serif; color: #59636e; }}
.who b {{ color: #1f2328; }}
.who i {{ border: 1px solid #d1d9e0; border-radius: 2em; font: 12px sans-serif; padding: 0 6px; margin: 0 4px; }}
.markdown-body {{ padding: 16px; font-size: 14px; }}
</style>
<div class="box"><div class="face">M</div><div class="who"><b>meshbot</b> <i>bot</i> commented now</div>
<div class="markdown-body">{body}</div></div>
<script src="{mermaid}"></script>
<script>
mermaid.initialize({{ startOnLoad: false, theme: "default" }});
mermaid.run({{ querySelector: ".mermaid" }}).finally(() => {{
  document.title = "height " + Math.ceil(document.querySelector(".box").getBoundingClientRect().bottom + 16);
}});
</script>
"""


def body(text: str, opened: tuple[str, ...]) -> str:
    """Render Markdown as GitHub does; folds with these titles are open."""
    shown = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    shown = re.sub(
        r'<pre><code class="language-mermaid">(.*?)</code></pre>',
        r'<pre class="mermaid">\1</pre>',
        shown,
        flags=re.DOTALL,
    )
    for title in opened:
        shown = shown.replace(f"<details><summary>{title}", f"<details open><summary>{title}")
    return shown


def chromium(page: Path, *options: str) -> str:
    """Open a page without a window, let its scripts end, and return what is printed."""
    fixed = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=20000")
    command = ["chromium", *fixed, "--force-device-scale-factor=1", *options, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout


def draw(name: str, text: str, opened: tuple[str, ...], modules: Path, out: Path) -> None:
    """Draw one comment into a file as high as it is."""
    css = (modules / "github-markdown-css" / "github-markdown-light.css").read_text(encoding="utf-8")
    mermaid = (modules / "mermaid" / "dist" / "mermaid.min.js").resolve().as_uri()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(PAGE.format(css=css, body=body(text, opened), mermaid=html.escape(mermaid)), encoding="utf-8")
        found = re.search(r"<title>height (\d+)</title>", chromium(page, f"--window-size={WIDTH},4000", "--dump-dom"))
        assert found, f"{name}: the page did not say how high it is"
        chromium(page, f"--window-size={WIDTH},{found[1]}", f"--screenshot={out / f'{name}.png'}")


def main(modules: str, out: str = str(OUT)) -> None:
    Path(out).mkdir(parents=True, exist_ok=True)
    for name, (golden, opened) in COMMENTS.items():
        draw(name, (GOLDEN / golden).read_text(encoding="utf-8"), opened, Path(modules), Path(out))
        sys.stdout.write(f"{name}.png\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
