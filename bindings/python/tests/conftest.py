"""What the tests share: the tier, a small policy that hashes quickly, a cabinet with an enrolled account."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

import zamok
from zamok import Cabinet, ManualClock, OtpUri
from zamok.totp import Totp

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000
PASSPHRASE = "six random words or more"
PASSWORD = "a garden behind the station"
#: What a passphrase costs in tests: 64 KiB, one pass.
CHEAP = (64, 1, 1)
#: What a password costs in tests.
POLICY = """
profile = "strict"
[password.cost]
memory_kib = 19456
passes = 1
lanes = 1
"""


def tier(check: int, ci: int, full: int) -> int:
    """The count of this run, by the same rule as in Rust: a missing variable means `ci`."""
    counts = {"check": check, "ci": ci, "full": full}
    return counts[os.environ.get("ZAMOK_TIER", "ci")]


hypothesis.settings.register_profile("zamok", max_examples=tier(20, 100, 2_000), deadline=None, derandomize=True)
hypothesis.settings.load_profile("zamok")


def lets_others_run(call: Callable[[], object], other: Callable[[], object] = lambda: None) -> bool:
    """Whether `other` came to its turn in another thread during a call: it waits for the interpreter's lock, which nobody but the call
    can let go of."""
    done: list[bool] = []

    def wait() -> None:
        time.sleep(0.05)
        other()
        done.append(True)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        thread = threading.Thread(target=wait)
        thread.start()
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        assert not done, "it ran before its turn"
        call()
        answer = bool(done)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    return answer


def pytest_sessionstart(session: pytest.Session) -> None:
    """The wheel is tested, not the tree."""
    assert "site-packages" in Path(str(zamok.__file__)).parts, f"{zamok.__file__} is not an installed package"


@dataclass
class House:
    """A cabinet with the account of ivan, whose phone is at hand."""

    cabinet: Cabinet
    clock: ManualClock
    phone: Totp
    url: str

    def code(self) -> str:
        """A code that was not used: half a minute later than the last one."""
        self.clock.advance(30)
        return self.phone.code(self.clock.now)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url, clock = f"sqlite:{tmp_path / 'bank.db'}", ManualClock(NOW)
    with Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, clock=clock) as cabinet:
        cabinet.register("ivan", PASSWORD)
        enrolment = cabinet.begin_enrolment("ivan", PASSWORD)
        phone = OtpUri.parse(cabinet.offer_generator(enrolment).uri).totp()
        cabinet.confirm_generator(enrolment, phone.code(clock.now))
        yield House(cabinet, clock, phone, url)
