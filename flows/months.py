"""A month of the books: where it begins and ends is a matter of the time zone that one reports in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone: write its IANA name, such as Europe/Berlin") from error


def day_of(text: str, name: str) -> date:
    """Read a day.

    Args:
        text: The day, such as 2026-10-31.
        name: What the message calls it.

    Raises:
        ValueError: There is none such, or there are no days around it to reckon with.

    Example:
        >>> day_of("2026-10-31", "since")
        datetime.date(2026, 10, 31)
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is no day: write it as 2026-10-31") from None
    if _is_at_an_end(day):
        raise ValueError(f"{name}: {text} is a day that cannot be reckoned with")
    return day


def _is_at_an_end(day: date) -> bool:
    # The month before, the one after, or the same midnight in UTC may be in a year that there is none of.
    return day.year in (MINYEAR, MAXYEAR)


def local_date(created: int, zone: ZoneInfo) -> date:
    """Return the day, in a time zone, of a time in Unix seconds.

    Example:
        >>> local_date(1_790_812_800, ZoneInfo("UTC")), local_date(1_790_812_799, ZoneInfo("UTC"))
        (datetime.date(2026, 10, 1), datetime.date(2026, 9, 30))
    """
    return datetime.fromtimestamp(created, zone).date()


@dataclass(frozen=True, order=True)
class Month:
    """A month of a calendar.

    Example:
        >>> october = Month.parse("2026-10")
        >>> str(october.before), str(october.after), october.first
        ('2026-09', '2026-11', datetime.date(2026, 10, 1))
    """

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a month as `2026-10`.

        Raises:
            ValueError: It is not written like that, or there are no months around it to reckon with.
        """
        try:
            if len(text) != 7:
                raise ValueError
            first = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise ValueError(f"{text!r} is no month: write it as 2026-10") from None
        if _is_at_an_end(first):
            raise ValueError(f"{text} is a month that cannot be reckoned with")
        return cls.of(first)

    @classmethod
    def of(cls, day: date) -> Self:
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def before(self) -> Month:
        return Month.of(self.first - timedelta(days=1))

    @property
    def after(self) -> Month:
        return Month.of(self.first + timedelta(days=31))

    def begins(self, zone: ZoneInfo) -> datetime:
        """Return the instant at which it begins, in UTC; the month before ends just there.

        Where the clocks are put forward at that midnight, it is when they are; where they are put back over it, it is
        the first of the two.
        """
        return datetime(self.year, self.month, 1, tzinfo=zone).astimezone(UTC)

    def ends(self, zone: ZoneInfo) -> datetime:
        """Return the first instant that is no longer in it, in UTC."""
        return self.after.begins(zone)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"
