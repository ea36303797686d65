//! The status codes: made by `cargo xtask header` from `docs/errors.md`. Change that page, not this file.

use crate::zamok_status;

/// It was done.
pub const ZAMOK_OK: zamok_status = 0;
/// Rejected.
pub const ZAMOK_E_REJECTED: zamok_status = 100;
/// The data failed its authentication: it was altered, moved, or belongs to another vault.
pub const ZAMOK_E_REFUSED: zamok_status = 101;
/// A code has 6 to 10 digits.
pub const ZAMOK_E_DIGITS: zamok_status = 201;
/// A time step of 0 seconds does not advance.
pub const ZAMOK_E_PERIOD_ZERO: zamok_status = 202;
/// A secret is below the 16 bytes that RFC 4226 requires.
pub const ZAMOK_E_SECRET_TOO_SHORT: zamok_status = 203;
/// A secret exceeds the limit of 128 bytes.
pub const ZAMOK_E_SECRET_TOO_LONG: zamok_status = 204;
/// A code has another number of characters than belong there.
pub const ZAMOK_E_CODE_LENGTH: zamok_status = 205;
/// A character does not belong in a code.
pub const ZAMOK_E_CODE_CHARACTER: zamok_status = 206;
/// The counter is exhausted.
pub const ZAMOK_E_COUNTER_EXHAUSTED: zamok_status = 207;
/// A window exceeds the limit of 128 steps.
pub const ZAMOK_E_WINDOW_TOO_WIDE: zamok_status = 208;
/// The time lies before the T0 of the key.
pub const ZAMOK_E_TIME_BEFORE_T0: zamok_status = 209;
/// A character is not base32.
pub const ZAMOK_E_BASE32: zamok_status = 210;
/// No randomness was to be had.
pub const ZAMOK_E_RANDOMNESS: zamok_status = 211;
/// Otpauth URI: it does not begin with otpauth://.
pub const ZAMOK_E_URI_SCHEME: zamok_status = 220;
/// Otpauth URI: the type is neither hotp nor totp.
pub const ZAMOK_E_URI_TYPE: zamok_status = 221;
/// Otpauth URI: the label or a value is not percent-encoded UTF-8.
pub const ZAMOK_E_URI_ENCODING: zamok_status = 222;
/// Otpauth URI: the secret is missing.
pub const ZAMOK_E_URI_SECRET_MISSING: zamok_status = 223;
/// Otpauth URI: the algorithm is not SHA1, SHA256 or SHA512.
pub const ZAMOK_E_URI_ALGORITHM: zamok_status = 224;
/// Otpauth URI: digits, period or counter is not a number in range.
pub const ZAMOK_E_URI_NUMBER: zamok_status = 225;
/// Otpauth URI: the counter of an HOTP key is missing.
pub const ZAMOK_E_URI_COUNTER_MISSING: zamok_status = 226;
/// Otpauth URI: a parameter is given twice, or the issuers disagree.
pub const ZAMOK_E_URI_CONFLICT: zamok_status = 227;
/// Otpauth URI: it is longer than 4096 bytes.
pub const ZAMOK_E_URI_TOO_LONG: zamok_status = 228;
/// Otpauth URI: a T0 other than 1970 cannot be written in it.
pub const ZAMOK_E_URI_T0: zamok_status = 229;
/// Otpauth URI: the issuer or account is empty or holds a colon, control characters or outer blanks.
pub const ZAMOK_E_URI_LABEL: zamok_status = 230;
/// Otpauth URI: a parameter is unknown or does not belong to the type.
pub const ZAMOK_E_URI_PARAMETER: zamok_status = 231;
/// OCRA: the suite does not begin with OCRA-1: or is longer than 64 bytes.
pub const ZAMOK_E_OCRA_VERSION: zamok_status = 240;
/// OCRA: the crypto function is none that is known.
pub const ZAMOK_E_OCRA_CRYPTO_FUNCTION: zamok_status = 241;
/// OCRA: the data input is not [C-]Qfxx[-PSHAn][-Snnn][-Tnu].
pub const ZAMOK_E_OCRA_DATA_INPUT: zamok_status = 242;
/// OCRA: an input that the suite names is missing.
pub const ZAMOK_E_OCRA_MISSING: zamok_status = 243;
/// OCRA: an input is given that the suite does not name.
pub const ZAMOK_E_OCRA_SURPLUS: zamok_status = 244;
/// OCRA: a question is empty or longer than the suite allows.
pub const ZAMOK_E_OCRA_QUESTION_LENGTH: zamok_status = 245;
/// OCRA: a question holds a character that is not of the suite's format.
pub const ZAMOK_E_OCRA_QUESTION_CHARACTER: zamok_status = 246;
/// OCRA: the digest of the password has the wrong length.
pub const ZAMOK_E_OCRA_PASSWORD_LENGTH: zamok_status = 247;
/// OCRA: the session data is longer than the suite allows.
pub const ZAMOK_E_OCRA_SESSION_LENGTH: zamok_status = 248;
/// OCRA: a signature takes no session data.
pub const ZAMOK_E_OCRA_MODE: zamok_status = 249;
/// No such key.
pub const ZAMOK_E_UNKNOWN_KEY: zamok_status = 301;
/// The key is of another kind than the mechanism needs.
pub const ZAMOK_E_KEY_KIND: zamok_status = 302;
/// The key's usage does not allow this operation.
pub const ZAMOK_E_KEY_USAGE: zamok_status = 303;
/// The key serves another purpose.
pub const ZAMOK_E_KEY_PURPOSE: zamok_status = 304;
/// The state of the key does not allow this operation.
pub const ZAMOK_E_KEY_STATE: zamok_status = 305;
/// What was given exceeds its limit.
pub const ZAMOK_E_TOO_LONG: zamok_status = 306;
/// The key does not allow this mechanism.
pub const ZAMOK_E_KEY_MECHANISM: zamok_status = 307;
/// Attributes of a key can be taken away, never given back.
pub const ZAMOK_E_KEY_WIDENED: zamok_status = 308;
/// The key may not leave the vault, not even wrapped.
pub const ZAMOK_E_KEY_NOT_WRAPPABLE: zamok_status = 309;
/// The wrapping key was not marked as trusted.
pub const ZAMOK_E_KEY_NOT_TRUSTED: zamok_status = 310;
/// The wrapping key is weaker than the key that it would protect.
pub const ZAMOK_E_KEY_TOO_WEAK: zamok_status = 311;
/// The key is used outside of the time for which it was made.
pub const ZAMOK_E_KEY_NOT_VALID: zamok_status = 312;
/// The key was made so that this cannot be done to it.
pub const ZAMOK_E_KEY_FIXED: zamok_status = 313;
/// Each use of the key needs an authorisation of its own.
pub const ZAMOK_E_KEY_UNAUTHORISED: zamok_status = 314;
/// What was given is no key of this kind.
pub const ZAMOK_E_KEY_MATERIAL: zamok_status = 315;
/// This build does not compute with keys of this kind.
pub const ZAMOK_E_KEY_UNSUPPORTED: zamok_status = 316;
/// A self-test failed: the vault is closed.
pub const ZAMOK_E_SELF_TEST: zamok_status = 317;
/// The key has sealed as many messages as its mechanism bears.
pub const ZAMOK_E_KEY_EXHAUSTED: zamok_status = 318;
/// The vault is locked.
pub const ZAMOK_E_LOCKED: zamok_status = 401;
/// Unlocking is delayed after failed attempts.
pub const ZAMOK_E_UNLOCK_NOT_BEFORE: zamok_status = 402;
/// This way of unlocking was disabled after too many failed attempts.
pub const ZAMOK_E_SLOT_DISABLED: zamok_status = 403;
/// The store already holds a vault.
pub const ZAMOK_E_VAULT_EXISTS: zamok_status = 404;
/// The store holds no vault: create one first.
pub const ZAMOK_E_NO_VAULT: zamok_status = 405;
/// The format has a version that this library does not know.
pub const ZAMOK_E_FORMAT: zamok_status = 406;
/// The role in which the vault was opened does not allow this.
pub const ZAMOK_E_ROLE: zamok_status = 407;
/// The vault has no such slot.
pub const ZAMOK_E_NO_SLOT: zamok_status = 408;
/// A vault keeps at least one officer: this is the last.
pub const ZAMOK_E_LAST_SLOT: zamok_status = 409;
/// The vault has no room for another slot.
pub const ZAMOK_E_SLOTS_FULL: zamok_status = 410;
/// No slot of the vault is for this role and this sort of secret.
pub const ZAMOK_E_SLOT_METHOD: zamok_status = 411;
/// The vault has no such data key.
pub const ZAMOK_E_NO_DATA_KEY: zamok_status = 412;
/// The data key is still in use.
pub const ZAMOK_E_DATA_KEY_IN_USE: zamok_status = 413;
/// A row is older than it was before: the store was put back.
pub const ZAMOK_E_PUT_BACK: zamok_status = 414;
/// Token: it failed.
pub const ZAMOK_E_TOKEN_FAILED: zamok_status = 415;
/// Token: its module cannot be loaded.
pub const ZAMOK_E_TOKEN_MODULE: zamok_status = 416;
/// Token: no such token is there.
pub const ZAMOK_E_TOKEN_ABSENT: zamok_status = 417;
/// Token: several tokens or keys fit: say more of the one that is meant.
pub const ZAMOK_E_TOKEN_AMBIGUOUS: zamok_status = 418;
/// Token: it has no such key.
pub const ZAMOK_E_TOKEN_NO_KEY: zamok_status = 419;
/// Token: its PIN is wrong.
pub const ZAMOK_E_TOKEN_PIN: zamok_status = 420;
/// Token: its PIN is locked.
pub const ZAMOK_E_TOKEN_PIN_LOCKED: zamok_status = 421;
/// Token: its PIN was not set, has to be changed, or was not given.
pub const ZAMOK_E_TOKEN_PIN_UNSET: zamok_status = 422;
/// Token: the key computes no HMAC-SHA-256, or could leave the token.
pub const ZAMOK_E_TOKEN_KEY_UNFIT: zamok_status = 423;
/// Token: it has a key of this name already.
pub const ZAMOK_E_TOKEN_KEY_EXISTS: zamok_status = 424;
/// Token: the URI cannot be used.
pub const ZAMOK_E_TOKEN_URI: zamok_status = 425;
/// Share: characters are missing, or there are too many.
pub const ZAMOK_E_SHARE_LENGTH: zamok_status = 430;
/// Share: a line was copied wrongly, or belongs to another share.
pub const ZAMOK_E_SHARE_LINE: zamok_status = 431;
/// Share: more shares are needed.
pub const ZAMOK_E_SHARE_FEW: zamok_status = 432;
/// Share: they are of different sets, or of another vault.
pub const ZAMOK_E_SHARE_MIXED: zamok_status = 433;
/// Share: one was given twice.
pub const ZAMOK_E_SHARE_TWICE: zamok_status = 434;
/// Share: so many of so many cannot be made.
pub const ZAMOK_E_SHARE_SPLIT: zamok_status = 435;
/// Rows of this table are emptied, never deleted.
pub const ZAMOK_E_ROW_STAYS: zamok_status = 436;
/// Backup: the file cannot be read or written.
pub const ZAMOK_E_BACKUP_FILE: zamok_status = 440;
/// Backup: the file is no backup of Zamok.
pub const ZAMOK_E_BACKUP_FOREIGN: zamok_status = 441;
/// Backup: the file was cut or altered.
pub const ZAMOK_E_BACKUP_DAMAGED: zamok_status = 442;
/// Backup: the target is not empty: restore into a new store.
pub const ZAMOK_E_BACKUP_NOT_EMPTY: zamok_status = 443;
/// Backup: this sort of store gives no view of one moment.
pub const ZAMOK_E_BACKUP_NO_SNAPSHOT: zamok_status = 444;
/// Backup: the store was not filled to the end: run the same command again.
pub const ZAMOK_E_BACKUP_UNFINISHED: zamok_status = 445;
/// Backup: the vault has moved to another store.
pub const ZAMOK_E_BACKUP_MOVED: zamok_status = 446;
/// Backup: the store that is left was written to meanwhile: end everything that has it open.
pub const ZAMOK_E_BACKUP_CHANGED: zamok_status = 447;
/// The journal does not extend what was signed or anchored before: it was rewritten.
pub const ZAMOK_E_LOG_FORKED: zamok_status = 450;
/// The journal has fewer entries than were signed or anchored: the store was put back.
pub const ZAMOK_E_LOG_BEHIND: zamok_status = 451;
/// No signed checkpoint covers the entry yet.
pub const ZAMOK_E_UNCOVERED: zamok_status = 452;
/// Too few witnesses have cosigned the checkpoint.
pub const ZAMOK_E_UNWITNESSED: zamok_status = 453;
/// This vault opens only with its anchor, which was not named or is not there.
pub const ZAMOK_E_ANCHOR_MISSING: zamok_status = 454;
/// The same rows keep changing: nothing was done, try again.
pub const ZAMOK_E_BUSY: zamok_status = 501;
/// A budget is spent: nothing was done.
pub const ZAMOK_E_CAPPED: zamok_status = 502;
/// Store: other code in this process has taken its locks away.
pub const ZAMOK_E_STORE_UNLOCKED: zamok_status = 503;
/// Store: something is there already.
pub const ZAMOK_E_STORE_EXISTS: zamok_status = 504;
/// Store: the version of its server is too old.
pub const ZAMOK_E_STORE_SERVER: zamok_status = 506;
/// Store: its server is a standby, and only the primary may decide.
pub const ZAMOK_E_STORE_STANDBY: zamok_status = 507;
/// Store: its server did not prove who it is.
pub const ZAMOK_E_STORE_UNTRUSTED: zamok_status = 508;
/// Store: it cannot be reached.
pub const ZAMOK_E_STORE_UNAVAILABLE: zamok_status = 510;
/// Store: the outcome of a commit is unknown.
pub const ZAMOK_E_STORE_OUTCOME_UNKNOWN: zamok_status = 511;
/// Store: it is damaged: restore it from a backup.
pub const ZAMOK_E_STORE_CORRUPT: zamok_status = 512;
/// Store: there is no room left.
pub const ZAMOK_E_STORE_FULL: zamok_status = 513;
/// Store: it may only be read.
pub const ZAMOK_E_STORE_READ_ONLY: zamok_status = 514;
/// Store: it was removed or replaced while it was open.
pub const ZAMOK_E_STORE_GONE: zamok_status = 515;
/// Store: there is none at this place.
pub const ZAMOK_E_STORE_MISSING: zamok_status = 516;
/// Store: access is denied.
pub const ZAMOK_E_STORE_DENIED: zamok_status = 517;
/// Store: another process held it for too long.
pub const ZAMOK_E_STORE_CONTENDED: zamok_status = 518;
/// Store: its layout has a version that this library does not know.
pub const ZAMOK_E_STORE_LAYOUT: zamok_status = 519;
/// Store: its settings would lose acknowledged commits.
pub const ZAMOK_E_STORE_NOT_DURABLE: zamok_status = 520;
/// Store: the URL names no store that this program knows.
pub const ZAMOK_E_STORE_URL: zamok_status = 521;
/// Store: it is not a store of Zamok.
pub const ZAMOK_E_STORE_FOREIGN: zamok_status = 522;
/// This is not a usable login: use 1 to 128 letters, digits or signs without spaces.
pub const ZAMOK_E_LOGIN_UNUSABLE: zamok_status = 601;
/// This login is taken.
pub const ZAMOK_E_LOGIN_TAKEN: zamok_status = 602;
/// The password has too few characters.
pub const ZAMOK_E_PASSWORD_TOO_SHORT: zamok_status = 603;
/// The password is too long.
pub const ZAMOK_E_PASSWORD_TOO_LONG: zamok_status = 604;
/// The password needs upper and lower case, a digit and another character.
pub const ZAMOK_E_PASSWORD_CLASSES: zamok_status = 605;
/// The password has characters that cannot be typed everywhere.
pub const ZAMOK_E_PASSWORD_UNUSABLE: zamok_status = 606;
/// The account has a generator already.
pub const ZAMOK_E_FACTOR_EXISTS: zamok_status = 607;
/// Nothing is being enrolled: offer a generator first.
pub const ZAMOK_E_NOTHING_OFFERED: zamok_status = 608;
/// The session has ended: log in again.
pub const ZAMOK_E_SESSION_ENDED: zamok_status = 609;
/// This is not a usable name for a service: 1 to 128 bytes without a colon.
pub const ZAMOK_E_ISSUER_UNUSABLE: zamok_status = 610;
/// The policy is none that this program can go by.
pub const ZAMOK_E_POLICY_UNSOUND: zamok_status = 611;
/// The password is too easy to guess.
pub const ZAMOK_E_PASSWORD_WEAK: zamok_status = 612;
/// This is not the hash of a password in a form that is known.
pub const ZAMOK_E_HASH_UNKNOWN: zamok_status = 613;
/// This is neither a phone number nor an e-mail address.
pub const ZAMOK_E_CONTACT_UNUSABLE: zamok_status = 614;
/// Another account has this phone or address.
pub const ZAMOK_E_CONTACT_TAKEN: zamok_status = 615;
/// The account may not do this.
pub const ZAMOK_E_NOT_ALLOWED: zamok_status = 616;
/// The account may not act now, or from here.
pub const ZAMOK_E_OUTSIDE_LIMITS: zamok_status = 617;
/// The account is not in a state for this.
pub const ZAMOK_E_ACCOUNT_STATE: zamok_status = 618;
/// This power cannot be given, accepted or ended so.
pub const ZAMOK_E_POWER_UNUSABLE: zamok_status = 619;
/// There are as many as there may be.
pub const ZAMOK_E_TOO_MANY: zamok_status = 620;
/// The account has no factor of this kind.
pub const ZAMOK_E_METHOD_UNAVAILABLE: zamok_status = 650;
/// This needs the strongest factor of the account.
pub const ZAMOK_E_METHOD_TOO_WEAK: zamok_status = 651;
/// Another code cannot be sent yet.
pub const ZAMOK_E_RESEND_TOO_SOON: zamok_status = 652;
/// No code has arrived: turn to support.
pub const ZAMOK_E_SUPPORT_NEEDED: zamok_status = 653;
/// Too many messages were sent there: try again later.
pub const ZAMOK_E_TOO_MANY_MESSAGES: zamok_status = 654;
/// Show again who you are: the last authentication is too old for this.
pub const ZAMOK_E_FRESH_AUTHENTICATION_NEEDED: zamok_status = 655;
/// The account has as many known devices as it may: remove one.
pub const ZAMOK_E_TOO_MANY_DEVICES: zamok_status = 656;
/// The account has no such device.
pub const ZAMOK_E_DEVICE_UNKNOWN: zamok_status = 657;
/// The operation cannot be shown.
pub const ZAMOK_E_OPERATION_UNUSABLE: zamok_status = 658;
/// This id names another operation: draw a new one.
pub const ZAMOK_E_OPERATION_TAKEN: zamok_status = 659;
/// The account has no such operation.
pub const ZAMOK_E_OPERATION_UNKNOWN: zamok_status = 660;
/// The operation was executed or cancelled, or its time is over.
pub const ZAMOK_E_OPERATION_OVER: zamok_status = 661;
/// The operation is not confirmed as it stands.
pub const ZAMOK_E_OPERATION_NOT_CONFIRMED: zamok_status = 662;
/// The device has not approved yet.
pub const ZAMOK_E_APPROVAL_PENDING: zamok_status = 663;
/// The old channel has to agree first.
pub const ZAMOK_E_OLD_CHANNEL_NEEDED: zamok_status = 664;
/// The account would be left without a factor: add another one first.
pub const ZAMOK_E_LAST_FACTOR: zamok_status = 665;
/// This is not a usable PIN.
pub const ZAMOK_E_PIN_UNUSABLE: zamok_status = 666;
/// This is not a public key on P-256.
pub const ZAMOK_E_PUBLIC_KEY_UNUSABLE: zamok_status = 667;
/// This notice cannot be sent: it needs a text, a title of one line, an https link.
pub const ZAMOK_E_NOTICE_UNUSABLE: zamok_status = 680;
/// These preferences cannot be kept: security messages cannot be turned off.
pub const ZAMOK_E_PREFERENCES_UNUSABLE: zamok_status = 681;
/// This is not a push subscription.
pub const ZAMOK_E_SUBSCRIPTION_UNUSABLE: zamok_status = 682;
/// A pointer is null that must not be.
pub const ZAMOK_E_NULL_POINTER: zamok_status = 800;
/// The buffer is too small: the length that is needed was written.
pub const ZAMOK_E_BUFFER_TOO_SMALL: zamok_status = 801;
/// A text is not UTF-8.
pub const ZAMOK_E_NOT_UTF8: zamok_status = 802;
/// This is no live handle of the kind that belongs here, or no key that was made ready.
pub const ZAMOK_E_HANDLE: zamok_status = 803;
/// The size in front of a struct is not that of a version that is known.
pub const ZAMOK_E_STRUCT_SIZE: zamok_status = 804;
/// A length exceeds all memory.
pub const ZAMOK_E_LENGTH_TOO_GREAT: zamok_status = 805;
/// A number is none of those that belong here.
pub const ZAMOK_E_ARGUMENT: zamok_status = 806;
/// A fault inside the library: nothing was granted.
pub const ZAMOK_E_PANIC: zamok_status = 807;
/// There are as many open handles as there can be.
pub const ZAMOK_E_OUT_OF_HANDLES: zamok_status = 808;
/// The vault is there and open, and not kept by its anchor yet.
pub const ZAMOK_E_ANCHOR_UNWRITTEN: zamok_status = 809;
