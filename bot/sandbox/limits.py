"""What a load in the sandbox may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Time, memory of all its processes, answer, processes at once, and what it may write beside the tree itself."""

    seconds: float = 300.0
    memory_mb: int = 4096
    output_mb: int = 32
    processes: int = 128
    disk_mb: int = 256
