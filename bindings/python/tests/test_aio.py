"""The facade for asyncio: the same calls, without holding up the loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import CHEAP, NOW, PASSPHRASE, PASSWORD, POLICY

import zamok
from zamok import Challenge, ManualClock, OtpUri, Rejected, aio, errors


def test_a_login_in_a_loop_that_goes_on_meanwhile(tmp_path: Path) -> None:
    clock = ManualClock(NOW)

    async def ticking(ticks: list[int]) -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0.001)

    async def main() -> int:
        ticks: list[int] = []
        ticker = asyncio.create_task(ticking(ticks))
        url = f"sqlite:{tmp_path / 'bank.db'}"
        with ThreadPoolExecutor(4) as pool:
            made = await aio.Cabinet.create(
                url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=(64 << 10, 2, 1), clock=clock, pool=pool
            )
            async with made as cabinet:
                await cabinet.register("ivan", PASSWORD)
                enrolment = await cabinet.begin_enrolment("ivan", PASSWORD)
                phone = OtpUri.parse((await cabinet.offer_generator(enrolment)).uri).totp()
                await cabinet.confirm_generator(enrolment, phone.code(clock.now))
                clock.advance(30)
                challenge = await cabinet.begin_login("ivan", PASSWORD)
                assert isinstance(challenge, Challenge)
                code = phone.code(clock.now)
                tries = [cabinet.answer(challenge, code) for _ in range(16)]
                answers = await asyncio.gather(*tries, return_exceptions=True)
                assert sum(isinstance(answer, zamok.Session) for answer in answers) == 1
                assert sum(isinstance(answer, Rejected) for answer in answers) == 15
            assert cabinet.locked
            with pytest.raises(errors.Locked):
                await cabinet.integrate()
        ticker.cancel()
        return len(ticks)

    assert asyncio.run(main()) > 20


FACADES: list[tuple[type[Any], type[Any]]] = [
    (aio.Vault, zamok.Vault),
    (aio.Cabinet, zamok.Cabinet),
    (aio.Slots, zamok.Slots),
    (aio.Operations, zamok.Operations),
    (aio.Factors, zamok.Factors),
    (aio.Devices, zamok.Devices),
    (aio.Notices, zamok.Notices),
    (aio.Outbox, zamok.Outbox),
]


def test_the_facade_has_every_method_with_its_signature() -> None:
    for ours, theirs in FACADES:
        names = {name for name in vars(theirs) if not name.startswith("_")}
        assert names <= set(dir(ours)), names - set(dir(ours))
        for name in names:
            beneath = getattr(theirs, name)
            if not callable(beneath):
                continue
            method = getattr(ours, name)
            assert inspect.iscoroutinefunction(method), name
            wanted = [p for p in inspect.signature(beneath).parameters.values() if p.name not in ("self", "_self")]
            found = [p for p in inspect.signature(method).parameters.values() if p.name not in ("self", "pool")]
            assert [(p.name, p.kind) for p in found] == [(p.name, p.kind) for p in wanted], name


@pytest.mark.parametrize(("facade", "beneath"), FACADES)
def test_every_argument_arrives_where_it_belongs(facade: type[Any], beneath: type[Any]) -> None:
    names = [name for name in vars(beneath) if not name.startswith("_") and name not in ("create", "open")]
    names = [name for name in names if callable(getattr(beneath, name))]
    assert len(names) > (20 if hasattr(beneath, "create") else 3)

    async def main() -> None:
        for name in names:
            asked = mock.Mock(spec=[name])
            parameters = list(inspect.signature(getattr(facade, name)).parameters.values())[1:]
            positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
            named = {p.name: p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
            answer = await getattr(facade(asked), name)(*positional, **named)
            getattr(asked, name).assert_called_once_with(*positional, **named)
            assert answer is getattr(asked, name).return_value

    asyncio.run(main())


@pytest.mark.parametrize(("facade", "beneath"), [(aio.Vault, "_Vault"), (aio.Cabinet, "_Cabinet")])
@pytest.mark.parametrize("door", ["create", "open"])
def test_doors_pass_on_every_argument_and_keep_the_pool(
    facade: type[Any], beneath: str, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = mock.Mock()
    monkeypatch.setattr(aio, beneath, asked)
    parameters = inspect.signature(getattr(facade, door)).parameters.values()
    named = {p.name: p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "pool"}
    assert len(named) >= 3

    async def main() -> None:
        with Announcing() as pool:
            pool.go_on.set()
            made = await getattr(facade, door)("url", "passphrase", **named, pool=pool)
            getattr(asked, door).assert_called_once_with("url", "passphrase", **named)
            assert pool.begun.is_set()
            pool.begun.clear()
            await made.lock()
            assert pool.begun.is_set()
            getattr(asked, door).return_value.lock.assert_called_once_with()

    asyncio.run(main())


class Announcing(ThreadPoolExecutor):
    """A pool that says when a call has begun, and lets it go on when it is told to."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def announced() -> Any:
            self.begun.set()
            self.go_on.wait()
            return fn(*args, **kwargs)

        return super().submit(announced)


