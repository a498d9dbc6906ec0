"""A schedule as a person would say it: "every 15 minutes", "at 06:30 on weekdays, Europe/Berlin".

The zone is said only where it matters, which is wherever an hour or a day is.
"""

from __future__ import annotations

from scheduler.cron.days import Fields

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKING = (1, 2, 3, 4, 5)
WEEKEND = (0, 6)
ALL_HOURS = 24
ALL_MONTHS = 12
FEW_TIMES = 6


def sentence(fields: Fields, timezone: str) -> str:
    """Return the whole sentence, without a full stop."""
    said = " ".join(part for part in (_times(fields), _days(fields)) if part)
    anywhere = (
        fields.every_hour and fields.days is None and fields.weekdays is None and len(fields.months) == ALL_MONTHS
    )
    return said if anywhere else f"{said}, {timezone}"


def _times(fields: Fields) -> str:
    minutes, hours = fields.minutes, fields.hours
    if len(minutes) == 1 and len(hours) > FEW_TIMES:
        return _hourly(minutes[0], hours)
    if len(fields.times) <= FEW_TIMES:
        return "at " + _clocks(fields.times)
    step = _step(minutes, 60)
    if not step:
        return f"at minutes {_list([str(minute) for minute in minutes])} of {_hours(hours)}"
    every = f"every {step} minutes" if step > 1 else "every minute"
    if fields.every_hour:
        return every
    return f"{every} {_span(fields.times) if _unbroken(hours) else 'in ' + _hours(hours)}"


def _hourly(minute: int, hours: tuple[int, ...]) -> str:
    past = "" if minute == 0 else f" at {minute} minute{'s' * (minute != 1)} past"
    step = _step(hours, ALL_HOURS)
    if step:
        return f"every {step} hours{past}" if step > 1 else f"every hour{past}"
    times = tuple(hour * 60 + minute for hour in hours)
    return f"every hour {_span(times)}" if _unbroken(hours) else f"at {_clocks(times)}"


def _hours(hours: tuple[int, ...]) -> str:
    if len(hours) == ALL_HOURS:
        return "every hour"
    if _unbroken(hours) and len(hours) > 1:
        return f"the hours {hours[0]} to {hours[-1]}"
    return f"the hour{'s' * (len(hours) > 1)} " + _list([str(hour) for hour in hours])


def _span(times: tuple[int, ...]) -> str:
    return f"from {_clocks(times[:1])} to {_clocks(times[-1:])}"


def _clocks(times: tuple[int, ...]) -> str:
    return _list([f"{time // 60:02}:{time % 60:02}" for time in times])


def _unbroken(numbers: tuple[int, ...]) -> bool:
    return numbers == tuple(range(numbers[0], numbers[-1] + 1))


def _days(fields: Fields) -> str:
    """Say the day fields. Where both are restricted either of them counts, which "and on" says."""
    months = "" if len(fields.months) == ALL_MONTHS else _list([MONTHS[month - 1] for month in fields.months])
    if fields.days is None and fields.weekdays is None:
        return f"every day in {months}" if months else ""
    said = []
    if fields.days is not None:
        said.append("on the " + _list([_ordinal(day) for day in fields.days]) + (f" of {months}" if months else ""))
    if fields.weekdays is not None:
        said.append("on " + _weekdays(fields.weekdays) + (f" in {months}" if months else ""))
    return " and ".join(said)


def _weekdays(days: tuple[int, ...]) -> str:
    if days == WORKING:
        return "weekdays"
    if days == WEEKEND:
        return "weekends"
    return _list([WEEKDAYS[day] + "s" for day in sorted(days, key=lambda day: day or 7)])


def _step(numbers: tuple[int, ...], whole: int) -> int | None:
    """Return the even step that walks round the whole, or None."""
    step = whole // len(numbers)
    return step if numbers == tuple(range(0, whole, step)) and whole % step == 0 else None


def _ordinal(number: int) -> str:
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
