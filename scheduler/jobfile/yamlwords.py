"""What is said about text that is no usable YAML: each fault in words of its own, never the parser's.

The parser quotes the text around a fault; that text may be a secret, so none of it is taken over.
"""

from __future__ import annotations

from scheduler.jobfile.faults import Fault

# What the parser says -> what is wrong, what to do. The first that is found in its sentence counts.
SYNTAX = (
    ("\\t", "a tab stands where spaces must", "indent with spaces"),
    ("'@'", "an unquoted value cannot begin with @", 'write it in quotes: "@daily"'),
    ("'`'", "an unquoted value cannot begin with a backtick", "write it in quotes"),
    ("'%'", "an unquoted value cannot begin with %", "write it in quotes"),
    ("scanning an alias", "an unquoted * begins an alias", 'write it in quotes: "*/15 * * * *"'),
    ("scanning an anchor", "an unquoted & begins an anchor", "write it in quotes"),
    ("undefined tag", "an unquoted ! begins a tag", "write it in quotes"),
    ("tag", "an unquoted ! begins a tag", "write it in quotes"),
    ("mapping values", "a second `key: value` stands on one line, or the line is indented too far",
     "put it on a line of its own, under the key it belongs to, or quote a value that has `: ` in it"),
    ("flow sequence", "a list that began with [ is not closed", "close it with ], with commas between its items"),
    ("flow mapping", "a mapping that began with { is not closed", "close it with }, with commas between its entries"),
    ("quoted scalar", "a quote is not closed", "close it on the same line"),
    ("double-quoted", "a backslash in double quotes begins an escape that does not exist", "use single quotes"),
    ("simple key", "a line is neither `key: value` nor the item of a list", "put a colon and a space behind the key"),
    ("block mapping", "a line does not fit the indentation of its mapping", "indent all keys of one mapping alike"),
    ("block collection", "an item does not fit the indentation of its list", "indent all items of one list alike"),
    ("block sequence", "an item does not fit the indentation of its list", "indent all items of one list alike"),
)  # fmt: skip


def syntax(line: int, column: int, problem: str, context: str) -> Fault:
    """Word a syntax error that the parser found."""
    said = f"{problem} {context}"
    for sign, wrong, remedy in SYNTAX:
        if sign in said:
            return Fault(line, column, "", wrong, remedy)
    return Fault(line, column, "", "this is no YAML", "look at the quotes, colons and indentation of this line")


def control_character(text: str, position: int) -> Fault:
    """Word a character that no text has."""
    before = text[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return Fault(line, column, "", f"the control character U+{ord(text[position]):04X} is no text", "remove it")


def empty() -> Fault:
    """Word a file without content."""
    return Fault(1, 1, "", "the file is empty", "begin with `version: 1`, `project:`, `environment:` and `jobs:`")


def too_large(length: int, most: int) -> Fault:
    """Word a file that is too long to be read."""
    return Fault(1, 1, "", f"the file has {length} characters", f"write at most {most}, in several projects")


def too_deep(line: int, column: int, most: int) -> Fault:
    """Word a value that lies too deep."""
    return Fault(line, column, "", f"values are nested more than {most} deep", "a job file needs no more than 5 levels")


def too_many(line: int, column: int, most: int) -> Fault:
    """Word a text that means more than it says."""
    return Fault(line, column, "", f"the file has more than {most} values, aliases counted out", "write fewer aliases")


def second_document(line: int) -> Fault:
    """Word a second document."""
    return Fault(line, 1, "", "a second document begins with ---", "keep one document in the file")


def duplicate(line: int, column: int, path: str, first: int) -> Fault:
    """Word a key that is written twice."""
    key = path.rpartition(".")[2]
    thing = f"two jobs are called {key}" if path == f"jobs.{key}" else f"the key {key} is written twice"
    return Fault(line, column, path, f"{thing}: in line {first} and in line {line}", "rename or remove one of them")


def unknown_alias(line: int, column: int, path: str) -> Fault:
    """Word an alias without an anchor, most often a cron that lacks its quotes."""
    remedy = 'define it above with `&`, or write the value in quotes: "*/15 * * * *"'
    return Fault(line, column, path, "an unquoted * begins an alias, and nothing has this name", remedy)


def tag(line: int, column: int, path: str) -> Fault:
    """Word a tag."""
    return Fault(line, column, path, "an unquoted ! begins a tag, and no tag is known here", "write it in quotes")


def key(line: int, column: int, path: str) -> Fault:
    """Word a key that is a list or a mapping."""
    return Fault(line, column, path, "a list or a mapping stands where a key must", "write a word as the key")


def merge(line: int, column: int, path: str) -> Fault:
    """Word a merge key that names no mapping."""
    return Fault(line, column, path, "`<<` takes over a mapping, and this is none", "write `<<: *name` of a mapping")