@pytest.mark.parametrize("facade", [aio.Vault, aio.Cabinet])
def test_a_block_locks_at_its_end_although_its_pool_is_closed(facade: type[Any]) -> None:
    issuer: dict[str, Any] = {"issuer": "Bank", "policy": POLICY} if facade is aio.Cabinet else {}

    async def main() -> None:
        pool = ThreadPoolExecutor(1)
        async with await facade.create("memory:", PASSPHRASE, cost=CHEAP, pool=pool, **issuer) as opened:
            pool.shutdown()
        assert opened.locked

    asyncio.run(main())


def test_a_call_that_has_begun_runs_to_its_end_although_nobody_waits() -> None:
    async def main() -> None:
        with Announcing() as pool:
            pool.go_on.set()
            vault = await aio.Vault.create("memory:", PASSPHRASE, cost=CHEAP, pool=pool)
            pool.begun.clear()
            pool.go_on.clear()
            task = asyncio.create_task(vault.create_key("hmac", "made all the same"))
            while not pool.begun.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            pool.go_on.set()
            assert [key.label for key in await vault.keys()] == ["made all the same"]

    asyncio.run(main())


async def cancelled(task: asyncio.Task[Any], pool: Announcing) -> None:
    """Cancels somebody who waits for a call that has begun, and lets the call go on."""
    while not pool.begun.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    pool.go_on.set()


def held_up(pool: Announcing) -> None:
    """The next call begins, and goes on when it is told to."""
    pool.begun.clear()
    pool.go_on.clear()


def test_what_is_told_once_is_told_to_whoever_was_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        with Announcing() as pool:
            pool.go_on.set()
            url, told = f"sqlite:{tmp_path / 'v.db'}", []
            await (await aio.Vault.create(url, PASSPHRASE, cost=CHEAP, pool=pool)).lock()
            officer = await aio.Vault.open(url, PASSPHRASE, role="officer", pool=pool)

            async def handler() -> None:
                # What the next line does with them is done before anybody is cancelled.
                told.extend(await officer.slots.change_split(1, needed=2, made=2))
                told.append(str(asyncio.current_task().cancelling()))  # type: ignore[union-attr]

            held_up(pool)
            task = asyncio.create_task(handler())
            await cancelled(task, pool)
            await task
            assert told.pop() == "1" and len(told) == 2
            zamok.Vault.open(url, zamok.Credential.shares(told)).lock()

            # A time limit loses nothing either.
            held_up(pool)
            asyncio.get_running_loop().call_later(0.1, pool.go_on.set)
            number, texts = await asyncio.wait_for(officer.slots.add_split("user", needed=2, made=2), 0.01)
            zamok.Vault.open(url, zamok.Credential.shares(texts), slot=number).lock()

            # What failed has nothing to tell.
            held_up(pool)
            failing = asyncio.create_task(officer.slots.add_split("user", needed=1, made=2))
            await cancelled(failing, pool)
            with pytest.raises(asyncio.CancelledError):
                await failing

    asyncio.run(main())


ONCE = {
    (aio.Slots, "new_shares"),
    (aio.Slots, "add_split"),
    (aio.Slots, "change_split"),
    (aio.Devices, "trust"),
    (aio.Vault, "backup_split"),
    (aio.Vault, "provision"),
    (aio.Cabinet, "new_recovery_codes"),
    (aio.Cabinet, "recover"),
}


@pytest.mark.parametrize(("facade", "name"), sorted(ONCE, key=str))
def test_every_call_that_is_told_once_waits_for_its_answer(facade: type[Any], name: str) -> None:
    async def main() -> None:
        with Announcing() as pool:
            asked = mock.Mock(spec=[name])
            parameters = list(inspect.signature(getattr(facade, name)).parameters.values())[1:]
            positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
            named = {p.name: p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
            task = asyncio.create_task(getattr(facade(asked, pool=pool), name)(*positional, **named))
            await cancelled(task, pool)
            assert await task is getattr(asked, name).return_value

    asyncio.run(main())


def test_a_message_for_somebody_who_was_cancelled_is_handed_out_again() -> None:
    clock = ManualClock(NOW)
    with zamok.Cabinet.create("memory:", PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, clock=clock) as bank:
        bank.register("ivan", PASSWORD)
        bank.factors.offer_channel(bank.begin_enrolment("ivan", PASSWORD), "+79161234567")

        async def main() -> None:
            with Announcing() as pool:
                outbox = aio.Outbox(zamok.Outbox(bank), pool=pool)
                # While the call runs.
                held_up(pool)
                task = asyncio.create_task(outbox.take())
                await cancelled(task, pool)
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await outbox.take() is None
                clock.advance(RETRY)
                second = await outbox.take()
                assert second is not None and second.attempt == 2
                await outbox.put_off(second, "once more")
                clock.advance(2 * RETRY)
                # After it has ended, before the loop has heard of it.
                task = asyncio.create_task(outbox.take())
                await asyncio.sleep(0)
                time.sleep(0.5)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            clock.advance(4 * RETRY)
            third = zamok.Outbox(bank).take()
            assert third is not None and third.attempt == 4

        asyncio.run(main())


#: The first pause of a message that was put off, in seconds: its lease, 30, is longer than all of these together.
RETRY = 2
