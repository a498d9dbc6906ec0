"""What a command is made of: its name, its arguments, who may give it, and how it decides.

The rule: nothing here or in a command file does I/O, or imports what takes long; `meshbot --help` reads all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.chatops.actions import Action, PullAction

if TYPE_CHECKING:
    from scheduler.runs import Run


class Permission(StrEnum):
    """Who may give a command: whoever can read the repository, whoever can write to it, or a list of people."""

    READ = "read"
    WRITE = "write"
    PROTECTED = "protected"


class Kind(StrEnum):
    """What an argument's text stands for."""

    JOB = "job"
    RUN = "run"
    PROJECT = "project"
    PATH = "path"
    COMMAND = "command"
    INSTANT = "instant"
    DEADLINE = "deadline"
    NUMBER = "number"
    MODEL = "model"
    TEXT = "text"
    SWITCH = "switch"


Value = str | int | bool | datetime | tuple[str, ...] | None


@dataclass(frozen=True)
class Argument:
    """One argument. `option` says that it is written `--name`; a positional one is written by its place.

    `many` takes all the words that are left; it is the last by place. `terminal` says that it makes no sense in a
    comment: a path, a wait, a form for a file. `word` stands for the value where the name would not say enough.
    """

    name: str
    kind: Kind
    help: str
    option: bool = False
    required: bool = False
    short: str | None = None
    default: Value = None
    many: bool = False
    terminal: bool = False
    word: str | None = None

    @property
    def flag(self) -> str:
        """The option as it is written."""
        return "--" + self.name.replace("_", "-")

    @property
    def shown(self) -> str:
        """The argument as a synopsis writes it: `JOB`, `[PROJECT]`, `[--start TEXT]`, `[--wait]`."""
        if not self.option:
            word = f"{self.metavar} ..." if self.many else self.metavar
            return word if self.required else f"[{word}]"
        written = self.flag if self.kind is Kind.SWITCH else f"{self.flag} {self.metavar}"
        return written if self.required else f"[{written}]"

    @property
    def metavar(self) -> str:
        """The word that stands for the value."""
        if self.word or not self.option:
            return self.word or self.name.upper()
        return {
            Kind.INSTANT: "WHEN",
            Kind.DEADLINE: "WHEN",
            Kind.NUMBER: "N",
            Kind.PATH: "PATH",
            Kind.MODEL: "MODEL",
        }.get(self.kind, self.name.upper())


PROJECT_HERE = Argument("project", Kind.TEXT, "Only this project: its name, or its folder. Default: each of them.")
"""The project of a pull request that a comment is about."""


@dataclass(frozen=True)
class Request:
    """A command as somebody gave it, each value converted to what its kind says. What was not given is None."""

    command: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the text given for `name`, or None."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the words given for `name`; none when none were."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()

    def instant(self, name: str) -> datetime | None:
        """Return the moment given for `name` (UTC), or None."""
        value = self.values.get(name)
        return value if isinstance(value, datetime) else None

    def number(self, name: str, default: int) -> int:
        """Return the number given for `name`, or `default`."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def switch(self, name: str) -> bool:
        """Say whether the switch `name` was given."""
        return self.values.get(name) is True


@dataclass(frozen=True)
class KnownJob:
    """A job of the live schedule, as far as a decision needs it."""

    project: str
    name: str
    paused: bool = False
    pause_reason: str | None = None
    paused_until: datetime | None = None
    paused_in_file: bool = False
    janitor: bool = False

    @property
    def full_name(self) -> str:
        """`project/name`: never ambiguous."""
        return f"{self.project}/{self.name}"


@dataclass(frozen=True)
class Facts:
    """What is known when a command decides: the jobs, the run that was named, and recent run ids to suggest from."""

    jobs: tuple[KnownJob, ...] = ()
    run: Run | None = None
    recent_runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """What a person may do next: a command (without `meshbot` or `/meshbot` before it) and what it is for."""

    command: str
    purpose: str


@dataclass(frozen=True)
class Reply:
    """What to say when the action is done: one or two sentences, then the next steps. `{run}` stands for the run."""

    text: str
    next: tuple[Step, ...] = ()

    def about(self, run_id: str) -> Reply:
        """Return the reply with the run named."""
        steps = tuple(replace(step, command=step.command.replace("{run}", run_id)) for step in self.next)
        return Reply(self.text.replace("{run}", run_id), steps)


@dataclass(frozen=True)
class Decision:
    """What is to be done and, when it is done, what is to be said. Without a reply, the answer is what was read."""

    action: Action | PullAction
    reply: Reply | None = None


@dataclass(frozen=True)
class Operator:
    """A command of whoever operates Meshbot: on the command line only. `entry` is `module:function`, loaded when used.

    The function gets the request and says how the command line ends.
    """

    name: str
    summary: str
    entry: str
    arguments: tuple[Argument, ...] = ()
    detail: str = ""
    examples: tuple[str, ...] = ()

    @property
    def synopsis(self) -> str:
        """The command with its arguments in one line."""
        return synopsis(self.name, self.arguments)


Decide = Callable[[Request, Facts, datetime], Decision]


@dataclass(frozen=True)
class OnPull:
    """How a command is given in a comment on a pull request, where that is not as on the command line."""

    decide: Decide
    arguments: tuple[Argument, ...] = ()
    detail: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command, complete. `answer` is the shape (a TypedDict) of what `--json` prints.

    Without `on_pull`, a comment gives it as the command line does, except for what only makes sense on a terminal.
    """

    name: str
    summary: str
    permission: Permission
    decide: Decide
    answer: type
    arguments: tuple[Argument, ...] = ()
    detail: str = ""
    examples: tuple[str, ...] = ()
    on_pull: OnPull | None = None

    @property
    def synopsis(self) -> str:
        """The command with its arguments in one line."""
        return synopsis(self.name, self.arguments)

    @property
    def in_comments(self) -> Command:
        """The command as a comment gives it."""
        if (pull := self.on_pull) is not None:
            examples = pull.examples or self.examples
            return replace(
                self, decide=pull.decide, arguments=pull.arguments, detail=pull.detail, examples=examples, on_pull=None
            )
        kept = tuple(argument for argument in self.arguments if not argument.terminal)
        flags = {flag for one in self.arguments if one.terminal for flag in (one.flag, one.short) if flag}
        examples = tuple(" ".join(word for word in one.split(" ") if word not in flags) for one in self.examples)
        return replace(self, arguments=kept, examples=tuple(dict.fromkeys(examples)))

    def argument(self, kind: Kind) -> Argument | None:
        """Return the first argument of `kind`, if the command has one."""
        return next((argument for argument in self.arguments if argument.kind is kind), None)


def synopsis(name: str, arguments: tuple[Argument, ...]) -> str:
    """Write a command with its arguments in one line."""
    return " ".join((name, *(argument.shown for argument in arguments)))
