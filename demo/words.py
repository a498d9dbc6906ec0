"""Answers of Meshbot and files of the project, put into words and rows: nothing here does anything."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kettle import PROJECT


def models_by_cadence() -> str:
    """Count the models of the project by how often they are due."""
    texts = [path.read_text() for path in (PROJECT / "models").rglob("*.*") if path.suffix in {".sql", ".py"}]
    words = {"every 5 minutes": "*/5 * * * *", "hourly": "@hourly", "daily": "@daily"}
    counts = {word: sum(cron in text for text in texts) for word, cron in words.items()}
    return f"{sum(counts.values())} models ({', '.join(f'{count} {word}' for word, count in counts.items())})"


def jobs_of(text: str) -> str:
    """Return the part of a job file that lists the jobs."""
    return text[text.index("jobs:") :]


def counted(answers: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Count the models of each answer by what became of them."""
    statuses = sorted({model["status"] for answer in answers for model in answer["models"]})
    return [(status.replace("_", " "), *(str(len(named(answer, status))) for answer in answers)) for status in statuses]


def by_status(models: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """List the models by what became of them, the good ones by number only."""
    statuses = {model["status"]: [m["model"] for m in models if m["status"] == model["status"]] for model in models}
    return [
        (status, str(len(names)), "" if status == "evaluated" else ", ".join(sorted(names)))
        for status, names in sorted(statuses.items())
    ]


def named(answer: dict[str, Any], status: str) -> list[str]:
    """Return the models of which this became."""
    return sorted(model["model"] for model in answer["models"] if model["status"] == status)


def rows_twice(doubles: dict[str, int], model: str) -> str:
    """Word how many rows of a table are there twice."""
    return str(doubles[model]) if model in doubles else ""


def letter_text(letter: dict[str, Any]) -> str:
    """Return what a reader of the Slack message sees, without its markup."""
    parts = [text for block in letter.get("blocks", []) for text in texts_of(block)]
    return "\n".join(parts).replace("```", "").replace("`", "").replace("*", "")


def texts_of(block: dict[str, Any]) -> list[str]:
    """Return the texts of one block; its fields are short and share a line."""
    fields = [field["text"].replace("\n", ": ") for field in block.get("fields", [])]
    own = [block["text"]["text"]] if "text" in block else []
    return [*own, *([" · ".join(fields)] if fields else [])]


def moment(text: str) -> datetime:
    """Read a moment of an answer."""
    return datetime.fromisoformat(text)


def slice_of(text: str) -> int:
    """Return the number of the five minutes in which a moment lies."""
    return int(moment(text).timestamp() // 300)
