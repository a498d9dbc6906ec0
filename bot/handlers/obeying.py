"""One command of a comment: read, allowed, decided, carried out, and put into words.

The rule: nothing is carried out before it was allowed, and what was carried out once is found again when the comment is
handled once more. An error that a person can mend is an answer; one that passes lets the whole comment be tried again.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, assert_never

from bot import acting, layouts, steering
from bot.chatops import actions as do
from bot.chatops.grammar import Command, Decision, Permission
from bot.chatops.manual import help_text
from bot.chatops.parser import parse
from bot.chatops.registry import IN_COMMENTS, find_command
from bot.errors import Unreachable
from bot.handlers import committing, merging, showing, trusting
from bot.handlers.said import Said
from bot.handlers.speech import Withheld
from bot.pages import Clock
from bot.words import replies
from bot.words.markdown import render
from bot.words.replies import Part
from scheduler.draw.escape import fenced
from scheduler.errors import UserError

if TYPE_CHECKING:
    from bot.chatops.lines import Found
    from bot.handlers.speech import Speech
    from scheduler.runs import Run


def obey(speech: Speech, found: Found) -> Part:
    """Do what one command says, and return what there is to say of it."""
    try:
        said = _obeyed(speech, found)
    except Withheld as error:
        said = Said(str(error), ok=False)
    except Unreachable:
        raise
    except UserError as error:
        said = Said(replies.refused(str(error)), ok=False)
    return Part(found.text or "help", said.text, said.ok)


def _obeyed(speech: Speech, found: Found) -> Said:
    speech.needs(Permission.READ)
    request = parse(found.text, speech.at, IN_COMMENTS, speech.job)
    command = find_command(request.command, IN_COMMENTS)
    speech.needs(command.permission)
    if speech.pull.state != "open" and command.permission is not Permission.READ and not _merged(speech, command):
        return Said(replies.closed(), ok=False)
    decision = command.decide(request, speech.facts(command, request), speech.at)
    return _done(speech, command, decision)


def _merged(speech: Speech, command: Command) -> bool:
    """Say whether the command has done already what it says; then it is answered once more, not refused."""
    return command.name == "merge" and speech.pull.merged


def _done(speech: Speech, command: Command, decision: Decision) -> Said:
    action = decision.action
    match action:
        case (
            do.AcceptProposal()
            | do.SetKeys()
            | do.MergePull()
            | do.TrustHead()
            | do.ProposeHere()
            | do.CompareHere()
            | do.CheckHere()
            | do.DrawHere()
        ):
            return _on_pull(speech, action)
        case do.ShowHelp(name):
            return Said(fenced(help_text(name, "/meshbot", IN_COMMENTS), "text"))
        case do.ShowLogs(run_id):
            return Said(replies.about_run("log", run_id))
        case do.StartRun() | do.RetryRun():
            return _run(speech, action)
        case _:
            return _living(speech, command, decision)


def _on_pull(speech: Speech, action: do.PullAction) -> Said:
    match action:
        case do.AcceptProposal():
            return committing.accept(speech, action)
        case do.SetKeys():
            return committing.set_keys(speech, action)
        case do.MergePull():
            return merging.merge(speech)
        case do.TrustHead():
            return trusting.trust(speech, action)
        case do.ProposeHere() | do.CompareHere() | do.CheckHere() | do.DrawHere():
            return _shown(speech, action)
        case never:
            assert_never(never)


def _shown(speech: Speech, action: do.ProposeHere | do.CompareHere | do.CheckHere | do.DrawHere) -> Said:
    match action:
        case do.ProposeHere(project):
            return showing.proposals(speech, project)
        case do.CompareHere(project):
            return showing.changes(speech, project)
        case do.CheckHere(project):
            return showing.verdicts(speech, project)
        case do.DrawHere(project):
            return showing.drawings(speech, project)
        case never:
            assert_never(never)


def _run(speech: Speech, action: do.StartRun | do.RetryRun) -> Said:
    """Start a run; what there is to say of it is said by whoever follows it."""
    speech.needs_protected(_environments(speech, action))
    answer, _, _ = steering.perform(action, speech.services, _unwatched, speech.asked)
    return Said(replies.about_run("run", answer["run"]["id"]))


def _environments(speech: Speech, action: do.StartRun | do.RetryRun) -> list[str]:
    if isinstance(action, do.StartRun):
        row = speech.services.store.job(action.project, action.job)
        return [row.job.environment] if row else []
    run = speech.services.store.run(action.run_id)
    return [run.spec.environment] if run else []


def _living(speech: Speech, command: Command, decision: Decision) -> Said:
    outcome = acting.perform(decision.action, speech.services, _unwatched, speech.asked)
    if decision.reply is not None:
        return Said(replies.done(decision.reply), outcome.ok)
    return Said(render(layouts.page(command.name, outcome.answer, Clock(speech.now, UTC))), outcome.ok)


def _unwatched(_run: Run) -> None:
    """Nobody waits for a run in a comment."""
