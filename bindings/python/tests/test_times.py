"""Times: whole seconds, or a datetime that knows its zone; never a guess."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zamok import errors
from zamok.totp import Totp

KEY = Totp(b"12345678901234567890")
aware = st.datetimes(
    min_value=dt.datetime(1970, 1, 2),
    max_value=dt.datetime(9999, 12, 30),
    timezones=st.timezones(),
    allow_imaginary=False,
)


@given(aware)
def test_an_aware_datetime_is_its_moment(moment: dt.datetime) -> None:
    # Counted without floating point, from the definition: the microseconds since 1970, by the zone's own offset.
    offset = moment.utcoffset()
    assert offset is not None
    naive = moment.replace(tzinfo=None) - offset
    seconds = (naive - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1)
    assert KEY.step_at(moment) == seconds // 30 == KEY.step_at(seconds)


def test_the_two_halves_past_two_of_an_autumn_night_are_two_moments() -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    assert KEY.step_at(second) - KEY.step_at(first) == 3600 // 30


def test_a_naive_datetime_is_refused() -> None:
    for call in (KEY.code, KEY.step_at, KEY.seconds_left, lambda at: KEY.verify("287082", at)):
        with pytest.raises(errors.NaiveDatetime, match="without a zone"):
            call(dt.datetime(2026, 1, 1))
    assert issubclass(errors.NaiveDatetime, TypeError) and issubclass(errors.NaiveDatetime, ValueError)


@pytest.mark.parametrize("at", [1.5, 59.0, True, "59", b"59", dt.date(2026, 1, 1), dt.time(1), object(), []])
def test_what_is_no_time_is_a_type_error(at: object) -> None:
    with pytest.raises(TypeError):
        KEY.code(at)  # type: ignore[arg-type]


def test_the_ends_of_time() -> None:
    utc = dt.timezone.utc
    assert KEY.step_at(0) == KEY.step_at(dt.datetime(1970, 1, 1, 0, 0, 29, 999_999, utc)) == 0
    assert KEY.step_at(2**64 - 1) == (2**64 - 1) // 30
    for before in (-1, -(2**80), dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, utc)):
        with pytest.raises(errors.TimeBeforeT0):
            KEY.step_at(before)
    with pytest.raises(OverflowError):
        KEY.step_at(2**64)
    late = Totp(b"12345678901234567890", t0=dt.datetime(2026, 1, 1, tzinfo=utc))
    assert late.t0 == 1767225600 and late.step_at(late.t0 + 30) == 1
    with pytest.raises(errors.TimeBeforeT0):
        late.code(late.t0 - 1)


def test_an_integer_of_another_package_is_a_time() -> None:
    class Index:
        def __index__(self) -> int:
            return 59

    assert KEY.code(Index()) == KEY.code(59)


def test_now_is_the_clock_of_the_system() -> None:
    before = int(dt.datetime.now(dt.timezone.utc).timestamp()) // 30
    assert before <= KEY.step_at() <= before + 2
    assert KEY.verify(KEY.code()) >= before
