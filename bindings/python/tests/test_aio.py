"""The facade for asyncio: the same calls, without holding up the loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
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
    assert len(names) > (20 if hasattr(beneath, "create") else 4)

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
