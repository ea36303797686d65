"""The vault and the cabinet for asyncio: the same calls, each in a thread of a pool, so that the event loop goes on.

Stores flush and passwords are hashed for as long as a guess should take: such calls must not run in the loop's own thread. Every
method has the arguments, the answer and the errors of the one with its name in ``zamok.Vault``, ``zamok.Cabinet``, ``zamok.Slots``,
``zamok.Operations``, ``zamok.Factors``, ``zamok.Devices``, ``zamok.Notices`` or ``zamok.Outbox``.

A cancelled ``await`` stops waiting; a call that has begun runs to its end, and what it commits stays committed. Whoever may be cancelled
while a code is answered draws a ``request_id`` first and asks again under it. An ``async with`` block locks at its end without the pool.

What is told once is not lost to a cancellation: ``new_recovery_codes``, ``recover``, ``provision``, ``backup_split``, ``Slots.new_shares``,
``Slots.add_split``, ``Slots.change_split`` and ``Devices.trust`` end when their call has, and give its answer, cancelled or not; the
cancellation is over then (``asyncio.current_task().cancelling()`` tells of it). Only a call that failed ends as cancelled. Store the answer
before the next ``await``. Shares are best drawn first (``Slots.new_shares``), kept, and given to a slot afterwards. A message that
``Outbox.take`` has for somebody who was cancelled is put off, and handed out again.

>>> import asyncio
>>> from zamok import aio
>>> async def main() -> str:
...     async with await aio.Vault.create("memory:", "six random words or more", cost=(64, 1, 1)) as vault:
...         key = await vault.create_key("ed25519", "receipts", purpose="document")
...         return (await vault.key(key)).kind
>>> asyncio.run(main())
'Ed25519'
"""

from __future__ import annotations

from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from . import Account, Challenge, Enrolment, KeyInfo, ManualClock, Offer, Secret, Session, SignedDocument
from . import Cabinet as _Cabinet
from . import Vault as _Vault
from ._nouns import Devices, Factors, Notices, Operations, Outbox, Slots, run, told_once
from .backup import Backup
from .journal import Entry, Report

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._zamok import _Cost, _Kind, _Mac, _Opener, _Password, _Path, _Purpose, _Role, _State, _Time

__all__ = ["Cabinet", "Devices", "Factors", "Notices", "Operations", "Outbox", "Slots", "Vault"]


