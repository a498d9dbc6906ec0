"""The commands of whoever operates Meshbot: on the command line only, never in a comment."""

from __future__ import annotations

from bot.chatops.grammar import Argument, Kind, Operator

OPERATORS: tuple[Operator, ...] = (
    Operator(
        name="up",
        summary="Run everything here, in one process tree, and follow a local repository.",
        entry="bot.up.guard:up",
        arguments=(
            Argument(
                "repository", Kind.PATH, "The local Git repository. Default: the one around this folder.", option=True
            ),
            Argument("branch", Kind.TEXT, "The branch to follow. Default: the one that is checked out.", option=True),
        ),
        detail="A new commit on the branch is a push: its job files become the schedule. Brings its own Valkey and "
        "SQLite unless the settings name others. Where they name a GitHub App, it runs `web` and `bot`, too, and "
        "follows a local repository only if one is given. Ctrl-C ends everything; the next `up` goes on from there.",
        examples=("up", "up --repository ../analytics --branch main"),
    ),
    Operator(
        name="worker",
        summary="Start queued runs: one process of it, or many.",
        entry="bot.daemons:worker",
        examples=("worker",),
    ),
    Operator(
        name="clock",
        summary="Make the runs that are due. A second one is a standby.",
        entry="bot.daemons:clock",
        examples=("clock",),
    ),
    Operator(
        name="watch",
        summary="Follow runs to their end and send alerts. A second one is a standby.",
        entry="bot.daemons:watch",
        examples=("watch",),
    ),
    Operator(
        name="web",
        summary="Take in what GitHub says, and store it. Several may stand behind one address.",
        entry="bot.intake.serving:web",
        detail="GitHub's webhook goes to `/github`; `/healthz` says that it lives, `/readyz` that it can store.",
        examples=("web",),
    ),
    Operator(
        name="bot",
        summary="Do what GitHub's deliveries ask for: one process of it, or many.",
        entry="bot.intake.office:bot",
        detail="It keeps MESHBOT_BOT_WORKERS workers, and heals what webhooks have missed.",
        examples=("bot",),
    ),
    Operator(
        name="setup-github",
        summary="Create the GitHub App with the help of a browser, or check the one that is set.",
        entry="bot.setup.walk:setup_github",
        arguments=(
            Argument("webhook_url", Kind.TEXT, "Where GitHub reaches `web`: `https://HOST/github`.", option=True),
            Argument(
                "organization",
                Kind.TEXT,
                "The organization that is to own the App. Default: whoever is signed in.",
                option=True,
            ),
            Argument("name", Kind.TEXT, "The App's name, unique on GitHub. Default: `meshbot`.", option=True),
            Argument(
                "port",
                Kind.TEXT,
                "The port of this machine that the browser goes to. Default: a free one.",
                option=True,
            ),
        ),
        detail="It serves a page on this machine that brings the permissions and events to GitHub, and writes the key "
        "and the webhook secret that GitHub gives back into files of the data folder. No secret is printed. `--json` "
        "prints: `ok`, `app`, `settings`, `checks`.",
        examples=("setup-github --webhook-url https://meshbot.example.com/github --organization acme", "setup-github"),
    ),
    Operator(
        name="migrate",
        summary="Bring the database to this version. Repeating it changes nothing.",
        entry="bot.daemons:migrate",
        examples=("migrate",),
    ),
    Operator(
        name="doctor",
        summary="Check everything that Meshbot depends on, and say what to do.",
        entry="bot.doctor.examination:doctor",
        detail="`--json` prints: `ok`, `checks`. Ends with 1 when something is broken; a warning does not count.",
        examples=("doctor",),
    ),
    Operator(
        name="schema",
        summary="Print the JSON schema of meshbot.yaml, for editors.",
        entry="bot.daemons:schema",
        examples=("schema > meshbot.schema.json",),
    ),
)
