"""`python -m bot` is `meshbot`: for processes that start others with the same Python."""

from __future__ import annotations

from bot.cli import main

main()
