"""Well-known slips that make a text no YAML, found line by line and mended, so that the rest can still be read.

A parser stops at its first error. A report must not: five crons without quotes are five faults, and the unknown key
below them is the sixth. What is mended here is reported, so a mended file is never accepted.
"""

from __future__ import annotations

import re

from scheduler.jobfile.faults import Fault

# `key: */15 * * * *`, `- @daily`: a value that YAML lets nobody write without quotes.
UNQUOTED = re.compile(
    r"^(?P<head>\s*(?:-\s+)?(?:[\w.-]+\s*:\s+)?)(?P<value>(?:\*(?![A-Za-z_][\w-]*\s*$)|[@`%]).*?)\s*$"
)
COMMENT = re.compile(r"\s+#.*$")
TABBED = re.compile(r"^[ ]*\t[ \t]*(?=\S)")
SIGNS = {
    "*": ("an unquoted * begins an alias", '"*/15 * * * *"'),
    "@": ("a value cannot begin with an unquoted @", '"@daily"'),
    "`": ("a value cannot begin with an unquoted backtick", '"..."'),
    "%": ("a value cannot begin with an unquoted %", '"%..."'),
}


def mend(text: str) -> tuple[list[Fault], str]:
    """Return what was found, and the text in which it is mended. No fault: the text is as it was."""
    faults: list[Fault] = []
    lines = [_line(number, line, faults) for number, line in enumerate(text.split("\n"), 1)]
    return faults, "\n".join(lines)


def _line(number: int, line: str, faults: list[Fault]) -> str:
    tabbed = TABBED.match(line)
    if tabbed:
        column = line.index("\t") + 1
        faults.append(Fault(number, column, "", "the line is indented with a tab", "indent with spaces"))
        line = tabbed[0].replace("\t", "  ") + line[tabbed.end() :]
    unquoted = UNQUOTED.match(line)
    if not unquoted:
        return line
    head, value = unquoted["head"], COMMENT.sub("", unquoted["value"])
    problem, example = SIGNS[value[0]]
    path = head.strip(" -:")
    faults.append(Fault(number, len(head) + 1, path, problem, f"write the value in quotes: {example}"))
    quoted = value.replace("'", "''")
    return f"{head}'{quoted}'"