class Vault:
    """A ``zamok.Vault`` for asyncio. ``vault`` is the one beneath; ``pool`` is where calls run, or None for the loop's own."""

    def __init__(self, vault: _Vault, *, pool: Executor | None = None) -> None:
        self.vault = vault
        self._pool = pool

    @classmethod
    async def create(
        cls,
        url: str,
        passphrase: _Opener | None = None,
        *,
        key: Buffer | None = None,
        policy: str | None = None,
        cost: _Cost | None = None,
        idle: int | None = 900,
        clock: ManualClock | None = None,
        anchor: _Path | None = None,
        pool: Executor | None = None,
    ) -> Self:
        return cls(
            await run(
                pool,
                _Vault.create,
                url,
                passphrase,
                key=key,
                policy=policy,
                cost=cost,
                idle=idle,
                clock=clock,
                anchor=anchor,
            ),
            pool=pool,
        )

    @classmethod
    async def open(
        cls,
        url: str,
        passphrase: _Opener | None = None,
        *,
        key: Buffer | None = None,
        role: _Role = "user",
        slot: int | None = None,
        policy: str | None = None,
        idle: int | None = 900,
        clock: ManualClock | None = None,
        anchor: _Path | None = None,
        anchor_witnesses: str | None = None,
        pool: Executor | None = None,
    ) -> Self:
        return cls(
            await run(
                pool,
                _Vault.open,
                url,
                passphrase,
                key=key,
                role=role,
                slot=slot,
                policy=policy,
                idle=idle,
                clock=clock,
                anchor=anchor,
                anchor_witnesses=anchor_witnesses,
            ),
            pool=pool,
        )

    async def lock(self) -> None:
        return await run(self._pool, self.vault.lock)

    @property
    def locked(self) -> bool:
        return self.vault.locked

    @property
    def origin(self) -> str:
        return self.vault.origin

    @property
    def role(self) -> str:
        return self.vault.role

    @property
    def slots(self) -> Slots:
        return Slots(self.vault.slots, pool=self._pool)

    async def backup(self, file: _Path, passphrase: _Password, /, *, cost: _Cost | None = None) -> Backup:
        return await run(self._pool, self.vault.backup, file, passphrase, cost=cost)

    async def backup_split(self, file: _Path, /, *, needed: int, made: int) -> tuple[Backup, list[str]]:
        return await told_once(self._pool, self.vault.backup_split, file, needed=needed, made=made)

    async def create_key(self, kind: _Kind, label: str, *, purpose: _Purpose = "data") -> str:
        return await run(self._pool, self.vault.create_key, kind, label, purpose=purpose)

    async def create_totp(self, label: str, *, algorithm: str = "SHA1", digits: int = 6, period: int = 30) -> str:
        return await run(self._pool, self.vault.create_totp, label, algorithm=algorithm, digits=digits, period=period)

    async def create_hotp(self, label: str, *, algorithm: str = "SHA1", digits: int = 6, counter: int = 0) -> str:
        return await run(
            self._pool, self.vault.create_hotp, label, algorithm=algorithm, digits=digits, counter=counter
        )

    async def import_totp(
        self,
        secret: Secret | Buffer,
        label: str,
        *,
        algorithm: str = "SHA1",
        digits: int = 6,
        period: int = 30,
        t0: _Time | None = None,
        last_step: int | None = None,
    ) -> str:
        return await run(
            self._pool,
            self.vault.import_totp,
            secret,
            label,
            algorithm=algorithm,
            digits=digits,
            period=period,
            t0=t0,
            last_step=last_step,
        )

    async def import_hotp(
        self, secret: Secret | Buffer, label: str, *, counter: int, algorithm: str = "SHA1", digits: int = 6
    ) -> str:
        return await run(
            self._pool, self.vault.import_hotp, secret, label, counter=counter, algorithm=algorithm, digits=digits
        )

    async def provision(self, key: str, *, issuer: str, account: str) -> str:
        return await told_once(self._pool, self.vault.provision, key, issuer=issuer, account=account)

    async def activate(self, key: str, code: str, /) -> int:
        return await run(self._pool, self.vault.activate, key, code)

    async def verify(self, key: str, code: str, /) -> int:
        return await run(self._pool, self.vault.verify, key, code)

    async def resume(self, key: str, reason: str, /) -> None:
        return await run(self._pool, self.vault.resume, key, reason)

    async def sign(self, key: str, data: Buffer, *, name: str = "", purpose: _Purpose | None = None) -> bytes:
        return await run(self._pool, self.vault.sign, key, data, name=name, purpose=purpose)

    async def public_key(self, key: str, /) -> str:
        return await run(self._pool, self.vault.public_key, key)

    async def mac(self, key: str, data: Buffer, *, mechanism: _Mac = "hmac-sha256") -> tuple[int, bytes]:
        return await run(self._pool, self.vault.mac, key, data, mechanism=mechanism)

    async def check_mac(
        self, key: str, data: Buffer, version: int, tag: Buffer, *, mechanism: _Mac = "hmac-sha256"
    ) -> None:
        return await run(self._pool, self.vault.check_mac, key, data, version, tag, mechanism=mechanism)

    async def seal(self, key: str, data: Buffer, *, associated: Buffer | None = None) -> bytes:
        return await run(self._pool, self.vault.seal, key, data, associated=associated)

    async def open_sealed(self, key: str, sealed: Buffer, *, associated: Buffer | None = None) -> bytes:
        return await run(self._pool, self.vault.open_sealed, key, sealed, associated=associated)

    async def key(self, key: str, /) -> KeyInfo:
        return await run(self._pool, self.vault.key, key)

    async def keys(self, label: str | None = None, *, limit: int = 100, after: str | None = None) -> list[KeyInfo]:
        return await run(self._pool, self.vault.keys, label, limit=limit, after=after)

    async def rotate_key(self, key: str, reason: str, *, accept: int | None = None) -> int:
        return await run(self._pool, self.vault.rotate_key, key, reason, accept=accept)

    async def change_key_state(self, key: str, state: _State, reason: str, /) -> None:
        return await run(self._pool, self.vault.change_key_state, key, state, reason)

    async def integrate(self) -> int:
        return await run(self._pool, self.vault.integrate)

    async def checkpoint(self) -> str:
        return await run(self._pool, self.vault.checkpoint)

    async def log_key(self) -> str:
        return await run(self._pool, self.vault.log_key)

    async def journal(self, first: int = 0, *, limit: int = 100) -> list[Entry]:
        return await run(self._pool, self.vault.journal, first, limit=limit)

    async def audit(self) -> Report:
        return await run(self._pool, self.vault.audit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not in the pool, which may be full, or closed: whoever leaves the block leaves nothing open, cancelled or not.
        self.vault.lock()


class Cabinet:
    """A ``zamok.Cabinet`` for asyncio. ``cabinet`` is the one beneath; ``pool`` is where calls run, or None for the loop's own."""

    def __init__(self, cabinet: _Cabinet, *, pool: Executor | None = None) -> None:
        self.cabinet = cabinet
        self._pool = pool

    @classmethod
    async def create(
        cls,
        url: str,
        passphrase: _Opener | None = None,
        *,
        issuer: str,
        key: Buffer | None = None,
        policy: str | None = None,
        cost: _Cost | None = None,
        idle: int | None = 900,
        clock: ManualClock | None = None,
        anchor: _Path | None = None,
        pool: Executor | None = None,
    ) -> Self:
        return cls(
            await run(
                pool,
                _Cabinet.create,
                url,
                passphrase,
                issuer=issuer,
                key=key,
                policy=policy,
                cost=cost,
                idle=idle,
                clock=clock,
                anchor=anchor,
            ),
            pool=pool,
        )

    @classmethod
    async def open(
        cls,
        url: str,
        passphrase: _Opener | None = None,
        *,
        key: Buffer | None = None,
        slot: int | None = None,
        idle: int | None = 900,
        clock: ManualClock | None = None,
        anchor: _Path | None = None,
        anchor_witnesses: str | None = None,
        pool: Executor | None = None,
    ) -> Self:
        return cls(
            await run(
                pool,
                _Cabinet.open,
                url,
                passphrase,
                key=key,
                slot=slot,
                idle=idle,
                clock=clock,
                anchor=anchor,
                anchor_witnesses=anchor_witnesses,
            ),
            pool=pool,
        )

    async def lock(self) -> None:
        return await run(self._pool, self.cabinet.lock)

    @property
    def locked(self) -> bool:
        return self.cabinet.locked

    @property
    def issuer(self) -> str:
        return self.cabinet.issuer

    @property
    def policy(self) -> str:
        return self.cabinet.policy

    @property
    def vault(self) -> Vault:
        return Vault(self.cabinet.vault, pool=self._pool)

    @property
    def factors(self) -> Factors:
        return Factors(self.cabinet.factors, pool=self._pool)

    @property
    def devices(self) -> Devices:
        return Devices(self.cabinet.devices, pool=self._pool)

    @property
    def notices(self) -> Notices:
        return Notices(self.cabinet.notices, pool=self._pool)

    @property
    def operations(self) -> Operations:
        return Operations(self.cabinet.operations, pool=self._pool)

    async def register(self, login: str, password: _Password, /) -> Account:
        return await run(self._pool, self.cabinet.register, login, password)

    async def begin_login(
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
    ) -> Challenge | Enrolment:
        begin = self.cabinet.begin_login
        return await run(
            self._pool, begin, login, password, client=client, device=device, by=by, address=address, language=language
        )

    async def begin_login_by_phone(
        self, phone: str, /, *, client: str = "", device: str | None = None, address: str | None = None, language: str = ""
    ) -> Challenge:
        begin = self.cabinet.begin_login_by_phone
        return await run(self._pool, begin, phone, client=client, device=device, address=address, language=language)

    async def begin_enrolment(self, login: str, password: _Password, /) -> Enrolment:
        return await run(self._pool, self.cabinet.begin_enrolment, login, password)

    async def offer_generator(self, enrolment: Enrolment, /) -> Offer:
        return await run(self._pool, self.cabinet.offer_generator, enrolment)

    async def confirm_generator(self, enrolment: Enrolment, code: str, /) -> None:
        return await run(self._pool, self.cabinet.confirm_generator, enrolment, code)

    async def log_in(
        self, login: str, password: _Password, code: str, /, *, address: str | None = None
    ) -> Session:
        return await run(self._pool, self.cabinet.log_in, login, password, code, address=address)

    async def request_id(self) -> str:
        return await run(self._pool, self.cabinet.request_id)

    async def answer(self, challenge: Challenge, code: str, /, *, request: str | None = None) -> Session:
        return await run(self._pool, self.cabinet.answer, challenge, code, request=request)

    async def begin_again(self, session: Session, /) -> Challenge:
        return await run(self._pool, self.cabinet.begin_again, session)

    async def answer_again(
        self, session: Session, challenge: Challenge, code: str, /, *, request: str | None = None
    ) -> Session:
        return await run(self._pool, self.cabinet.answer_again, session, challenge, code, request=request)

    async def session(self, id: str, /, *, address: str | None = None) -> Session:
        return await run(self._pool, self.cabinet.session, id, address=address)

    async def sessions(self, session: Session, /) -> list[Session]:
        return await run(self._pool, self.cabinet.sessions, session)

    async def log_out(self, session: Session, reason: str = "logged out", /) -> None:
        return await run(self._pool, self.cabinet.log_out, session, reason)

    async def end_sessions(self, session: Session, /, *, all: bool = False) -> None:
        return await run(self._pool, self.cabinet.end_sessions, session, all=all)

    async def account(self, session: Session, /) -> Account:
        return await run(self._pool, self.cabinet.account, session)

    async def change_password(self, session: Session, old: _Password, new: _Password, /) -> None:
        return await run(self._pool, self.cabinet.change_password, session, old, new)

    async def password_due(self, session: Session, /) -> int | None:
        return await run(self._pool, self.cabinet.password_due, session)

    async def new_recovery_codes(self, session: Session, /) -> list[str]:
        return await told_once(self._pool, self.cabinet.new_recovery_codes, session)

    async def recover(
        self, login: str, password: _Password, code: str, /, *, address: str | None = None
    ) -> Enrolment:
        return await told_once(self._pool, self.cabinet.recover, login, password, code, address=address)

    async def resume_generator(self, login: str, reason: str, /) -> None:
        return await run(self._pool, self.cabinet.resume_generator, login, reason)

    async def issue_token(self, session: Session, *, audience: str) -> str:
        return await run(self._pool, self.cabinet.issue_token, session, audience=audience)

    async def verify_token(self, token: str, *, audience: str, address: str | None = None) -> Session:
        return await run(self._pool, self.cabinet.verify_token, token, audience=audience, address=address)

    async def jwks(self) -> str:
        return await run(self._pool, self.cabinet.jwks)

    async def sign(self, session: Session, document: Buffer, name: str, /) -> SignedDocument:
        return await run(self._pool, self.cabinet.sign, session, document, name)

    async def history(self, session: Session, /, *, limit: int = 50, after: str | None = None) -> list[Entry]:
        return await run(self._pool, self.cabinet.history, session, limit=limit, after=after)

    async def history_of(self, login: str, /, *, limit: int = 50, after: str | None = None) -> list[Entry]:
        return await run(self._pool, self.cabinet.history_of, login, limit=limit, after=after)

    async def prove(self, session: Session, entry: str, /) -> str:
        return await run(self._pool, self.cabinet.prove, session, entry)

    async def integrate(self) -> int:
        return await run(self._pool, self.cabinet.integrate)

    async def checkpoint(self) -> str:
        return await run(self._pool, self.cabinet.checkpoint)

    async def log_key(self) -> str:
        return await run(self._pool, self.cabinet.log_key)

    async def journal(self, first: int = 0, *, limit: int = 100) -> list[Entry]:
        return await run(self._pool, self.cabinet.journal, first, limit=limit)

    async def audit(self) -> Report:
        return await run(self._pool, self.cabinet.audit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not in the pool, which may be full, or closed: whoever leaves the block leaves nothing open, cancelled or not.
        self.cabinet.lock()
