"""Pages as Markdown, for comments: what the terminal shows in colours, GitHub shows in tables and code.

The rule: pure, escaped and bounded. Whatever a name or an error has in it, it is text here, and what does not fit is
counted.
"""

from __future__ import annotations

import re

from bot.chatops.registry import COMMANDS, IN_COMMENTS
from bot.pages import Cell, Line, Page, Table, Tone
from scheduler.draw.escape import code, prose

LONGEST = 20_000
LONGEST_SENTENCE = 1500
LEFT_OUT = "_More is left out here: it would not fit into a comment._"
MARKS = {Tone.GOOD: "✅ ", Tone.WARNING: "⚠️ ", Tone.BAD: "❌ ", Tone.BUSY: "⏳ "}
SPOKEN = frozenset(command.name for command in IN_COMMENTS)
TERMINAL = {
    command.name: frozenset(flag for one in command.arguments if one.terminal for flag in (one.flag, one.short) if flag)
    for command in COMMANDS
}


def render(page: Page, longest: int = LONGEST) -> str:
    """Write a page, at most so many characters."""
    blocks: list[str] = []
    room = longest - len(LEFT_OUT) - 2
    for part in page:
        block = _table(part, room) if isinstance(part, Table) else _line(part)
        if len(block) + 2 > room:
            return _joined([*blocks, LEFT_OUT])
        room -= len(block) + 2
        blocks.append(block)
    return _joined(blocks)


def said(text: str) -> str:
    """Write a sentence of ours in which `code` stands between backticks; `meshbot run` is `/meshbot run` here."""
    pieces = text[:LONGEST_SENTENCE].split("`")
    if len(pieces) % 2 == 0:
        return prose(text, LONGEST_SENTENCE)
    return "".join(_code(piece) if place % 2 else _prose(piece) for place, piece in enumerate(pieces))


def command(text: str) -> str:
    """Write a command as a comment has it: what makes sense on a terminal only is left out."""
    name, *rest = text.split(" ")
    return " ".join(["/meshbot", name, *(word for word in rest if word not in TERMINAL.get(name, ()))])


def _code(text: str) -> str:
    first, _, rest = text.partition(" ")
    spoken = first == "meshbot" and rest.partition(" ")[0] in SPOKEN
    return code(command(rest) if spoken else text, 200) if text.strip() else ""


def _prose(text: str) -> str:
    """Escape text, and keep the spaces around it, which mean something between two pieces."""
    bare = text.strip()
    if not bare:
        return " " if text else ""
    head, tail = " " * text[:1].isspace(), " " * text[-1:].isspace()
    return f"{head}{prose(bare, LONGEST_SENTENCE)}{tail}"


def _line(line: Line) -> str:
    written = "".join(_cell(cell) for cell in line.cells).strip()
    return re.sub(r"^([-+=]|\d+[.)])(?=\s|$)", r"\\\1", written)


def _cell(cell: Cell) -> str:
    text = said(cell.text) if "`" in cell.text else _prose(cell.text)
    if cell.tone is not Tone.STRONG or not text.strip():
        return text
    head, tail = " " * text[:1].isspace(), " " * text[-1:].isspace()
    return f"{head}**{text.strip()}**{tail}"


def _table(table: Table, room: int) -> str:
    title = f"**{prose(table.title)}**\n\n" if table.title else ""
    if not table.rows:
        return title + said(table.empty)
    head = [f"| {' | '.join(prose(name) for name in table.columns)} |", f"|{'---|' * len(table.columns)}"]
    rest = f"| and {len(table.rows):,} more |{' |' * (len(table.columns) - 1)}"
    left = room - len(title) - sum(len(line) + 1 for line in head) - len(rest) - 1
    rows: list[str] = []
    for row in table.rows:
        written = f"| {' | '.join(_in_table(cell) for cell in row)} |"
        left -= len(written) + 1
        if left < 0:
            break
        rows.append(written)
    if len(rows) < len(table.rows):
        rows.append(f"| and {len(table.rows) - len(rows):,} more |{' |' * (len(table.columns) - 1)}")
    return title + "\n".join([*head, *rows])


def _in_table(cell: Cell) -> str:
    if not cell.text.strip():
        return ""
    if cell.tone is Tone.STRONG:
        return code(cell.text.strip(), 120)
    return MARKS.get(cell.tone, "") + _prose(cell.text).strip()


def _joined(blocks: list[str]) -> str:
    """Put blocks together: a table has blank lines around it, sentences stand one below the other."""
    found = ""
    for block in blocks:
        is_table = "\n|" in block or block.startswith("|")
        before_table = found.endswith("|")
        found += ("\n\n" if is_table or before_table else "\n") if found else ""
        found += block
    return found
