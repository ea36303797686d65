"""Errors: a class for every number of ``docs/errors.md``, in families.

``except zamok.errors.Rejected`` catches a failed check, ``except zamok.errors.StoreError`` whatever a store may report,
``except zamok.errors.ZamokError`` all of them. ``error.code`` is the number, which C and the program ``zamok`` share; it never
changes its meaning. Messages hold no secret.
"""

from __future__ import annotations

from typing import ClassVar


class ZamokError(Exception):
    """Whatever Zamok reports. ``code`` is its number in ``docs/errors.md``; 0 for families."""

    code: ClassVar[int] = 0


class NaiveDatetime(TypeError, ValueError):
    """A ``datetime`` without a zone was given as a time: which moment it means, nobody can know."""


class MisuseError(ZamokError, ValueError):
    """Something was given that cannot be: 200 to 299. Also a `ValueError`."""


class UriError(MisuseError):
    """An `otpauth://` URI that cannot be used."""


class OcraError(MisuseError):
    """An OCRA suite, or inputs that do not fit it."""


class KeyFault(ZamokError):
    """A key that cannot do what was asked: 300 to 399."""


class VaultError(ZamokError):
    """The vault cannot be opened, or not be used so: 400 to 499."""


class TokenError(VaultError):
    """A PKCS#11 token that could not do its part."""


class ShareError(VaultError):
    """Shares of a key that cannot be made or put together."""


class BackupError(VaultError):
    """A backup that cannot be made, read or restored."""


class JournalError(VaultError):
    """The journal does not show what was asked, or does not extend what it was."""


class StoreError(ZamokError):
    """The store could not do its part; nothing was granted."""


class CabinetError(ZamokError):
    """Something that accounts, factors, sessions or operations do not allow: 600 to 699."""


class Rejected(ZamokError):
    """Tell the person that it did not match, and no more. The journal knows why (`zamok why`)."""

    code = 100

    def __str__(self) -> str:
        return super().__str__() or "rejected"


class Refused(ZamokError):
    """Somebody altered the store, or a row was lost. Stop, keep the store as it is, run the audit, restore."""

    code = 101


class Digits(MisuseError):
    """Ask for 6 to 10 digits."""

    code = 201


class PeriodZero(MisuseError):
    """Use a time step of at least one second."""

    code = 202


class SecretTooShort(MisuseError):
    """Use a secret of at least 16 bytes, or name the risk with the function that accepts weak ones."""

    code = 203


class SecretTooLong(MisuseError):
    """Use a secret of at most 128 bytes."""

    code = 204


class CodeLength(MisuseError):
    """Show the person how many characters belong there."""

    code = 205


class CodeCharacter(MisuseError):
    """Show the person the character at that position, counted from 0."""

    code = 206

    position: int = 0
    """The place of the first character that does not belong, from 0."""


class CounterExhausted(MisuseError):
    """Enrol a new key."""

    code = 207


class WindowTooWide(MisuseError):
    """Ask for a smaller window."""

    code = 208


class TimeBeforeT0(MisuseError):
    """Check the clock, and the T0 of the key."""

    code = 209


class Base32(MisuseError):
    """Show the person the character at that position, counted from 0."""

    code = 210

    position: int = 0
    """The place of the first character that does not belong, from 0."""


class Randomness(MisuseError):
    """Find out why the operating system gives no randomness; nothing was made."""

    code = 211


class UriScheme(UriError):
    """Scan the enrolment code again."""

    code = 220


class UriType(UriError):
    """Ask the issuer for a TOTP or HOTP key."""

    code = 221


class UriEncoding(UriError):
    """Ask the issuer for a valid URI."""

    code = 222


class UriSecretMissing(UriError):
    """Ask the issuer for a valid URI."""

    code = 223


class UriAlgorithm(UriError):
    """Ask the issuer for SHA-1, SHA-256 or SHA-512."""

    code = 224


class UriNumber(UriError):
    """Ask the issuer for a valid URI."""

    code = 225


class UriCounterMissing(UriError):
    """Ask the issuer for the counter."""

    code = 226


class UriConflict(UriError):
    """Ask the issuer which value is meant."""

    code = 227


class UriTooLong(UriError):
    """Use a shorter label."""

    code = 228


class UriT0(UriError):
    """Count from 1970, or hand the key over in another format."""

    code = 229


class UriLabel(UriError):
    """Use a plain issuer and account."""

    code = 230


class UriParameter(UriError):
    """Read the URI tolerantly, or ask the issuer for a valid one."""

    code = 231


class OcraVersion(OcraError):
    """Use a suite after RFC 6287 §6."""

    code = 240


