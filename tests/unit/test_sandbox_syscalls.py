"""The filter of system calls, read as the kernel reads it."""

from __future__ import annotations

import struct

import pytest

from bot.sandbox import syscalls
from bot.sandbox.syscalls import ALLOW, MACHINES, REFUSE, Machine

NOT_PERMITTED, NO_SUCH_FAMILY = REFUSE | 1, REFUSE | 97


def answer(machine: Machine, number: int, argument: int = 0, name: int | None = None) -> int:
    """Run the filter on one call."""
    data = struct.pack("=IIQQ", number, name or machine.name, 0, argument)
    steps = list(struct.iter_unpack("=HBBI", syscalls.program(machine)))
    place, loaded = 0, 0
    while True:
        code, yes, no, value = steps[place]
        place += 1
        match code:
            case syscalls.LOAD:
                loaded = struct.unpack_from("=I", data, value)[0]
            case syscalls.EQUAL:
                place += yes if loaded == value else no
            case syscalls.AT_LEAST:
                place += yes if loaded >= value else no
            case syscalls.ANSWER:
                return int(value)


@pytest.mark.parametrize("kind", MACHINES)
def test_what_is_listed_is_refused_and_everything_else_passes(kind: str) -> None:
    machine = MACHINES[kind]
    refused = {number for number in range(600) if answer(machine, number) == NOT_PERMITTED}
    assert refused == set(machine.refused)
    assert {answer(machine, number) for number in range(600) if number not in {*refused, machine.socket}} == {ALLOW}


@pytest.mark.parametrize("kind", MACHINES)
def test_only_ordinary_sockets_are_made(kind: str) -> None:
    machine = MACHINES[kind]
    made = {family for family in range(60) if answer(machine, machine.socket, family) == ALLOW}
    assert made == {1, 2, 10, 16}
    assert answer(machine, machine.socket, 40) == NO_SUCH_FAMILY


def test_the_calls_of_another_machine_and_of_the_second_table_are_refused() -> None:
    machine = MACHINES["x86_64"]
    assert answer(machine, 0, name=0x40000003) == NOT_PERMITTED
    assert answer(machine, 0x40000000 + 250) == NOT_PERMITTED
