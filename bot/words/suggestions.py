"""Lines of a job file that are wrong and mechanical to mend, as suggestions that one click commits.

The rule: pure, and no guess is made that is not tried: a mended file has fewer faults than before and none that it had
not. What a person must decide (which of three units a duration has) is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from hashlib import sha256
from itertools import islice

from bot.gh.shapes import Suggestion
from bot.words.comments import OPENING, marked, marker
from bot.words.pullviews import View
from scheduler import amend, jobfile
from scheduler.dag import Graph
from scheduler.draw.escape import fenced, spoken
from scheduler.errors import UserError
from scheduler.jobfile import Fault, JobFile
from scheduler.lint import Finding, Fix
from scheduler.topology import Level

MOST = 10  # suggestions at once; the comment has the rest
LARGEST = 50_000  # characters of a file that is looked at
TRIED = 1_000_000  # characters that are read to try things out: a second or two
MOST_ROUNDS = 4  # slips that one line may have
DIVISORS = (5, 6, 10, 12, 15, 20, 30)
TOO_CLOSE = re.compile(r"fires \d+ minutes? apart")
INSTEAD = re.compile(r"did you mean ([\w./:+@-]+)")
WRITE = re.compile(r"^write ([\w./:-]+)$")
STEP = re.compile(r"\*/(\d+)(?= )")
TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,\]}#:]+(?::[^\s,\]}#]+)*")
COMMENT = re.compile(r"\s+#.*$")


@dataclass(frozen=True)
class Mend:
    """Lines from `first` to `last` (counted from 1) that are to be `text` (without them, when it is empty), and why."""

    first: int
    last: int
    text: str
    why: str


def suggestions(view: View) -> tuple[Suggestion, ...]:
    """Return what may be suggested on lines that the pull request itself has written."""
    head = view.head.text if view.head else ""
    if not view.edited or max(len(view.parted), len(head)) > LARGEST:
        return ()
    written = _written(view.parted, head)
    mends = of_faults(head, [fault for fault in view.faults if fault.line in written])
    if view.head and view.head.file and view.graph:
        found = [one for one in view.findings if one.line in written and one.level is not Level.NOTE]
        mends = of_findings(head, view.head.file, found, view.graph)
    kept = (one for one in mends if set(range(one.first, one.last + 1)) <= written and OPENING not in one.text)
    return tuple(_suggestion(view.path, head, one) for one in islice(kept, MOST))


def of_faults(text: str, faults: Sequence[Fault]) -> Iterator[Mend]:
    """Yield a mended line for each that has faults, as far as mending it is mechanical and takes no long trying."""
    whys: dict[int, list[Fault]] = {}
    for fault in faults:
        whys.setdefault(fault.line, []).append(fault)
    trying = _Trying(TRIED)
    for line, found in whys.items():
        mended = trying.mend(text, line)
        if mended != text:
            yield Mend(line, line, mended.split("\n")[line - 1], " ".join(_why(one) for one in found))


def of_findings(text: str, file: JobFile, findings: Sequence[Finding], graph: Graph) -> Iterator[Mend]:
    """Yield the fixes of the linter, of the first findings, as lines."""
    for one in findings[:MOST]:
        fix = _renamed(one, file, graph) or one.fix
        if fix is None:
            continue
        with suppress(UserError):
            mend = _difference(text, amend.mend(text, fix))
            if mend is not None:
                first, last, new = mend
                yield Mend(first, last, new, f"{spoken(one.sentence)} {spoken(one.remedy)}")


def _why(fault: Fault) -> str:
    said = f"{fault.problem}; {fault.remedy}"
    return spoken(said if said.endswith((".", "?")) else f"{said}.", 1000)


@dataclass
class _Trying:
    """Trying out what a file would be like. `left` bounds the characters that are read for it."""

    left: int
    known: dict[str, frozenset[Fault]] = field(default_factory=dict)

    def mend(self, text: str, line: int) -> str:
        """Return the text with one line mended as far as that goes."""
        for _ in range(MOST_ROUNDS):
            better = next((trial for trial in self._trials(text, line) if self._is_better(trial, text)), None)
            if better is None:
                break
            text = better
        return text

    def _trials(self, text: str, line: int) -> Iterator[str]:
        for fault in sorted(self._faults(text)):
            if fault.line == line:
                yield from _trials(text, fault)

    def _is_better(self, trial: str, text: str) -> bool:
        return self.left > 0 and _better(self._faults(trial), self._faults(text))

    def _faults(self, text: str) -> frozenset[Fault]:
        if text not in self.known:
            self.left -= len(text)
            self.known[text] = _faults(text)
        return self.known[text]


def _faults(text: str) -> frozenset[Fault]:
    try:
        jobfile.parse(text)
    except jobfile.JobFileError as error:
        return frozenset(error.faults)
    return frozenset()


def _better(now: frozenset[Fault], before: frozenset[Fault]) -> bool:
    """Say whether there is less to mend; faults of a line that show only once another is mended count as well."""
    lines = {fault.line for fault in before}
    return len(now) < len(before) and all(fault.line in lines for fault in now)


def _trials(text: str, fault: Fault) -> Iterator[str]:
    lines = text.split("\n")
    if not 0 < fault.line <= len(lines):
        return
    line = lines[fault.line - 1]
    head, rest = line[: fault.column - 1], line[fault.column - 1 :]
    for new in _rewritten(rest, fault):
        if new != rest:
            yield "\n".join([*lines[: fault.line - 1], head + new, *lines[fault.line :]])


def _rewritten(rest: str, fault: Fault) -> Iterator[str]:
    """Yield what might stand from a fault to the end of its line instead."""
    token = TOKEN.match(rest)
    if fault.remedy.startswith("write the value in quotes"):
        value = COMMENT.sub("", rest).strip()
        if '"' not in value and "\\" not in value:
            yield rest.replace(value, f'"{value}"', 1)
    if token is None:
        return
    old, after = token[0], rest[token.end() :]
    if fault.remedy.startswith("write it in quotes"):
        yield f'"{old}"{after}'
    if TOO_CLOSE.search(fault.problem):
        yield STEP.sub(lambda step: f"*/{_evenly(int(step[1]))}", old) + after
    for pattern in (INSTEAD, WRITE):
        if instead := pattern.search(fault.remedy):
            quote = old[0] if old[0] in "\"'" else '"' if instead[1][0] in "@%*" else ""
            yield f"{quote}{instead[1]}{quote}{after}"


def _evenly(step: int) -> int:
    """Return the next step that divides an hour."""
    return next((one for one in DIVISORS if one >= step), step)


def _renamed(one: Finding, file: JobFile, graph: Graph) -> Fix | None:
    """Return the fix for a selector that selects nothing, when one that is written nearly so would."""
    if one.code != "selector-matches-nothing":
        return None
    job = next((job for job in file.jobs if job.name == one.job), None)
    wrong = next((text for text in job.select if f"{text!r} matches" in one.sentence), None) if job else None
    if job is None or wrong is None:
        return None
    bare = wrong.strip("+^")
    head = "tag:" if bare.startswith("tag:") else ""
    known = {tag for model in graph.models for tag in model.tags} if head else {model.name for model in graph.models}
    near = get_close_matches(bare.removeprefix(head), sorted(known), n=1, cutoff=0.8)
    if not near:
        return None
    right = wrong.replace(bare, head + near[0])
    return Fix(job.name, "select", tuple(right if text == wrong else text for text in job.select))


def _difference(old: str, new: str) -> tuple[int, int, str] | None:
    """Return the one block of lines that differs; None when there are more, or none."""
    before, after = old.splitlines(), new.splitlines()
    blocks = [
        block for block in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if block[0] != "equal"
    ]
    if len(blocks) != 1:
        return None
    _, first, last, start, end = blocks[0]
    if first == last:  # lines are added: a suggestion replaces lines, so the one above goes with them
        if first == 0:
            return None
        first, start = first - 1, start - 1
    return first + 1, last, "\n".join(after[start:end])


def _written(base: str, head: str) -> set[int]:
    """Return the lines of the head that its base has not."""
    blocks = SequenceMatcher(None, base.splitlines(), head.splitlines(), autojunk=False).get_opcodes()
    return {line + 1 for tag, _, _, start, end in blocks if tag != "equal" for line in range(start, end)}


def _suggestion(path: str, text: str, mend: Mend) -> Suggestion:
    """Word a mend. Its marker is what it changes into what, so that it is made once, also when the lines move."""
    old = "\n".join(text.splitlines()[mend.first - 1 : mend.last])
    change = sha256(f"{old}\x00{mend.text}".encode()).hexdigest()[:16]
    mark = marker("suggestion", f"{path}:{change}")
    fence = fenced(mend.text, "suggestion") if mend.text.strip() else "```suggestion\n```"
    body = marked(mark, f"{mend.why}\n\n{fence}\n")
    return Suggestion(path, mend.first if mend.first != mend.last else None, mend.last, body, mark)
