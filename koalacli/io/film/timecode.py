"""SMPTE timecode (ST 12-1): the time of day that a film's first frame is labeled with."""

import re
from fractions import Fraction

FORM = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{1,3})")
DROPPING = ";.,"  # separators before the frames that stand for drop-frame counting
DROPPED = Fraction(2, 30)  # of a second's frame numbers, left out at every minute that is no multiple of ten
DAY = 24 * 60  # minutes


def shift_timecode(text: str, frames: int, rate: Fraction) -> str:
    """The timecode of a later frame; text that is no timecode comes back as it is.

    Args:
        text: hh:mm:ss:ff, or hh:mm:ss;ff where numbers are dropped so that 29.97 frames/s keep up with the clock.
        frames: how many later.
        rate: frames per second.
    """
    match = FORM.fullmatch(text)
    if not match or rate < 1:
        return text
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    sign, count = match[4], round(rate)
    dropped = round(count * DROPPED) if sign in DROPPING and count % 30 == 0 else 0
    minutes += 60 * hours
    number = (60 * minutes + seconds) * count + frame - dropped * (minutes - minutes // 10) + frames
    tens, rest = divmod(number % _start_of(DAY, count, dropped), _start_of(10, count, dropped))
    minute = max(minute for minute in range(10) if _start_of(minute, count, dropped) <= rest)
    seconds, frame = divmod(rest - _start_of(minute, count, dropped) + (dropped if minute else 0), count)
    minutes = 10 * tens + minute
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{sign}{frame:02}"


def _start_of(minute: int, count: int, dropped: int) -> int:
    """How many frames lie before a minute."""
    return 60 * count * minute - dropped * (minute - -(-minute // 10))
