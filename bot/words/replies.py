"""Every sentence of the replies to commands: what happened, and what to do next.

The rule: pure, and bounded as a whole. A reply is a template: where it reports on a run, a sign that no text can hold
stands for that run, and is filled with what there is to say of it now; so a reply is written anew without being read.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.chatops.grammar import Permission, Reply
from bot.chatops.lines import MOST
from bot.words import comments
from bot.words.markdown import command, said
from scheduler.draw import LARGEST
from scheduler.draw.escape import code, fenced, prose, short

PLACE = re.compile("\x02(run|log) ([a-z0-9-]{1,63})\x03")
SEEN = re.compile("\x02ran ([0-9a-f ]*)\x03")
RAN = re.compile(r"<!-- ran: ([0-9a-f ]*)-->")
CUT = "\n\n_More is left out here: it would not fit into a comment. Give fewer commands in one._\n"


@dataclass(frozen=True)
class Part:
    """What became of one command of a comment: the command, what is said about it, and whether it worked."""

    command: str
    text: str
    ok: bool = True


def template(mark: str, parts: Sequence[Part], *, more: bool = False) -> str:
    """Put what became of each command together, behind the marker; with one command, it is not repeated.

    `more`: there were more commands than are carried out.
    """
    texts = [_text(part, alone=len(parts) == 1) for part in parts]
    texts += [f"Only the first {MOST} commands of a comment are carried out; write another one for the others."] * more
    ran = " ".join(digest(part.command) for part in parts)
    return "\n\n".join([mark, *texts, f"\x02ran {ran}\x03"])


def _text(part: Part, *, alone: bool) -> str:
    return part.text if alone else f"**{code(f'/meshbot {part.command}', 200)}**\n\n{part.text}"


def body(words: str, runs: Mapping[tuple[str, str], str]) -> str:
    """Return a reply: the template `words`, with what there is to say now of each run (`("run" or "log", its id)`)."""
    mark, _, rest = words.partition("\n\n")
    seen = SEEN.search(rest)
    filled = PLACE.sub(lambda found: runs.get((found[1], found[2]), ""), SEEN.sub("", rest)).rstrip()
    if len(filled) > LARGEST:
        filled = _closed(filled[: LARGEST - len(CUT)]) + CUT
    return comments.marked(mark, filled) + (f"\n\n<!-- ran: {seen[1]} -->\n" if seen else "\n")


def _closed(text: str) -> str:
    """Close the block of code or the fold that was cut through."""
    fence = ""
    for line in text.split("\n"):
        found = re.match(r"(`{3,})", line)
        if found and not fence:
            fence = found[1]
        elif found and found[1] == fence and line.strip() == fence:
            fence = ""
    folds = text.count("<details") - text.count("</details>")
    return text + (f"\n{fence}" if fence else "") + "\n</details>" * max(0, folds)


def about_run(kind: str, run_id: str) -> str:
    """Return the sign that stands for a run; `kind` is `run` or `log`."""
    return f"\x02{kind} {run_id}\x03"


def runs_in(words: str) -> list[tuple[str, str]]:
    """List the runs that a template reports on, each with its kind."""
    return list(dict.fromkeys(PLACE.findall(words)))


def marker(kind: str, comment: int) -> str:
    """Return the marker of the reply to a comment."""
    return comments.marker("reply", f"{kind}/{comment}")


def digest(text: str) -> str:
    """Return what a command is known by when a comment is edited."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def ran(reply: str) -> frozenset[str]:
    """Return the digests of the commands that a reply of ours is about."""
    found = RAN.search(reply)
    return frozenset(found[1].split()) if found else frozenset()


def done(reply: Reply, run_id: str = "") -> str:
    """Say what was done, and what may be done next."""
    about = reply.about(run_id) if run_id else reply
    steps = [f"- {code(command(step.command), 200)}: {prose(step.purpose)}" for step in about.next]
    return "\n".join([f"✅ {said(about.text)}", *([""] if steps else []), *steps])


def refused(message: str) -> str:
    """Say why something was not done; our errors say what to write instead."""
    first, *rest = message.strip().split("\n")
    if re.match(r"[a-z]+ing\b", first):
        first = first[0].upper() + first[1:]
    return "\n".join([f"❌ {said(first)}", *(f"- {said(line.strip())}" for line in rest if line.strip())])


def not_allowed(login: str, has: str, needed: Permission, environment: str = "") -> str:
    """Say politely what somebody lacks."""
    who = code(login)
    if needed is Permission.PROTECTED:
        return (
            f"🔒 Sorry, {who}: the environment {code(environment)} is protected, and you are not among those who may "
            "do this there. Whoever operates Meshbot keeps the list; somebody who is on it can write the same comment."
        )
    return (
        f"🔒 Sorry, {who}: this needs **{needed.value}** permission on this repository, and you have "
        f"{f'**{has}**' if has != 'none' else 'none that GitHub tells us of'}. "
        "Somebody who has it can write the same comment."
    )


def closed() -> str:
    """Say that nothing runs for a pull request that is closed."""
    return (
        "❌ This pull request is closed: commands that only read are answered, nothing else. Reopen it, or use another."
    )


def edited() -> str:
    """Say that a command in an edited comment was not carried out."""
    return (
        "A command in an edited comment is not carried out: who could say which words were meant? Write a new comment."
    )


def committed(sha: str, branch: str, paths: Sequence[str], changes: str = "") -> str:
    """Say that something was committed to the branch of the pull request."""
    files = ", ".join(code(path, 200) for path in paths)
    text = f"✅ Committed as {sha} to {code(branch)}: {files}."
    return f"{text}\n\n{changes}".rstrip() if changes else text


def unchanged(what: str) -> str:
    """Say that there was nothing to commit."""
    return f"✅ Nothing to commit: {said(what)}"


def to_copy(files: Mapping[str, str], why: str) -> str:
    """Give the files to whoever can commit them, since we cannot."""
    head = (
        f"This branch cannot be pushed to ({said(why)}). Where the diff shows the lines, they are suggested there, for "
        "one click. Or put this there yourself, and push:"
    )
    parts = [head]
    for path, text in files.items():
        name = html.escape(short(path, 200)).replace("@", "@\u2060")
        parts.append(f"<details open><summary>{name}</summary>\n\n{fenced(_plain(text), 'yaml')}\n\n</details>")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def merged(sha: str, base: str) -> str:
    """Say that the pull request was merged."""
    return f"✅ Merged into {code(base)} as {sha}. Its check says what that changes in the schedule."


def not_yet(reasons: Sequence[str]) -> str:
    """Say what is missing before a merge."""
    return "\n".join(["❌ Not merged yet:", "", *(f"- {said(reason)}" for reason in reasons)])


def trusted(sha: str, login: str) -> str:
    """Say that the models may be read."""
    return (
        f"✅ {code(login)} answers for {sha[:12]}: its models are read now, in a sandbox, and the comment with the "
        "topology follows. A push needs another look."
    )


def moved_since(head: str) -> str:
    """Say that we cannot tell which commit somebody looked at."""
    return (
        f"❌ Which commit did you look at? The head is {head[:12]} now, and it may have come after your comment. "
        f"Look at it, then write {code(f'/meshbot ok-to-test {head[:12]}')}."
    )


def pressed_late(head: str) -> str:
    """Say that a button belongs to a commit that is no longer the head."""
    return f"❌ That check is about an older commit; the head is {head[:12]} now. Press the button of its check."
