"""The nouns of a vault and of a cabinet for asyncio: what ``zamok.aio`` has besides the two."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from . import Challenge, Content, Credential, Device, Enrolment, Factor, Message, Method, News, Operation, Preferences, Session
from . import Devices as _Devices
from . import Factors as _Factors
from . import Notices as _Notices
from . import Operations as _Operations
from . import Outbox as _Outbox
from . import SlotInfo
from . import Slots as _Slots

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._zamok import _Category, _Cost, _Opener, _Password, _Receipt, _Role, _Time

P = ParamSpec("P")
T = TypeVar("T")


async def run(pool: Executor | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a call in the pool, or where none was given in the loop's own."""
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: call(*args, **kwargs))


async def told_once(pool: Executor | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``run``, for what is told once and cannot be asked for again: cancelled or not, it ends when the call has, with its answer."""
    future = asyncio.get_running_loop().run_in_executor(pool, lambda: call(*args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and (future.cancelled() or future.exception() is not None):
        # There is nothing to be lost.
        raise cancelled
    return future.result()


class _Taking:
    """One message on its way out of an outbox to somebody who may stop waiting for it: it is put off then, by one of the two."""

    def __init__(self, outbox: _Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._taken: Message | None = None
        self._is_awaited = True

    def take(self) -> Message | None:
        message = self._outbox.take()
        with self._lock:
            self._taken, is_awaited = message, self._is_awaited
        if not is_awaited:
            self.put_off()
        return message

    def give_up(self) -> bool:
        """Nobody waits any more. Answers whether a message has come already, which whoever gives up puts off."""
        with self._lock:
            self._is_awaited = False
            return self._taken is not None

    def put_off(self) -> None:
        # Where that fails, others have it once its time is over.
        with contextlib.suppress(Exception):
            if self._taken is not None:
                self._outbox.put_off(self._taken, "whoever took it was cancelled")


class Slots:
    """The ``zamok.Slots`` of a vault for asyncio: ``Vault.slots``."""

    def __init__(self, slots: _Slots, *, pool: Executor | None = None) -> None:
        self.beneath = slots
        self._pool = pool

    async def add(
        self,
        role: _Role,
        passphrase: _Opener | None = None,
        *,
        key: Buffer | None = None,
        label: str = "",
        cost: _Cost | None = None,
    ) -> int:
        return await run(self._pool, self.beneath.add, role, passphrase, key=key, label=label, cost=cost)

    async def change(
        self,
        number: int,
        passphrase: _Opener | None = None,
        *,
        key: Buffer | None = None,
        label: str | None = None,
        cost: _Cost | None = None,
    ) -> None:
        return await run(self._pool, self.beneath.change, number, passphrase, key=key, label=label, cost=cost)

    async def new_shares(self, *, needed: int, made: int) -> tuple[Credential, list[str]]:
        return await told_once(self._pool, self.beneath.new_shares, needed=needed, made=made)

    async def add_split(self, role: _Role, *, needed: int, made: int, label: str = "") -> tuple[int, list[str]]:
        return await told_once(self._pool, self.beneath.add_split, role, needed=needed, made=made, label=label)

    async def change_split(self, number: int, *, needed: int, made: int, label: str | None = None) -> list[str]:
        return await told_once(self._pool, self.beneath.change_split, number, needed=needed, made=made, label=label)

    async def remove(self, number: int, /) -> None:
        return await run(self._pool, self.beneath.remove, number)

    async def reset(self, number: int, /) -> None:
        return await run(self._pool, self.beneath.reset, number)

    async def all(self) -> list[SlotInfo]:
        return await run(self._pool, self.beneath.all)


class Factors:
    """The ``zamok.Factors`` of a cabinet for asyncio: ``Cabinet.factors``."""

    def __init__(self, factors: _Factors, *, pool: Executor | None = None) -> None:
        self.beneath = factors
        self._pool = pool

    async def begin(self, session: Session, /) -> Enrolment:
        return await run(self._pool, self.beneath.begin, session)

    async def offer_channel(self, enrolment: Enrolment, address: str, /) -> None:
        return await run(self._pool, self.beneath.offer_channel, enrolment, address)

    async def offer_contact(self, enrolment: Enrolment, address: str, /) -> None:
        return await run(self._pool, self.beneath.offer_contact, enrolment, address)

    async def confirm(self, enrolment: Enrolment, code: str, /) -> None:
        return await run(self._pool, self.beneath.confirm, enrolment, code)

    async def send_again(self, challenge: Challenge | Enrolment, /) -> None:
        return await run(self._pool, self.beneath.send_again, challenge)

    async def methods(self, challenge: Challenge, /) -> list[Method]:
        return await run(self._pool, self.beneath.methods, challenge)

    async def switch(self, challenge: Challenge, factor: str, /) -> Challenge:
        return await run(self._pool, self.beneath.switch, challenge, factor)

    async def all(self, session: Session, /) -> list[Factor]:
        return await run(self._pool, self.beneath.all, session)

    async def prefer(self, session: Session, id: str, /) -> None:
        return await run(self._pool, self.beneath.prefer, session, id)

    async def rename(self, session: Session, id: str, label: str, /) -> None:
        return await run(self._pool, self.beneath.rename, session, id, label)

    async def drop(self, session: Session, id: str, /) -> None:
        return await run(self._pool, self.beneath.drop, session, id)

    async def begin_change(self, session: Session, id: str, /) -> tuple[Enrolment, Challenge | None]:
        return await run(self._pool, self.beneath.begin_change, session, id)

    async def agree(self, session: Session, agreement: Challenge, code: str, /, *, request: str | None = None) -> None:
        return await run(self._pool, self.beneath.agree, session, agreement, code, request=request)

    async def begin_undo(
        self,
        login: str,
        password: _Password,
        /,
        *,
        client: str = "",
        device: str | None = None,
        by: str | None = None,
        address: str | None = None,
        language: str = "",
    ) -> Challenge:
        begin = self.beneath.begin_undo
        return await run(
            self._pool, begin, login, password, client=client, device=device, by=by, address=address, language=language
        )

    async def undo(self, challenge: Challenge, code: str, /, *, request: str | None = None) -> Session:
        return await run(self._pool, self.beneath.undo, challenge, code, request=request)


class Devices:
    """The ``zamok.Devices`` of a cabinet for asyncio: ``Cabinet.devices``."""

    def __init__(self, devices: _Devices, *, pool: Executor | None = None) -> None:
        self.beneath = devices
        self._pool = pool

    async def trust(self, session: Session, label: str, /) -> str:
        return await told_once(self._pool, self.beneath.trust, session, label)

    async def all(self, session: Session, /) -> list[Device]:
        return await run(self._pool, self.beneath.all, session)

    async def block(self, session: Session, id: str, /) -> None:
        return await run(self._pool, self.beneath.block, session, id)

    async def remove(self, session: Session, id: str, /) -> None:
        return await run(self._pool, self.beneath.remove, session, id)

    async def subscribe(self, session: Session, endpoint: str, key: Buffer, secret: Buffer, /) -> None:
        return await run(self._pool, self.beneath.subscribe, session, endpoint, key, secret)

    async def unsubscribe(self, session: Session, /) -> None:
        return await run(self._pool, self.beneath.unsubscribe, session)

    async def begin_login(
        self, token: str, /, *, client: str = "", address: str | None = None, language: str = ""
    ) -> Challenge:
        return await run(self._pool, self.beneath.begin_login, token, client=client, address=address, language=language)

    async def offer_pin(self, session: Session, enrolment: Enrolment, pin: str, /) -> None:
        return await run(self._pool, self.beneath.offer_pin, session, enrolment, pin)

    async def offer_certificate(self, enrolment: Enrolment, public_key: Buffer, label: str, /) -> None:
        return await run(self._pool, self.beneath.offer_certificate, enrolment, public_key, label)

    async def offer_push(self, enrolment: Enrolment, device: str, public_key: Buffer, label: str, /) -> None:
        return await run(self._pool, self.beneath.offer_push, enrolment, device, public_key, label)

    async def question(self, asked: Challenge | Enrolment, /) -> bytes:
        return await run(self._pool, self.beneath.question, asked)

    async def number(self, asked: Challenge | Enrolment, /) -> str:
        return await run(self._pool, self.beneath.number, asked)

    async def approve(self, request: Buffer, number: str, signature: Buffer, /) -> None:
        return await run(self._pool, self.beneath.approve, request, number, signature)

    async def decline(self, request: Buffer, signature: Buffer, /) -> None:
        return await run(self._pool, self.beneath.decline, request, signature)


class Notices:
    """The ``zamok.Notices`` of a cabinet for asyncio: ``Cabinet.notices``."""

    def __init__(self, notices: _Notices, *, pool: Executor | None = None) -> None:
        self.beneath = notices
        self._pool = pool

    async def send(
        self,
        login: str,
        text: str,
        /,
        *,
        title: str = "",
        category: _Category = "service",
        urgent: bool = False,
        link: str = "",
        language: str = "",
    ) -> str:
        send = self.beneath.send
        return await run(
            self._pool, send, login, text, title=title, category=category, urgent=urgent, link=link, language=language
        )

    async def feed(
        self,
        session: Session,
        /,
        *,
        categories: Sequence[_Category] = (),
        urgent: bool = False,
        since: _Time | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[News]:
        feed = self.beneath.feed
        return await run(
            self._pool, feed, session, categories=categories, urgent=urgent, since=since, limit=limit, after=after
        )

    async def preferences(self, session: Session, /) -> Preferences:
        return await run(self._pool, self.beneath.preferences, session)

    async def set_preferences(self, session: Session, preferences: Preferences, /) -> None:
        return await run(self._pool, self.beneath.set_preferences, session, preferences)


class Outbox:
    """A ``zamok.Outbox`` for asyncio, over that one: ``aio.Outbox(zamok.Outbox(bank.cabinet))``."""

    def __init__(self, outbox: _Outbox, *, pool: Executor | None = None) -> None:
        self.beneath = outbox
        self._pool = pool

    async def take(self) -> Message | None:
        taking = _Taking(self.beneath)
        try:
            return await run(self._pool, taking.take)
        except asyncio.CancelledError:
            if taking.give_up():
                # A pool that is closed takes nothing any more.
                with contextlib.suppress(RuntimeError):
                    asyncio.get_running_loop().run_in_executor(self._pool, taking.put_off)
            raise

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.take()) is not None:
            yield message

    async def sent(
        self, message: Message, /, *, carrier: str, ids: Sequence[str] = (), receipts: bool = False
    ) -> None:
        return await run(self._pool, self.beneath.sent, message, carrier=carrier, ids=ids, receipts=receipts)

    async def put_off(self, message: Message, reason: str, /, *, carrier: str = "") -> None:
        return await run(self._pool, self.beneath.put_off, message, reason, carrier=carrier)

    async def refuse(self, message: Message, reason: str, /, *, carrier: str = "") -> None:
        return await run(self._pool, self.beneath.refuse, message, reason, carrier=carrier)

    async def receipt(
        self, carrier: str, id: str, state: _Receipt, /, *, number: str | None = None, reason: str = ""
    ) -> Literal["ended", "noted", "again", "nothing"]:
        return await run(self._pool, self.beneath.receipt, carrier, id, state, number=number, reason=reason)


class Operations:
    """The ``zamok.Operations`` of a cabinet for asyncio: ``Cabinet.operations``."""

    def __init__(self, operations: _Operations, *, pool: Executor | None = None) -> None:
        self.beneath = operations
        self._pool = pool

    async def propose(self, session: Session, content: Content, /, *, id: str | None = None) -> Operation:
        return await run(self._pool, self.beneath.propose, session, content, id=id)

    async def change(self, session: Session, id: str, content: Content, /) -> Operation:
        return await run(self._pool, self.beneath.change, session, id, content)

    async def cancel(self, session: Session, id: str, /) -> None:
        return await run(self._pool, self.beneath.cancel, session, id)

    async def get(self, session: Session, id: str, /) -> Operation:
        return await run(self._pool, self.beneath.get, session, id)

    async def to_execute(self, id: str, /) -> Operation:
        return await run(self._pool, self.beneath.to_execute, id)

    async def challenge(self, session: Session, id: str, /, *, by: str | None = None) -> Challenge:
        return await run(self._pool, self.beneath.challenge, session, id, by=by)

    async def confirm(
        self, session: Session, challenge: Challenge, code: str, /, *, request: str | None = None
    ) -> Operation:
        return await run(self._pool, self.beneath.confirm, session, challenge, code, request=request)

    async def execute(self, id: str, receipt: Buffer, /) -> bytes:
        return await run(self._pool, self.beneath.execute, id, receipt)
