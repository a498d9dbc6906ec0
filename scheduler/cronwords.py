"""A schedule as a person would say it: "every 15 minutes", "at 06:30 on weekdays, Europe/Berlin".

The zone is said only where it matters, which is wherever an hour or a day is.
"""

from __future__ import annotations

from scheduler.crondays import Fields

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKING = (1, 2, 3, 4, 5)
WEEKEND = (0, 6)
ALL_HOURS = 24
ALL_MONTHS = 12
MANY_TIMES = 6


def sentence(fields: Fields, timezone: str) -> str:
    """Return the whole sentence, without a full stop."""
    said = " ".join(part for part in (_times(fields), _days(fields), _months(fields)) if part)
    anywhere = (
        fields.every_hour and fields.days is None and fields.weekdays is None and len(fields.months) == ALL_MONTHS
    )
    return said if anywhere else f"{said}, {timezone}"


def _times(fields: Fields) -> str:
    minutes, hours = fields.minutes, fields.hours
    if len(fields.times) <= MANY_TIMES:
        return "at " + _list([f"{time // 60:02}:{time % 60:02}" for time in fields.times])
    step = _step(minutes, 60)
    if len(minutes) == 1:
        return _hourly(minutes[0], hours)
    every = f"every {step} minutes" if step and step > 1 else "every minute" if step else ""
    every = every or "at minutes " + _list([str(minute) for minute in minutes])
    return every if fields.every_hour and every.startswith("every") else f"{every} {_hours(hours)}"


def _hourly(minute: int, hours: tuple[int, ...]) -> str:
    past = "" if minute == 0 else f" at {minute} minute{'s' * (minute != 1)} past"
    if len(hours) == ALL_HOURS:
        return f"every hour{past}"
    step = _step(hours, ALL_HOURS)
    if step:
        return f"every {step} hours{past}"
    return f"every hour{past} {_hours(hours)}"


def _hours(hours: tuple[int, ...]) -> str:
    if len(hours) == ALL_HOURS:
        return "of every hour"
    if hours == tuple(range(hours[0], hours[-1] + 1)):
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:59" if len(hours) > 1 else f"of hour {hours[0]}"
    return "of hours " + _list([str(hour) for hour in hours])


def _days(fields: Fields) -> str:
    said = []
    if fields.days is not None:
        said.append("on the " + _list([_ordinal(day) for day in fields.days]))
    if fields.weekdays is not None:
        said.append("on " + _weekdays(fields.weekdays))
    return " and ".join(said)


def _weekdays(days: tuple[int, ...]) -> str:
    if days == WORKING:
        return "weekdays"
    if days == WEEKEND:
        return "weekends"
    return _list([WEEKDAYS[day] + "s" for day in sorted(days, key=lambda day: day or 7)])


def _months(fields: Fields) -> str:
    if len(fields.months) == ALL_MONTHS:
        return ""
    return "in " + _list([MONTHS[month - 1] for month in fields.months])


def _step(numbers: tuple[int, ...], whole: int) -> int | None:
    """Return the even step that walks round the whole, or None."""
    step = whole // len(numbers)
    return step if numbers == tuple(range(0, whole, step)) and whole % step == 0 else None


def _ordinal(number: int) -> str:
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
