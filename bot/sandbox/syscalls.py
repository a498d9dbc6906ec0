"""The system calls that nobody needs to load a project, refused by the kernel: a filter for bubblewrap's `--seccomp`.

The rule: namespaces hide files, processes and networks; this is for what they do not hide. Keyrings hold credentials,
sockets of some families (a virtual machine's host, for one) are in no network namespace, and a few calls have no use
here but to attack the kernel. The surprise: on a kind of machine that is not listed there is no filter, and the other
walls stand all the same.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LOAD, EQUAL, AT_LEAST, ANSWER = 0x20, 0x15, 0x35, 0x06
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NOT_PERMITTED, NO_SUCH_FAMILY = 1, 97
FAMILIES = (1, 2, 10, 16)
"""Of sockets that may be made: unix, both internets (there is no network behind them), netlink."""
OTHER_TABLE = 0x40000000
"""From here on the numbers are those of x86-64's second table."""


@dataclass(frozen=True)
class Machine:
    """What the kernel calls a kind of machine, and the numbers of its system calls."""

    name: int
    socket: int
    refused: tuple[int, ...]


REFUSED: Mapping[str, tuple[int, int]] = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
}
"""By name: the number on x86-64, and the one on 64-bit ARM."""
MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(0xC000003E, 41, tuple(x86 for x86, _ in REFUSED.values())),
    "aarch64": Machine(0xC00000B7, 198, tuple(arm for _, arm in REFUSED.values())),
}


def program(machine: Machine) -> bytes:
    """Write the filter: another machine's calls, the second table and what is listed are refused."""
    return b"".join(struct.pack("=HBBI", *step) for step in _steps(machine))


def _steps(machine: Machine) -> Iterator[tuple[int, int, int, int]]:
    refuse = (ANSWER, 0, 0, REFUSE | NOT_PERMITTED)
    yield from ((LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine.name), refuse)
    yield from ((LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, OTHER_TABLE), refuse)
    for number in machine.refused:
        yield from ((EQUAL, 0, 1, number), refuse)
    yield from ((EQUAL, 1, 0, machine.socket), (ANSWER, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT))
    for family in FAMILIES:
        yield from ((EQUAL, 0, 1, family), (ANSWER, 0, 0, ALLOW))
    yield ANSWER, 0, 0, REFUSE | NO_SUCH_FAMILY


def descriptor() -> int | None:
    """Return a descriptor from which bubblewrap reads the filter of this machine; None when there is none."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    made = os.memfd_create("filter")
    os.write(made, program(machine))
    os.lseek(made, 0, os.SEEK_SET)
    return made
