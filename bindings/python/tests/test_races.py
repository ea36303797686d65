"""Threads, processes, forks, and another SQLite beside us: of all that bring one code, one gets in (R3)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import CHEAP, NOW, PASSPHRASE, PASSWORD, House, lets_others_run, tier

from zamok import Cabinet, Challenge, ManualClock, Rejected, Session, Vault, errors, qr
from zamok.ocra import Ocra
from zamok.totp import Totp, verify_batch

SECRET = b"12345678901234567890"
RACER = """
import sys
import zamok
url, key, start = sys.argv[1:]
clock = zamok.ManualClock(int(start))
with zamok.Vault.open(url, "six random words or more", clock=clock) as vault:
    for line in sys.stdin:
        step, code = line.split()
        clock.set(int(step) * 30)
        for _ in range(100):
            try:
                answer = vault.verify(key, code)
            except zamok.Rejected:
                answer = "rejected"
            except (zamok.errors.Busy, zamok.errors.StoreContended):
                continue
            break
        print(answer, flush=True)
"""


def test_of_64_threads_with_one_code_one_gets_in(house: House) -> None:
    for _ in range(tier(1, 3, 50)):
        challenges = [house.cabinet.begin_login("ivan", PASSWORD) for _ in range(8)]
        code, barrier = house.code(), threading.Barrier(64)

        def attempt(number: int) -> Session | None:
            challenge = challenges[number % len(challenges)]
            assert isinstance(challenge, Challenge)
            barrier.wait()
            while True:
                try:
                    return house.cabinet.answer(challenge, code)
                except Rejected:
                    return None
                except (errors.Busy, errors.StoreContended):
                    continue

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(attempt, range(64)))
        winners = [answer for answer in answers if answer is not None]
        assert len(winners) == 1
        opened = [
            entry for entry in house.cabinet.history(winners[0], limit=200) if entry.kind == "login.session-opened"
        ]
        assert sum(entry.time == house.clock.now for entry in opened) == 1
        # Wrong answers to challenges were charged: the owner waits until they are forgiven.
        house.clock.advance(24 * 3600)
    assert house.cabinet.audit().clean


def test_of_8_processes_with_one_code_one_gets_in(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    with Vault.create(url, PASSPHRASE, cost=CHEAP, clock=ManualClock(NOW)) as vault:
        key = vault.import_totp(SECRET, "app")
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, url, key, str(NOW)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(8)
        ]
        try:
            for round_ in range(tier(1, 5, 200)):
                # A day apart, so that the losers' failures delay nobody.
                step = NOW // 30 + 3000 * round_
                line = f"{step} {Totp(SECRET).code_of_step(step)}\n"
                for racer in racers:
                    assert racer.stdin
                    racer.stdin.write(line)
                for racer in racers:
                    assert racer.stdin
                    racer.stdin.flush()
                answers = [racer.stdout.readline().strip() for racer in racers if racer.stdout]
                assert sorted(answers) == [str(step)] + ["rejected"] * 7
        finally:
            for racer in racers:
                racer.communicate()
        assert [racer.returncode for racer in racers] == [0] * 8
        vault.integrate()
        accepted = [entry for entry in vault.journal(limit=10_000) if entry.kind == "code.accepted"]
        assert len(accepted) == tier(1, 5, 200)
        assert vault.audit().clean


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_no_keys_and_the_parent_keeps_its_own(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    reader, writer = os.pipe()
    slots = house.cabinet.vault.slots
    child = os.fork()
    if child == 0:
        outcome = b"open"
        try:
            if house.cabinet.locked:
                slots.all()
        except errors.Locked:
            try:
                house.cabinet.session(session.id)
            except errors.Locked:
                outcome = b"locked"
        finally:
            os.write(writer, outcome)
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 10) == b"locked"
    os.waitpid(child, 0)
    os.close(reader)
    assert not house.cabinet.locked and house.cabinet.session(session.id).id == session.id


def test_another_sqlite_in_this_process_that_takes_the_locks_away_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "v.db"
    vault = Vault.create(f"sqlite:{path}", PASSPHRASE, cost=CHEAP)
    key = vault.create_key("hmac", "receipts")
    # A copy of SQLite of its own: POSIX drops all locks of a process on a file when any descriptor of it is closed.
    beside = sqlite3.connect(path)
    beside.execute("SELECT count(*) FROM sqlite_master").fetchone()
    beside.close()
    # It took our locks away, believed to be alone, and cleared up behind itself. Nothing is read or written any more.
    for _ in range(3):
        with pytest.raises((errors.StoreUnlocked, errors.StoreGone)):
            vault.create_key("hmac", "lost")
    del vault
    with Vault.open(f"sqlite:{path}", PASSPHRASE) as anew:
        assert [info.id for info in anew.keys()] == [key]
        assert anew.audit().clean


def test_another_sqlite_in_another_process_takes_nothing_away(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    read = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM sqlite_master').fetchone())"
    subprocess.run([sys.executable, "-c", read, house.url.removeprefix("sqlite:")], check=True, capture_output=True)
    assert house.cabinet.session(session.id).id == session.id and house.cabinet.audit().clean


def test_waiting_calls_let_other_threads_run(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    # About half a second of Argon2id, without the lock of the interpreter.
    counted, done = 0, threading.Event()

    def open_slowly() -> None:
        Vault.create(url, PASSPHRASE, cost=(128 << 10, 3, 1)).lock()
        done.set()

    thread = threading.Thread(target=open_slowly)
    thread.start()
    while not done.is_set():
        counted += 1
        time.sleep(0.001)
    thread.join()
    assert counted > 20, "other threads stood still"


def test_a_vault_that_is_dropped_lets_other_threads_run(tmp_path: Path) -> None:
    vaults = [Vault.create(f"sqlite:{tmp_path / 'v.db'}", PASSPHRASE, cost=CHEAP)]
    for number in range(50):
        vaults[0].create_key("hmac", str(number))
    # SQLite folds its log into the file.
    assert lets_others_run(vaults.pop), "other threads stood still"
    cabinets = [Cabinet.create(f"sqlite:{tmp_path / 'bank.db'}", PASSPHRASE, issuer="Bank", cost=CHEAP)]
    nouns = [cabinets[0].operations]
    del cabinets
    assert lets_others_run(nouns.pop), "other threads stood still"


def test_a_qr_code_is_drawn_while_other_threads_run() -> None:
    text = "x" * 2331
    assert lets_others_run(lambda: qr.svg(text)) and lets_others_run(lambda: qr.terminal(text))
    for draw in (qr.svg, qr.terminal):
        with pytest.raises(ValueError, match="fits no QR code"):
            draw(text + "x")


def test_what_is_written_to_during_a_batch_changes_nothing_in_it() -> None:
    key = Totp(SECRET)
    keys, codes = [key] * 20_000, bytearray(key.code(NOW).encode() * 20_000)

    def spoil() -> None:
        codes[:] = b"x" * len(codes)

    answers: list[memoryview[int]] = []
    view = memoryview(codes).toreadonly()
    assert lets_others_run(lambda: answers.append(verify_batch(keys, view, NOW)), spoil)
    assert codes[:1] == b"x" and set(answers[0]) == {NOW // 30}


def test_a_long_password_that_is_hashed_lets_other_threads_run() -> None:
    key, typed = Ocra(SECRET, "OCRA-1:HOTP-SHA1-6:QN08-PSHA1"), b"1" * 50_000_000
    assert lets_others_run(lambda: key.response("12345678", password=typed)), "other threads stood still"
    assert lets_others_run(lambda: key.signature("12345678", password=typed)), "other threads stood still"