class OcraCryptoFunction(OcraError):
    """Use a suite after RFC 6287 §6.2."""

    code = 241


class OcraDataInput(OcraError):
    """Use a suite after RFC 6287 §6.3."""

    code = 242


class OcraMissing(OcraError):
    """Give every input that the suite names."""

    code = 243


class OcraSurplus(OcraError):
    """Give only the inputs that the suite names."""

    code = 244


class OcraQuestionLength(OcraError):
    """Ask a question of the suite's length."""

    code = 245


class OcraQuestionCharacter(OcraError):
    """Ask a question of the suite's format."""

    code = 246


class OcraPasswordLength(OcraError):
    """Hash the password with the suite's hash."""

    code = 247


class OcraSessionLength(OcraError):
    """Give shorter session data, or use another suite."""

    code = 248


class OcraMode(OcraError):
    """Sign without session data (RFC 6287 §7.3)."""

    code = 249


class UnknownKey(KeyFault):
    """Check the key's id. A row that was deleted looks the same."""

    code = 301


class KeyKind(KeyFault):
    """Use a key of the kind that the operation needs."""

    code = 302


class KeyUsage(KeyFault):
    """Use a key that was made for this; a secret that was shown once is not shown again."""

    code = 303


class KeyPurpose(KeyFault):
    """Use a key of this purpose."""

    code = 304


class KeyState(KeyFault):
    """Activate or resume the key, or use another."""

    code = 305


class TooLong(KeyFault):
    """Give less."""

    code = 306


class KeyMechanism(KeyFault):
    """Use a mechanism that the key allows: `zamok keys show` lists them."""

    code = 307


class KeyWidened(KeyFault):
    """Make a new key."""

    code = 308


class KeyNotWrappable(KeyFault):
    """Make a wrappable key, before it holds anything."""

    code = 309


class KeyNotTrusted(KeyFault):
    """Have the officer mark it as trusted, or use another."""

    code = 310


class KeyTooWeak(KeyFault):
    """Use a stronger wrapping key."""

    code = 311


class KeyNotValid(KeyFault):
    """Check the clock; make another key: a new version ends when the one before would have."""

    code = 312


class KeyFixed(KeyFault):
    """Nothing: it was made so on purpose."""

    code = 313


class KeyUnauthorised(KeyFault):
    """Ask for the secret again, for this one use."""

    code = 314


class KeyMaterial(KeyFault):
    """Check the file and the kind."""

    code = 315


class KeyUnsupported(KeyFault):
    """Use a build with the feature."""

    code = 316


class SelfTest(KeyFault):
    """Stop using this machine or build; nothing was computed with a key."""

    code = 317


class KeyExhausted(KeyFault):
    """Rotate the key, or use XAES-256-GCM."""

    code = 318


class Locked(VaultError):
    """Unlock the vault; after a fork the child unlocks for itself."""

    code = 401


class UnlockNotBefore(VaultError):
    """Wait until then."""

    code = 402

    until: int = 0
    """When to try again, in seconds since 1970."""


class SlotDisabled(VaultError):
    """Have the officer reset this way in."""

    code = 403


class VaultExists(VaultError):
    """Open it, or choose another place."""

    code = 404


class NoVault(VaultError):
    """Create a vault, or check the place."""

    code = 405


class Format(VaultError):
    """Use a program that knows this version. A flipped byte can look the same."""

    code = 406


class Role(VaultError):
    """Open the vault in a role that may do it (`docs/formats/slot.md`, "Roles")."""

    code = 407


class NoSlot(VaultError):
    """List the slots."""

    code = 408


class LastSlot(VaultError):
    """Add another one first."""

    code = 409


class SlotsFull(VaultError):
    """Remove a slot; after 255 in the life of a vault, move it to a new one."""

    code = 410


class SlotMethod(VaultError):
    """List the slots, and give the sort of secret that one asks for."""

    code = 411


class NoDataKey(VaultError):
    """List the data keys."""

    code = 412


class DataKeyInUse(VaultError):
    """Rewrap, and wait until every process has learned of the newer key."""

    code = 413


class PutBack(VaultError):
    """Stop, keep the store as it is, run the audit, restore."""

    code = 414


class TokenFailed(TokenError):
    """Look into the log for the code of PKCS#11; try the token with a program of its maker."""

    code = 415


class TokenModule(TokenError):
    """Name the module's file by its whole path."""

    code = 416


class TokenAbsent(TokenError):
    """Put the token in, and compare the URI with what it calls itself."""

    code = 417


