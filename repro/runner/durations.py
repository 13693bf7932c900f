"""How long things take and how many there are, in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time span in its two largest units, as in `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def counted(number: int, what: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def remaining(seconds: float) -> str:
    """What is left to do: `none`, `under 1 s` or a duration."""
    if seconds == 0:
        return "none"
    return "under 1 s" if round(seconds) < 1 else duration(seconds)
