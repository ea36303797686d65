//! What each number of the one table of errors is called here, its exit code, and the next step (`docs/errors.md`).

use super::Exit;

/// Number, name, exit code and next step of an error.
pub(super) fn known(code: u16) -> (u16, &'static str, Exit, &'static str) {
    KNOWN.iter().find(|known| known.0 == code).copied().unwrap_or((code, "other", Exit::Usage, ""))
}

const RESTORE: &str =
    "stop using this store, keep a copy of it, and restore a backup; `zamok doctor` names what does not fit";

/// Numbers, names, exit codes and next steps. Numbers and names are stable.
const KNOWN: &[(u16, &str, Exit, &str)] = &[
    (100, "rejected", Exit::Rejected, ""),
    (101, "refused", Exit::Altered, RESTORE),
    (201, "digits", Exit::Usage, ""),
    (202, "period-zero", Exit::Usage, "a time step lasts at least a second"),
    (
        203,
        "secret-too-short",
        Exit::Usage,
        "take another secret, or name the risk with --accept-guessable where that is offered",
    ),
    (204, "secret-too-long", Exit::Usage, ""),
    (205, "code-length", Exit::Usage, ""),
    (206, "code-character", Exit::Usage, ""),
    (207, "counter-exhausted", Exit::Usage, "enrol a new key"),
    (208, "window-too-wide", Exit::Usage, "a narrower window is enough, and safer"),
    (209, "time-before-t0", Exit::Usage, "check the clock, and the T0 of the key"),
    (
        210,
        "base32",
        Exit::Usage,
        "compare the secret with what was handed out; hexadecimal digits are read with --encoding hex",
    ),
    (211, "randomness", Exit::Again, "the operating system gave no randomness; try again"),
    (220, "uri-scheme", Exit::Usage, "give the text of the QR code: it begins with otpauth://"),
    (221, "uri-type", Exit::Usage, "ask the issuer for a TOTP or HOTP key"),
    (222, "uri-encoding", Exit::Usage, "ask the issuer for a valid URI"),
    (223, "uri-secret-missing", Exit::Usage, "ask the issuer for a valid URI"),
    (224, "uri-algorithm", Exit::Usage, "ask the issuer for SHA-1, SHA-256 or SHA-512"),
    (225, "uri-number", Exit::Usage, "ask the issuer for a valid URI"),
    (226, "uri-counter-missing", Exit::Usage, "ask the issuer for the counter"),
    (227, "uri-conflict", Exit::Usage, "ask the issuer which value is meant"),
    (228, "uri-too-long", Exit::Usage, "use a shorter label"),
    (229, "uri-t0", Exit::Usage, "hand the key over in another format: `zamok convert`"),
    (230, "uri-label", Exit::Usage, "use a plain issuer and account, without a colon"),
    (231, "uri-parameter", Exit::Usage, "ask the issuer for a valid URI"),
    (240, "ocra-version", Exit::Usage, "a suite looks like OCRA-1:HOTP-SHA256-8:QN08"),
    (241, "ocra-function", Exit::Usage, "a suite looks like OCRA-1:HOTP-SHA256-8:QN08"),
    (242, "ocra-inputs", Exit::Usage, "a suite looks like OCRA-1:HOTP-SHA256-8:QN08"),
    (
        243,
        "ocra-missing",
        Exit::Usage,
        "give what the suite names: C is --counter, P the PIN, S --session, T the time",
    ),
    (
        244,
        "ocra-surplus",
        Exit::Usage,
        "leave out what the suite does not name: C is --counter, P the PIN, S --session, T --time",
    ),
    (
        245,
        "ocra-question-length",
        Exit::Usage,
        "the two digits after Q are the most characters of a question",
    ),
    (
        246,
        "ocra-question-character",
        Exit::Usage,
        "QN asks in digits, QA in letters and digits, QH in hexadecimal digits",
    ),
    (247, "ocra-pin-length", Exit::Usage, ""),
    (248, "ocra-session-length", Exit::Usage, "the number after S is the most bytes of session data"),
    (249, "ocra-mode", Exit::Usage, "take a suite without session data"),
    (301, "unknown-key", Exit::Altered, RESTORE),
    (302, "key-kind", Exit::Usage, "`zamok keys show` tells the kind of the key"),
    (303, "key-usage", Exit::Usage, "`zamok keys show` lists the usages of the key"),
    (304, "key-purpose", Exit::Usage, "`zamok keys show` tells the purpose of the key"),
    (305, "key-state", Exit::Rejected, "`zamok why LOGIN` tells what happened to the key"),
    (306, "too-long", Exit::Usage, ""),
    (307, "key-mechanism", Exit::Usage, "`zamok keys show` lists the mechanisms of the key"),
    (308, "key-widened", Exit::Usage, "make another key that may do it"),
    (
        309,
        "key-not-wrappable",
        Exit::Usage,
        "it was made to stay; only `zamok keys new --wrappable` makes one that may leave",
    ),
    (310, "key-not-trusted", Exit::Usage, "the officer answers for the wrapping key: `zamok keys trust`"),
    (311, "key-too-weak", Exit::Usage, "wrap it with a stronger key"),
    (312, "key-not-valid", Exit::Rejected, "`zamok keys show` tells from when and until when it serves"),
    (313, "key-fixed", Exit::Usage, "it was made so: `zamok keys show` lists its flags"),
    (314, "key-unauthorised", Exit::Rejected, "show the secret of the slot once more"),
    (315, "key-material", Exit::Usage, "check the file and its --form"),
    (316, "key-unsupported", Exit::Usage, "this program was built without it"),
    (317, "self-test", Exit::Vault, "do not use this machine or this build"),
    (318, "key-exhausted", Exit::Usage, "make its next version: `zamok keys rotate`"),
    (401, "locked", Exit::Vault, "the vault was locked meanwhile; open it again"),
    (
        402,
        "unlock-not-before",
        Exit::Vault,
        "wait until then; the right passphrase is refused as well before it",
    ),
    (403, "slot-disabled", Exit::Vault, "the officer resets it: `zamok slots reset N`"),
    (404, "vault-exists", Exit::Vault, "use it with the other commands, or name another place with --store"),
    (405, "no-vault", Exit::Vault, "make one with `zamok init`"),
    (406, "format", Exit::Store, "use the version of zamok that wrote it"),
    (407, "role", Exit::Vault, "open the vault in the role that may do this"),
    (408, "no-slot", Exit::Usage, "`zamok slots list` shows them"),
    (409, "last-slot", Exit::Usage, "add another one first: `zamok slots add`"),
    (410, "slots-full", Exit::Usage, "remove one first: `zamok slots remove N`"),
    (411, "slot-method", Exit::Vault, "`zamok slots list` shows whom the slots let in, and how"),
    (412, "no-data-key", Exit::Usage, ""),
    (413, "data-key-in-use", Exit::Usage, "`zamok rewrap` ends it when nothing stands under it"),
    (414, "put-back", Exit::Altered, RESTORE),
    (415, "token", Exit::Vault, "ZAMOK_LOG=warn shows what the module answered"),
    (
        416,
        "token-module",
        Exit::Files,
        "name the module's file with --pkcs11-module, or in the URI with ?module-path=",
    ),
    (417, "token-absent", Exit::Vault, "`zamok slots tokens` lists those that are there"),
    (418, "token-ambiguous", Exit::Usage, "add serial= or id= to the URI; `zamok slots tokens` shows both"),
    (419, "token-no-key", Exit::Vault, "check object= and id= in the URI; --make-key makes a new one"),
    (420, "token-pin", Exit::Vault, "a token that is given wrong PINs again and again locks itself"),
    (
        421,
        "token-pin-locked",
        Exit::Vault,
        "the token's own security officer sets a new PIN; other slots still open the vault",
    ),
    (
        422,
        "token-pin-unset",
        Exit::Vault,
        "set the PIN with a program of the token's maker, or name its file with --pkcs11-pin-file",
    ),
    (423, "token-key-unfit", Exit::Usage, "let --make-key make one: it stays in the token"),
    (424, "token-key-exists", Exit::Usage, "leave --make-key out to use it, or name another object="),
    (
        425,
        "token-uri",
        Exit::Usage,
        "as in pkcs11:token=vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so",
    ),
    (
        430,
        "share-length",
        Exit::Rejected,
        "compare it with what was written down: something is missing or double",
    ),
    (431, "share-line", Exit::Rejected, "compare this line with what was written down"),
    (432, "share-few", Exit::Rejected, "bring more holders of shares together"),
    (433, "share-mixed", Exit::Rejected, "give shares that were made together, for this backup"),
    (434, "share-twice", Exit::Rejected, "give another share"),
    (435, "share-split", Exit::Usage, ""),
    (436, "row-stays", Exit::Store, ""),
    (440, "backup-file", Exit::Files, "check the place, the rights and the room"),
    (441, "backup-foreign", Exit::Usage, ""),
    (442, "backup-damaged", Exit::Altered, "take another backup; this one is not to be trusted"),
    (443, "backup-not-empty", Exit::Usage, "name a store that does not exist yet, with --store"),
    (444, "backup-no-snapshot", Exit::Store, ""),
    (445, "unfinished", Exit::Vault, "run the same `zamok restore` or `zamok store copy` again: it goes on"),
    (446, "moved", Exit::Vault, "name the store into which it was moved, with --store"),
    (
        447,
        "move-changed",
        Exit::Again,
        "end everything that has the old store open, delete the new one, and move again",
    ),
    (
        450,
        "log-forked",
        Exit::Altered,
        "stop; keep the store and what remembers the other log. After a move or a restore a new log begins: if ZAMOK_ANCHOR names the former one's anchor, `zamok journal anchor FILE` begins another",
    ),
    (451, "log-behind", Exit::Altered, "an older copy of the store is open: find the newer one, or restore"),
    (452, "uncovered", Exit::Usage, "sign one with `zamok journal checkpoint`"),
    (453, "unwitnessed", Exit::Rejected, "ask the witnesses again with `zamok journal checkpoint --policy`"),
    (
        454,
        "anchor-missing",
        Exit::Vault,
        "name it with --anchor FILE or ZAMOK_ANCHOR; where it is lost, `zamok journal anchor NEWFILE` without --anchor begins another",
    ),
    (501, "busy", Exit::Again, "nothing was changed; try again"),
    (502, "capped", Exit::Again, "wait until the budget's time is over"),
    (
        503,
        "store-unlocked",
        Exit::Store,
        "run `zamok store check`; let nothing else in a process open the file",
    ),
    (504, "store-exists", Exit::Usage, "name another place: nothing is replaced"),
    (506, "store-server", Exit::Store, "bring the database server up to date"),
    (507, "store-standby", Exit::Store, "name the primary, or all hosts: postgres://USER@ONE,OTHER/DATABASE"),
    (
        508,
        "store-untrusted",
        Exit::Store,
        "check the host's name and ?sslrootcert=; somebody may stand in between",
    ),
    (
        510,
        "store-unavailable",
        Exit::Store,
        "check the disk, the folder or the server, and the limits of this process, and try again",
    ),
    (511, "store-outcome-unknown", Exit::Again, "look at the journal whether it happened, then try again"),
    (512, "store-corrupt", Exit::Store, "keep a copy of the file, and restore a backup"),
    (513, "store-full", Exit::Store, "nothing was changed; make room on the disk and try again"),
    (
        514,
        "store-read-only",
        Exit::Store,
        "zamok counts and journals every attempt: give it the right to write",
    ),
    (515, "store-gone", Exit::Store, "put it back, or restore a backup, and start again"),
    (
        516,
        "store-missing",
        Exit::Store,
        "name the right one with --store or ZAMOK_STORE, or make one with `zamok init`",
    ),
    (
        517,
        "store-denied",
        Exit::Store,
        "run as the user to whom the store belongs; for a database, check role, password and rights",
    ),
    (518, "store-contended", Exit::Again, "nothing was changed; try again"),
    (519, "store-layout", Exit::Store, "use the version of zamok that wrote it, or a later one"),
    (
        520,
        "store-not-durable",
        Exit::Store,
        "put the store on a local file system; for a database, see `Settings` in docs/formats/store-postgres.md",
    ),
    (
        521,
        "store-url",
        Exit::Usage,
        "a store is named as in sqlite:zamok.db, sqlite:/var/lib/zamok.db or postgres://USER@HOST/DATABASE",
    ),
    (522, "store-foreign", Exit::Store, "name another place with --store; this file was left as it is"),
    (601, "login-unusable", Exit::Usage, ""),
    (602, "login-taken", Exit::Usage, "choose another login; case and width make no difference"),
    (603, "password-too-short", Exit::Usage, ""),
    (604, "password-too-long", Exit::Usage, ""),
    (605, "password-classes", Exit::Usage, ""),
    (606, "password-unusable", Exit::Usage, "use characters that every keyboard has"),
    (607, "factor-exists", Exit::Usage, "log in with it: `zamok login LOGIN`"),
    (608, "nothing-offered", Exit::Usage, "enrol a generator first: `zamok enrol LOGIN`"),
    (609, "session-ended", Exit::Rejected, "`zamok login LOGIN` opens a new one"),
    (610, "issuer-unusable", Exit::Usage, ""),
    (611, "policy-unsound", Exit::Store, "use the version of zamok that made this vault, or a later one"),
    (612, "password-weak", Exit::Usage, "choose several words that have nothing to do with each other"),
    (613, "hash-unknown", Exit::Usage, ""),
    (614, "contact-unusable", Exit::Usage, ""),
    (615, "contact-taken", Exit::Usage, "take it away from the other account first: `zamok accounts find`"),
    (616, "not-allowed", Exit::Rejected, ""),
    (617, "outside-limits", Exit::Rejected, ""),
    (618, "account-state", Exit::Usage, "`zamok accounts show LOGIN` tells the state"),
    (619, "power-unusable", Exit::Usage, ""),
    (620, "too-many", Exit::Usage, "take one away first"),
    (650, "method-unavailable", Exit::Usage, "`zamok factors list LOGIN` shows the factors of the account"),
    (651, "method-too-weak", Exit::Usage, "leave --by out: the strongest factor is asked for"),
    (652, "resend-too-soon", Exit::Again, "wait so long, and try again"),
    (653, "support-needed", Exit::Rejected, "look at `zamok delivery status` why the codes did not arrive"),
    (654, "too-many-messages", Exit::Again, "wait an hour; `issued.per_hour` in the policy bounds them"),
    (655, "not-fresh", Exit::Rejected, "log in again: `zamok login LOGIN`"),
    (656, "too-many-devices", Exit::Usage, "forget one first: `zamok devices forget ID`"),
    (
        657,
        "device-unknown",
        Exit::Usage,
        "`zamok devices list LOGIN` shows the devices, and which are blocked already",
    ),
    (658, "operation-unusable", Exit::Usage, "correct the template or its values"),
    (659, "operation-taken", Exit::Usage, "draw a new id"),
    (660, "operation-unknown", Exit::Usage, "check the id"),
    (661, "operation-over", Exit::Rejected, "propose it anew"),
    (662, "operation-not-confirmed", Exit::Rejected, "have it confirmed first"),
    (663, "approval-pending", Exit::Again, "its owner types the number that was shown, and approves"),
    (
        664,
        "old-channel-needed",
        Exit::Usage,
        "the one that is replaced agrees with `zamok factors agree` or `zamok contacts agree`",
    ),
    (
        665,
        "last-factor",
        Exit::Usage,
        "add another one first; an operator takes away the last one with `zamok factors remove`",
    ),
    (666, "pin-unusable", Exit::Usage, "choose digits that nobody guesses first"),
    (
        667,
        "public-key-unusable",
        Exit::Usage,
        "make a key with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and give its public part (`openssl pkey -pubout`)",
    ),
    (680, "notice-unusable", Exit::Usage, ""),
    (681, "preferences-unusable", Exit::Usage, ""),
    (682, "subscription-unusable", Exit::Usage, ""),
    (740, "unsigned", Exit::Rejected, "docs/formats/request.md says what a request must be signed with"),
    (
        741,
        "not-fresh-request",
        Exit::Rejected,
        "set the clock of the client, and sign each request when it is sent",
    ),
    (742, "nonce-needed", Exit::Rejected, "make the proof again with the nonce in the header DPoP-Nonce"),
    (743, "requests-full", Exit::Again, "try again later"),
    (744, "client-unknown", Exit::Usage, "`zamok clients list LOGIN` shows them"),
    (
        745,
        "client-taken",
        Exit::Usage,
        "a key serves one account, and a revoked one serves nobody: make another",
    ),
    (
        746,
        "client-unusable",
        Exit::Usage,
        "give a key on P-256, P-384 or Ed25519, an RSA key, or a certificate of one",
    ),
    (747, "too-large", Exit::Usage, "send the body as a batch of blocks"),
    (748, "batch", Exit::Rejected, "make the manifest anew, or send the blocks that are missing"),
    (749, "token-key", Exit::Usage, "make one with `zamok keys new --purpose token`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_one_number_and_one_name() {
        for (place, known) in KNOWN.iter().enumerate() {
            for other in &KNOWN[place + 1..] {
                assert!(known.0 < other.0 && known.1 != other.1, "{known:?} {other:?}");
            }
        }
    }

    #[test]
    fn every_number_of_the_page_has_a_name_here() {
        let page = include_str!("../../../../docs/errors.md");
        let numbers =
            page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse().ok());
        // Files of other programs have names of their own (`transfer`); the border of C is no command's.
        let own: Vec<u16> = numbers.filter(|number| !matches!(number, 700..=739 | 800..)).collect();
        assert!(own.len() > 100, "{own:?}");
        for number in own {
            assert_ne!(known(number).1, "other", "{number}");
        }
    }
}