class TokenAmbiguous(TokenError):
    """Add the token's serial number, or the key's id, to the URI."""

    code = 418


class TokenNoKey(TokenError):
    """Check the label or the id of the key."""

    code = 419


class TokenPin(TokenError):
    """Type it again; a token counts wrong PINs too, and locks."""

    code = 420


class TokenPinLocked(TokenError):
    """The token's security officer sets a new PIN with a program of its maker."""

    code = 421


class TokenPinUnset(TokenError):
    """Set it with a program of the token's maker, or give it."""

    code = 422


class TokenKeyUnfit(TokenError):
    """Make a generic secret key that signs, is sensitive and is not extractable."""

    code = 423


class TokenKeyExists(TokenError):
    """Use it, or choose another name."""

    code = 424


class TokenUri(TokenError):
    """Write it as RFC 7512 has it."""

    code = 425


class ShareLength(ShareError):
    """Compare it with what was written down: something is missing or double."""

    code = 430


class ShareLine(ShareError):
    """Compare this line with what was written down."""

    code = 431


class ShareFew(ShareError):
    """Bring more holders of shares together."""

    code = 432


class ShareMixed(ShareError):
    """Give shares that were made together, for this vault."""

    code = 433


class ShareTwice(ShareError):
    """Give another share."""

    code = 434


class ShareSplit(ShareError):
    """Choose other numbers."""

    code = 435


class RowStays(VaultError):
    """Empty the row; see `docs/formats/tables.md`, "The life of rows"."""

    code = 436


class BackupFile(BackupError):
    """Check the place, the rights and the room."""

    code = 440


class BackupForeign(BackupError):
    """Check the file."""

    code = 441


class BackupDamaged(BackupError):
    """Take another backup; this one is not to be trusted."""

    code = 442


class BackupNotEmpty(BackupError):
    """Name a store that does not exist yet."""

    code = 443


class BackupNoSnapshot(BackupError):
    """Use a store that does."""

    code = 444


class BackupUnfinished(BackupError):
    """Run the restore or the move again; it goes on."""

    code = 445


class BackupMoved(BackupError):
    """Open the store to which it was moved."""

    code = 446


class BackupChanged(BackupError):
    """End every process that has the old store open, remove the new store, then move again."""

    code = 447


class LogForked(JournalError):
    """Stop. Keep the store, the anchor and the witnesses' evidence; whoever wrote this held the vault's keys."""

    code = 450


class LogBehind(JournalError):
    """An older copy of the store was opened. Find the newer one; if it is lost, restore, which begins a new log."""

    code = 451


class Uncovered(JournalError):
    """Wait for the next checkpoint, or sign one."""

    code = 452


class Unwitnessed(JournalError):
    """Ask the witnesses again; do not rely on the entry before."""

    code = 453


class AnchorMissing(JournalError):
    """Name the anchor that the vault was given; where it is lost, begin another one (`docs/operations.md`, "The
    anchor").
    """

    code = 454


class Busy(ZamokError):
    """Try again."""

    code = 501


class Capped(ZamokError):
    """Wait until the budget's time is over, or raise it."""

    code = 502


class StoreUnlocked(StoreError):
    """Close the store; find what else in this process opens its file (another copy of SQLite, a copying program); run
    `zamok store check`.
    """

    code = 503


class StoreExists(StoreError):
    """Name another place: nothing is ever replaced."""

    code = 504


class StoreServer(StoreError):
    """Bring the database server up to date."""

    code = 506


class StoreStandby(StoreError):
    """Name the primary, or all hosts: the one that may be written is taken."""

    code = 507


class StoreUntrusted(StoreError):
    """Check the name of the host and the root certificates; somebody may stand in between."""

    code = 508


class StoreUnavailable(StoreError):
    """Try again once the store is back. Nothing was written."""

    code = 510


class StoreOutcomeUnknown(StoreError):
    """Tell nobody anything; read again before trying again."""

    code = 511


class StoreCorrupt(StoreError):
    """Restore from a backup."""

    code = 512


class StoreFull(StoreError):
    """Make room. Nothing was written."""

    code = 513


class StoreReadOnly(StoreError):
    """Open the store for writing."""

    code = 514


class StoreGone(StoreError):
    """Find out who removed it, then open it again."""

    code = 515


class StoreMissing(StoreError):
    """Check the place, or create the store."""

    code = 516


class StoreDenied(StoreError):
    """Check the owner and the rights of the place."""

    code = 517


class StoreContended(StoreError):
    """Try again; end what holds the store. Nothing was written."""

    code = 518


class StoreLayout(StoreError):
    """Use a program that knows this layout."""

    code = 519


class StoreNotDurable(StoreError):
    """Set the store to flush every commit. A SQLite file: on a disk of this machine, and under one name (no hard link; mount its folder, not the file)."""

    code = 520


class StoreUrl(StoreError):
    """Use a URL that begins as the documentation says."""

    code = 521


class StoreForeign(StoreError):
    """Check the place: something else lies there."""

    code = 522


class LoginUnusable(CabinetError):
    """Show the person what a login may hold."""

    code = 601


class LoginTaken(CabinetError):
    """Ask for another login."""

    code = 602


class PasswordTooShort(CabinetError):
    """Ask for a longer password."""

    code = 603


class PasswordTooLong(CabinetError):
    """Ask for a shorter password."""

    code = 604


class PasswordClasses(CabinetError):
    """Ask for another password."""

    code = 605


class PasswordUnusable(CabinetError):
    """Ask for another password."""

    code = 606


class FactorExists(CabinetError):
    """Go on with the one that is there, or remove it first. From `begin_enrolment` also for an account that has lost its last factor: recovery, or the desk (`let_enrol`)."""

    code = 607


class NothingOffered(CabinetError):
    """Begin an enrolment and offer a generator, then confirm it."""

    code = 608


class SessionEnded(CabinetError):
    """Have the person log in again."""

    code = 609


class IssuerUnusable(CabinetError):
    """Use a plain name."""

    code = 610


class PolicyUnsound(CabinetError):
    """Correct the policy: `zamok policy` tells what is wrong."""

    code = 611


class PasswordWeak(CabinetError):
    """Ask for another password."""

    code = 612


class HashUnknown(CabinetError):
    """Export it in a form that is known."""

    code = 613


class ContactUnusable(CabinetError):
    """Show the person how a number or an address is written."""

    code = 614


class ContactTaken(CabinetError):
    """Find out whose it is."""

    code = 615


class NotAllowed(CabinetError):
    """Give the account the role, or ask somebody who has it."""

    code = 616


class OutsideLimits(CabinetError):
    """Come back within the limits of the account."""

    code = 617


class AccountState(CabinetError):
    """Look at the state of the account."""

    code = 618


class PowerUnusable(CabinetError):
    """Look at the terms of the power."""

    code = 619


class TooMany(CabinetError):
    """Remove one first."""

    code = 620


class MethodUnavailable(CabinetError):
    """Ask for a factor that the account has."""

    code = 650


class MethodTooWeak(CabinetError):
    """Ask for the strongest factor."""

    code = 651


class ResendTooSoon(CabinetError):
    """Wait so long."""

    code = 652

    seconds: int = 0
    """Seconds to wait."""


class SupportNeeded(CabinetError):
    """Have the person turn to support."""

    code = 653


class TooManyMessages(CabinetError):
    """Wait."""

    code = 654


class FreshAuthenticationNeeded(CabinetError):
    """Have the person show a factor again."""

    code = 655


class TooManyDevices(CabinetError):
    """Remove a device first."""

    code = 656


class DeviceUnknown(CabinetError):
    """List the devices."""

    code = 657


class OperationUnusable(CabinetError):
    """Correct the template or its values."""

    code = 658


class OperationTaken(CabinetError):
    """Draw a new id."""

    code = 659


class OperationUnknown(CabinetError):
    """Check the id."""

    code = 660


class OperationOver(CabinetError):
    """Propose it anew, under a new id."""

    code = 661


class OperationNotConfirmed(CabinetError):
    """Have it confirmed first."""

    code = 662


class ApprovalPending(CabinetError):
    """Show the number, and ask again."""

    code = 663


class OldChannelNeeded(CabinetError):
    """Have the old channel agree: `Factors.agree`."""

    code = 664


class LastFactor(CabinetError):
    """Have the person add another factor first."""

    code = 665


class PinUnusable(CabinetError):
    """Show the person the rule."""

    code = 666


class PublicKeyUnusable(CabinetError):
    """Give a SubjectPublicKeyInfo in DER on P-256."""

    code = 667


class NoticeUnusable(CabinetError):
    """Give it a text, a title of one line, and a link that begins with https://."""

    code = 680


class PreferencesUnusable(CabinetError):
    """Leave security messages on, and name a language by its tag."""

    code = 681


class SubscriptionUnusable(CabinetError):
    """Have the device subscribe again."""

    code = 682


BY_CODE: dict[int, type[ZamokError]] = {
    found.code: found
    for found in list(globals().values())
    if isinstance(found, type) and issubclass(found, ZamokError) and found.code
}
"""The class of each number."""
