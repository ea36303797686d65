/*
 * zamok.h: one-time passwords, keys that do not leave, accounts, signatures, a journal.
 *
 * Made by `cargo xtask header` from bindings/c/abi. Change the sources, not this file.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Two layers. The first are one-time passwords, provisioning URIs and OCRA: functions without state, heap or globals,
 * also for firmware (define ZAMOK_ENGINE_ONLY and link libzamok_engine.a). The second, behind handles, keeps keys and
 * accounts in a store: vault, cabinet, journal.
 *
 * What holds for every function:
 *
 * - It answers ZAMOK_OK (0) or a positive number ZAMOK_E_..., whose table is docs/errors.md. Exceptions are
 *   zamok_status_message(), the two versions, zamok_wipe(), and what frees or wipes. Nothing is granted unless the
 *   answer is ZAMOK_OK. No errno, no exit, no callback, no signal; a fault inside is ZAMOK_E_PANIC.
 * - Texts are UTF-8 with their length in bytes beside them; a zero byte ends nothing that goes in. A pointer with the
 *   length 0 may be null, and so may what is said to. A login, a password or a code that somebody typed at a login and
 *   that is no UTF-8 is rejected like any other wrong one.
 * - What comes out goes to memory of the caller: a pointer, its capacity, and where the length is to be written. With too
 *   little room the answer is ZAMOK_E_BUFFER_TOO_SMALL, the length that is needed is written, and nothing was done: ask
 *   once with capacity 0 (and null), then with room. Texts that come out end with a zero byte, which is not counted in
 *   their length and needs one byte of capacity more. What must not be made twice has its greatest length as a constant
 *   instead, ..._MAX, and asks for that much room at once.
 * - On every other error nothing is written, except where the function says so.
 * - Structs that begin with `size` want it set to their sizeof, and the rest to 0 first: so programs and libraries of
 *   different age understand each other.
 * - What goes out may overlap what went in. The functions need no alignment of pointers; what a compiler asks of a type
 *   (zamok_totp, zamok_hotp and zamok_ocra: 64 bytes) is between it and the program.
 * - Times are seconds since 1970-01-01T00:00:00Z.
 * - A handle looks like a pointer and is none: it is never followed. What was freed, is of another kind or never was a
 *   handle is answered with ZAMOK_E_HANDLE; freeing null, or twice, is nothing. Every handle that was given out is freed
 *   by the function named ..._free and by nothing else. All handles may be used by any number of threads at once, and be
 *   freed while others still use them. The keys zamok_totp, zamok_hotp and zamok_ocra lie in memory of the caller: any
 *   number of threads may read one, and none while another makes or wipes it.
 * - What is done in a session answers ZAMOK_E_SESSION_ENDED when it is over, and ZAMOK_E_OUTSIDE_LIMITS where its account
 *   may not act now or from there: of an account that is limited to networks, say from where it is used
 *   (zamok_login_begin_from() and the other functions named ..._from).
 * - After fork() the child's inherited handles answer ZAMOK_E_LOCKED. A store in a file that was open at the fork cannot be
 *   opened in the child either (ZAMOK_E_STORE_UNLOCKED): its locks are not inherited, and commits would be lost. Fork before
 *   opening, or free every handle on the store before the fork, or exec. Between fork() and exec() of a process with
 *   threads, call nothing of the second layer.
 *
 * What must be, and cannot be checked: a pointer with a length points to so much memory that nobody writes meanwhile.
 */


#ifndef ZAMOK_H
#define ZAMOK_H

#include <stddef.h>
#include <stdint.h>

#if !defined(ZAMOK_ENGINE_ONLY)
#define ZAMOK_VAULT 1
#endif

#if defined(__cplusplus)
#define ZAMOK_ALIGNED(n) alignas(n)
#elif defined(__GNUC__) || defined(__clang__)
#define ZAMOK_ALIGNED(n) __attribute__((aligned(n)))
#else
#define ZAMOK_ALIGNED(n) _Alignas(n)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ZAMOK_MUST_USE __attribute__((warn_unused_result))
#else
#define ZAMOK_MUST_USE
#endif


// HMAC-SHA-1: what authenticator apps expect.
#define ZAMOK_SHA1 1

// HMAC-SHA-256.
#define ZAMOK_SHA256 2

// HMAC-SHA-512.
#define ZAMOK_SHA512 3

// Take a secret below 128 bits, although it can be guessed from a few observed codes: for keys of issuers that made them
// so, never for our own.
#define ZAMOK_ACCEPT_WEAK 1

// Read exactly what the format says, nothing that people and issuers make of it.
#define ZAMOK_STRICT 2

// The code was accepted.
#define ZAMOK_REASON_ACCEPTED 1

// The digits belong to no step of the window.
#define ZAMOK_REASON_WRONG 2

// The digits belong only to steps that were spent.
#define ZAMOK_REASON_SPENT 3

// The text is not so many digits.
#define ZAMOK_REASON_MALFORMED 4

// The time lies before the T0 of the key.
#define ZAMOK_REASON_BEFORE_T0 5

// No counter is left.
#define ZAMOK_REASON_EXHAUSTED 6

// The two codes of a resynchronisation are the same.
#define ZAMOK_REASON_REPEATED 7

// Most characters of a code.
#define ZAMOK_CODE_MAX 10

// Longest secret, in bytes.
#define ZAMOK_SECRET_MAX 128

// Most characters of a response: HMAC-SHA-512 in hexadecimal, for a suite of 0 digits.
#define ZAMOK_RESPONSE_MAX 128

// `counter` is given.
#define ZAMOK_OCRA_COUNTER 1

// `time` is given.
#define ZAMOK_OCRA_TIME 2

// `password` is given, as it was typed: the suite's hash is taken of it.
#define ZAMOK_OCRA_PASSWORD 4

// `password` is given, and is its hash.
#define ZAMOK_OCRA_PASSWORD_DIGEST 8

// `session` is given.
#define ZAMOK_OCRA_SESSION 16

// Both questions are given, and the server computes: mutual challenge-response.
#define ZAMOK_OCRA_MUTUAL_SERVER 32

// Both questions are given, and the client computes.
#define ZAMOK_OCRA_MUTUAL_CLIENT 64

// A plain signature (RFC 6287 section 7.3): suites with session data are refused.
#define ZAMOK_OCRA_SIGNATURE 128

// Longest URI that is read or written, in bytes, without a zero byte.
#define ZAMOK_URI_MAX 4096

// By counter (RFC 4226).
#define ZAMOK_HOTP 1

// By time (RFC 6238).
#define ZAMOK_TOTP 2

#if defined(ZAMOK_VAULT)
// End every session of the account but the one that asks.
#define ZAMOK_OTHERS 1
#endif

#if defined(ZAMOK_VAULT)
// End every session of the account.
#define ZAMOK_ALL 2
#endif

#if defined(ZAMOK_VAULT)
// Most characters of the recovery codes of an account, a line for each.
#define ZAMOK_RECOVERY_CODES_MAX 2048
#endif

#if defined(ZAMOK_VAULT)
// It is there: the answer of a certificate.
#define ZAMOK_DEVICE_ANSWER_SIGN 1
#endif

#if defined(ZAMOK_VAULT)
// Its owner approves.
#define ZAMOK_DEVICE_ANSWER_APPROVE 2
#endif

#if defined(ZAMOK_VAULT)
// Its owner does not.
#define ZAMOK_DEVICE_ANSWER_DECLINE 3
#endif

#if defined(ZAMOK_VAULT)
// Bytes of what a device is asked (docs/formats/device.md).
#define ZAMOK_DEVICE_QUESTION_LENGTH 85
#endif

#if defined(ZAMOK_VAULT)
// Room for the text of one share, in bytes.
#define ZAMOK_SHARE_MAX 256
#endif

#if defined(ZAMOK_VAULT)
// No journal survived.
#define ZAMOK_REPLAYED_NOTHING 0
#endif

#if defined(ZAMOK_VAULT)
// The surviving journal has gaps, and nobody knows what stood there.
#define ZAMOK_REPLAYED_WITH_GAPS 1
#endif

#if defined(ZAMOK_VAULT)
// The surviving journal is whole.
#define ZAMOK_REPLAYED_ALL 2
#endif

#if defined(ZAMOK_VAULT)
// Most bytes of what an operation says.
#define ZAMOK_CONTENT_MAX 8192
#endif

#if defined(ZAMOK_VAULT)
// Characters of a device's token.
#define ZAMOK_DEVICE_TOKEN_LENGTH 109
#endif

#if defined(ZAMOK_VAULT)
// Bytes of the key that a push subscription comes with: an uncompressed point of P-256 (RFC 8291 §2).
#define ZAMOK_PUSH_KEY_LENGTH 65
#endif

#if defined(ZAMOK_VAULT)
// Bytes of its authentication secret.
#define ZAMOK_PUSH_SECRET_LENGTH 16
#endif

#if defined(ZAMOK_VAULT)
// It is recognised.
#define ZAMOK_DEVICE_TRUSTED 1
#endif

#if defined(ZAMOK_VAULT)
// It was blocked.
#define ZAMOK_DEVICE_BLOCKED 2
#endif

#if defined(ZAMOK_VAULT)
// Its time is over: it is a stranger again.
#define ZAMOK_DEVICE_EXPIRED 3
#endif

#if defined(ZAMOK_VAULT)
// Longest signature of a document, in bytes: ECDSA on P-256 in DER.
#define ZAMOK_DOCUMENT_SIGNATURE_MAX 72
#endif

#if defined(ZAMOK_VAULT)
// Its test code has not been right yet.
#define ZAMOK_FACTOR_OFFERED 1
#endif

#if defined(ZAMOK_VAULT)
// It counts.
#define ZAMOK_FACTOR_ACTIVE 2
#endif

#if defined(ZAMOK_VAULT)
// Failures have disabled it.
#define ZAMOK_FACTOR_DISABLED 3
#endif

#if defined(ZAMOK_VAULT)
// Another has taken its place, which it can take back for a while.
#define ZAMOK_FACTOR_SET_ASIDE 4
#endif

#if defined(ZAMOK_VAULT)
// Most entries that are read at once.
#define ZAMOK_ENTRIES_MAX 1000
#endif

#if defined(ZAMOK_VAULT)
// ECDSA on P-256 with SHA-256.
#define ZAMOK_KEY_P256 5
#endif

#if defined(ZAMOK_VAULT)
// Ed25519.
#define ZAMOK_KEY_ED25519 6
#endif

#if defined(ZAMOK_VAULT)
// ECDSA on P-384 with SHA-384.
#define ZAMOK_KEY_P384 7
#endif

#if defined(ZAMOK_VAULT)
// RSA of 2048 bits, PSS with SHA-256 and a salt of 32 bytes.
#define ZAMOK_KEY_RSA2048 2048
#endif

#if defined(ZAMOK_VAULT)
// RSA of 3072 bits.
#define ZAMOK_KEY_RSA3072 3072
#endif

#if defined(ZAMOK_VAULT)
// RSA of 4096 bits.
#define ZAMOK_KEY_RSA4096 4096
#endif

#if defined(ZAMOK_VAULT)
// For documents: every signature is journalled.
#define ZAMOK_PURPOSE_DOCUMENT 3
#endif

#if defined(ZAMOK_VAULT)
// For certificates: every signature is journalled.
#define ZAMOK_PURPOSE_CERTIFICATE 4
#endif

#if defined(ZAMOK_VAULT)
// For requests to other services.
#define ZAMOK_PURPOSE_REQUEST 6
#endif

#if defined(ZAMOK_VAULT)
// Made, not yet in use.
#define ZAMOK_STATE_PRE_ACTIVE 1
#endif

#if defined(ZAMOK_VAULT)
// In use.
#define ZAMOK_STATE_ACTIVE 2
#endif

#if defined(ZAMOK_VAULT)
// Put aside for a while.
#define ZAMOK_STATE_SUSPENDED 3
#endif

#if defined(ZAMOK_VAULT)
// Protects nothing new any more; still verifies.
#define ZAMOK_STATE_DEACTIVATED 4
#endif

#if defined(ZAMOK_VAULT)
// Known or suspected to be known to others.
#define ZAMOK_STATE_COMPROMISED 5
#endif

#if defined(ZAMOK_VAULT)
// The key material is gone.
#define ZAMOK_STATE_DESTROYED 6
#endif

#if defined(ZAMOK_VAULT)
// Longest signature of any key, in bytes.
#define ZAMOK_SIGNATURE_MAX 512
#endif

#if defined(ZAMOK_VAULT)
// The challenge waits for a code: zamok_login_answer().
#define ZAMOK_WANTS_CODE 1
#endif

#if defined(ZAMOK_VAULT)
// The account has no second factor yet: zamok_enrolment_offer().
#define ZAMOK_WANTS_ENROLMENT 2
#endif

#if defined(ZAMOK_VAULT)
// It can wait until the quiet hours are over.
#define ZAMOK_PRIORITY_NORMAL 0
#endif

#if defined(ZAMOK_VAULT)
// It knows no quiet hours, and goes by SMS as well.
#define ZAMOK_PRIORITY_HIGH 1
#endif

#if defined(ZAMOK_VAULT)
// As the service has it.
#define ZAMOK_CHANNEL_DEFAULT 0
#endif

#if defined(ZAMOK_VAULT)
// The owner wants none.
#define ZAMOK_CHANNEL_OFF 1
#endif

#if defined(ZAMOK_VAULT)
// The owner wants them.
#define ZAMOK_CHANNEL_ON 2
#endif

#if defined(ZAMOK_VAULT)
// It waits to be confirmed, as long as it has not expired.
#define ZAMOK_OPERATION_PROPOSED 1
#endif

#if defined(ZAMOK_VAULT)
// It was confirmed as it stands, and may be executed as long as it has not expired.
#define ZAMOK_OPERATION_CONFIRMED 2
#endif

#if defined(ZAMOK_VAULT)
// It was executed.
#define ZAMOK_OPERATION_EXECUTED 3
#endif

#if defined(ZAMOK_VAULT)
// Its owner has cancelled it.
#define ZAMOK_OPERATION_CANCELLED 4
#endif

#if defined(ZAMOK_VAULT)
// A line of text.
#define ZAMOK_VALUE_TEXT 1
#endif

#if defined(ZAMOK_VAULT)
// A whole number.
#define ZAMOK_VALUE_NUMBER 2
#endif

#if defined(ZAMOK_VAULT)
// An amount in the smallest unit of a currency.
#define ZAMOK_VALUE_AMOUNT 3
#endif

#if defined(ZAMOK_VAULT)
// A time.
#define ZAMOK_VALUE_TIME 4
#endif

#if defined(ZAMOK_VAULT)
// Most bytes of a receipt.
#define ZAMOK_RECEIPT_MAX 4096
#endif

#if defined(ZAMOK_VAULT)
// `idle_seconds`: keys are never wiped by themselves.
#define ZAMOK_NEVER 4294967295
#endif

#if defined(ZAMOK_VAULT)
// An SMS, to a number.
#define ZAMOK_CHANNEL_SMS 1
#endif

#if defined(ZAMOK_VAULT)
// An e-mail, to an address.
#define ZAMOK_CHANNEL_EMAIL 2
#endif

#if defined(ZAMOK_VAULT)
// A pushed message (RFC 8030), to the endpoint of a device.
#define ZAMOK_CHANNEL_PUSH 3
#endif

#if defined(ZAMOK_VAULT)
// Where it goes: a number in the form +79161234567, an e-mail address, an endpoint.
#define ZAMOK_MESSAGE_ADDRESS 1
#endif

#if defined(ZAMOK_VAULT)
// The subject of an e-mail; empty for others.
#define ZAMOK_MESSAGE_SUBJECT 2
#endif

#if defined(ZAMOK_VAULT)
// What it says: the text of an SMS or an e-mail; for a push the JSON that is sealed for the device (RFC 8291).
#define ZAMOK_MESSAGE_TEXT 3
#endif

#if defined(ZAMOK_VAULT)
// The public key of the device that a push is sealed for, in base64url; empty for others.
#define ZAMOK_MESSAGE_PUSH_KEY 4
#endif

#if defined(ZAMOK_VAULT)
// The authentication secret of the device that a push is sealed for, in base64url; empty for others.
#define ZAMOK_MESSAGE_PUSH_SECRET 5
#endif

#if defined(ZAMOK_VAULT)
// It is still on its way.
#define ZAMOK_DELIVERY_ON_THE_WAY 1
#endif

#if defined(ZAMOK_VAULT)
// It arrived.
#define ZAMOK_DELIVERY_DELIVERED 2
#endif

#if defined(ZAMOK_VAULT)
// It will not arrive.
#define ZAMOK_DELIVERY_REJECTED 3
#endif

#if defined(ZAMOK_VAULT)
// Its time was over before it arrived.
#define ZAMOK_DELIVERY_EXPIRED 4
#endif

#if defined(ZAMOK_VAULT)
// The receipt led to no message: it overtook zamok_message_sent(), or is about something else.
#define ZAMOK_MATCHED_NOTHING 0
#endif

#if defined(ZAMOK_VAULT)
// It led to a message, which has ended with it.
#define ZAMOK_MATCHED_ENDED 1
#endif

#if defined(ZAMOK_VAULT)
// It led to a message, which goes on.
#define ZAMOK_MATCHED_NOTED 2
#endif

#if defined(ZAMOK_VAULT)
// It led to a message that was over before, or had this receipt.
#define ZAMOK_MATCHED_AGAIN 3
#endif

#if defined(ZAMOK_VAULT)
// A passphrase of any bytes; 80 bits of entropy are advised.
#define ZAMOK_SECRET_PASSPHRASE 1
#endif

#if defined(ZAMOK_VAULT)
// A key of `ZAMOK_SECRET_KEY_LENGTH` random bytes.
#define ZAMOK_SECRET_KEY 2
#endif

#if defined(ZAMOK_VAULT)
// Enough of the shares that zamok_slot_add_split() made.
#define ZAMOK_SECRET_SHARES 3
#endif

#if defined(ZAMOK_VAULT)
// A short PIN with the secret of a device, `ZAMOK_SECRET_KEY_LENGTH` random bytes, which lies elsewhere than the store: whoever
// copies the store tries every PIN.
#define ZAMOK_SECRET_PIN 4
#endif

#if defined(ZAMOK_VAULT)
// A secret key in a PKCS#11 token, which computes one HMAC with it (CKM_SHA256_HMAC); the key does not leave the token.
#define ZAMOK_SECRET_TOKEN 5
#endif

#if defined(ZAMOK_VAULT)
// Bytes of a key, and of the secret of a device.
#define ZAMOK_SECRET_KEY_LENGTH 32
#endif

#if defined(ZAMOK_VAULT)
// One kind of factor was shown.
#define ZAMOK_ASSURANCE_LOW 1
#endif

#if defined(ZAMOK_VAULT)
// Two kinds: something known and something held.
#define ZAMOK_ASSURANCE_SUBSTANTIAL 2
#endif

#if defined(ZAMOK_VAULT)
// Something known, and a key that cannot leave what holds it.
#define ZAMOK_ASSURANCE_HIGH 3
#endif

#if defined(ZAMOK_VAULT)
// Most characters of an access token.
#define ZAMOK_TOKEN_MAX 4096
#endif

#if defined(ZAMOK_VAULT)
// Keeps the doors: slots, rotation. Uses nobody's keys.
#define ZAMOK_ROLE_OFFICER 1
#endif

#if defined(ZAMOK_VAULT)
// Works with keys and accounts.
#define ZAMOK_ROLE_USER 2
#endif

#if defined(ZAMOK_VAULT)
// Reads and verifies the journal.
#define ZAMOK_ROLE_AUDITOR 3
#endif

// The version of the interface in this header. It grows when something is changed or taken away, and is the number
// behind `libzamok.so.`; what is only added leaves it as it is.
#define ZAMOK_ABI_VERSION 0

#if defined(ZAMOK_VAULT)
// A vault with the accounts of one service over it. Any number of threads may use it at once.
typedef struct zamok_cabinet zamok_cabinet;
#endif

#if defined(ZAMOK_VAULT)
// What a right password leads to: a challenge that waits for a code, or a right to enrol.
typedef struct zamok_challenge zamok_challenge;
#endif

#if defined(ZAMOK_VAULT)
// A clock that stands until it is set: for tests and replays.
typedef struct zamok_clock zamok_clock;
#endif

#if defined(ZAMOK_VAULT)
// What an operation shall say, while it is put together. Any number of threads may use it at once.
typedef struct zamok_content zamok_content;
#endif

#if defined(ZAMOK_VAULT)
// Entries of the journal, as they were read.
typedef struct zamok_entries zamok_entries;
#endif

#if defined(ZAMOK_VAULT)
// A message that was handed out to be sent.
typedef struct zamok_message zamok_message;
#endif

#if defined(ZAMOK_VAULT)
// An operation as it was when it was looked at.
typedef struct zamok_operation zamok_operation;
#endif

#if defined(ZAMOK_VAULT)
// The outbox of a cabinet: messages that are to be sent. Any number of threads may take from it at once.
typedef struct zamok_outbox zamok_outbox;
#endif

#if defined(ZAMOK_VAULT)
// A session that was live when it was looked at.
typedef struct zamok_session zamok_session;
#endif

#if defined(ZAMOK_VAULT)
// An opened vault: keys that do not leave. Any number of threads may use it at once.
typedef struct zamok_vault zamok_vault;
#endif

// What a function answers: `ZAMOK_OK`, or one of the numbers `ZAMOK_E_…`, which are stable and never used again.
// A number that this header does not know is an error as well: compare with `ZAMOK_OK`.
typedef int32_t zamok_status;

// An HOTP key, ready to compute, in memory of the caller: made by zamok_hotp_init(), ended by zamok_hotp_wipe(). All that
// is said of zamok_totp holds here.
typedef struct ZAMOK_ALIGNED(64) zamok_hotp {
    // Not for the caller.
    uint8_t opaque[1024];
} zamok_hotp;

// The public parameters of an HOTP key. Zeros stand for RFC 4226: SHA-1, 6 digits.
typedef struct zamok_hotp_parameters {
    // `sizeof(zamok_hotp_parameters)`.
    uint32_t size;
    // `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    uint32_t algorithm;
    // Digits of a code, 6 to 10.
    uint32_t digits;
    // 0, or `ZAMOK_ACCEPT_WEAK`.
    uint32_t flags;
} zamok_hotp_parameters;

// What is remembered of an HOTP key that verifies: with `size` set and the rest 0, a new key at counter 0.
typedef struct zamok_hotp_state {
    // `sizeof(zamok_hotp_state)`.
    uint32_t size;
    // 0.
    uint32_t reserved;
    // The next counter that may be accepted.
    uint64_t next;
    // Counters after `next` that are spent already, because they showed the digits of an accepted code: bit i stands for
    // `next` + i. Here the lower 64.
    uint64_t burned_low;
    // The upper 64.
    uint64_t burned_high;
} zamok_hotp_state;

// What a check found. Set `size` before the call.
typedef struct zamok_checked {
    // `sizeof(zamok_checked)`.
    uint32_t size;
    // One of `ZAMOK_REASON_…`: for the journal that the operator reads, never for the person who typed the code.
    uint32_t reason;
    // The accepted counter or time step; 0 when rejected.
    uint64_t step;
    // How far it lies from the expected one, in steps; 0 when rejected.
    int32_t drift;
    // 0.
    uint32_t reserved;
} zamok_checked;

// An OCRA key with its suite, in memory of the caller: made by zamok_ocra_init(), ended by zamok_ocra_wipe(). All that
// is said of zamok_totp holds here.
typedef struct ZAMOK_ALIGNED(64) zamok_ocra {
    // Not for the caller.
    uint8_t opaque[1024];
} zamok_ocra;

// The inputs of one computation: those that the suite names, and no others.
typedef struct zamok_ocra_input {
    // `sizeof(zamok_ocra_input)`.
    uint32_t size;
    // `ZAMOK_OCRA_…`, joined with |: what is given besides the question.
    uint32_t given;
    // The counter; when verifying, the next one expected.
    uint64_t counter;
    // The time, in seconds since 1970.
    uint64_t time;
    // The question; in mutual mode that of the server.
    const char *question;
    // Its length.
    size_t question_length;
    // In mutual mode the question of the client.
    const char *client_question;
    // Its length.
    size_t client_question_length;
    // The password or PIN, or its digest.
    const uint8_t *password;
    // Its length.
    size_t password_length;
    // The session data.
    const uint8_t *session;
    // Its length.
    size_t session_length;
} zamok_ocra_input;

// What a verification matched. **The caller has to spend it**: the question, and the counter.
typedef struct zamok_ocra_match {
    // `sizeof(zamok_ocra_match)`.
    uint32_t size;
    // `ZAMOK_OCRA_COUNTER` and `ZAMOK_OCRA_TIME`: which of the two the suite has.
    uint32_t given;
    // The counter; the next one expected is one more.
    uint64_t counter;
    // The time step.
    uint64_t time_step;
} zamok_ocra_match;

// A TOTP key, ready to compute, in memory of the caller: made by zamok_totp_init(), ended by zamok_totp_wipe(). It holds
// no pointers: it may be copied and moved, and every copy is to be wiped. Its memory is aligned to 64 bytes, as that of a
// variable is: malloc() gives less, aligned_alloc(64, sizeof(zamok_totp)) enough.
typedef struct ZAMOK_ALIGNED(64) zamok_totp {
    // Not for the caller.
    uint8_t opaque[1024];
} zamok_totp;

// The public parameters of a TOTP key. Zeros stand for what authenticator apps expect: SHA-1, 6 digits, 30 seconds, from
// 1970 on.
typedef struct zamok_totp_parameters {
    // `sizeof(zamok_totp_parameters)`.
    uint32_t size;
    // `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    uint32_t algorithm;
    // Digits of a code, 6 to 10.
    uint32_t digits;
    // 0, or `ZAMOK_ACCEPT_WEAK`.
    uint32_t flags;
    // The time step, in seconds.
    uint64_t period;
    // T0: when step 0 begins, in seconds since 1970.
    uint64_t t0;
} zamok_totp_parameters;

// What is remembered of a TOTP key that verifies: with `size` set and the rest 0, a new key.
typedef struct zamok_totp_state {
    // `sizeof(zamok_totp_state)`.
    uint32_t size;
    // 1 when there is a last step.
    uint32_t has_last_step;
    // The last accepted step: it and all before it are spent.
    uint64_t last_step;
    // How far the token's clock lies from ours, in steps; negative when it is behind.
    int32_t drift;
    // 0.
    uint32_t reserved;
} zamok_totp_state;

// One check of a batch.
typedef struct zamok_totp_attempt {
    // In: the key.
    const struct zamok_totp *key;
    // In: what was typed.
    const char *code;
    // In: its length.
    size_t code_length;
    // In: the time, in seconds since 1970.
    uint64_t now;
    // In: the last accepted step, where `has_last_step` is 1. Out: the new one, when the status is `ZAMOK_OK`.
    uint64_t last_step;
    // In and out.
    uint32_t has_last_step;
    // In and out: the drift of the state.
    int32_t drift;
    // Out: `ZAMOK_OK` for an accepted code, `ZAMOK_E_REJECTED`, or what was wrong with this entry.
    zamok_status status;
    // Out: one of `ZAMOK_REASON_…`; 0 for misuse.
    uint32_t reason;
} zamok_totp_attempt;

// A key as a URI describes it. It holds the secret: wipe it. Set `size` before the call.
typedef struct zamok_uri {
    // `sizeof(zamok_uri)`.
    uint32_t size;
    // `ZAMOK_HOTP` or `ZAMOK_TOTP`.
    uint32_t kind;
    // `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    uint32_t algorithm;
    // Digits of a code.
    uint32_t digits;
    // The time step in seconds; 0 for HOTP.
    uint64_t period;
    // The counter of the next code; 0 for TOTP.
    uint64_t counter;
    // The secret.
    uint8_t secret[128];
    // Its length in bytes.
    uint32_t secret_length;
    // Where the issuer stands in `texts`, and how long it is; a length of 0 where the URI names none.
    uint32_t issuer_at;
    // Its length.
    uint32_t issuer_length;
    // Where the account stands in `texts`.
    uint32_t account_at;
    // Its length.
    uint32_t account_length;
    // Where another issuer stands, that the label names while the parameter names `issuer`: show both, since one of
    // them may be there to mislead.
    uint32_t conflicting_issuer_at;
    // Its length; 0 where the two agree.
    uint32_t conflicting_issuer_length;
    // 0.
    uint32_t reserved;
} zamok_uri;

#if defined(ZAMOK_VAULT)
// How a vault is made and opened. With `size` set and the rest 0, and as null: the defaults.
typedef struct zamok_options {
    // `sizeof(zamok_options)`.
    uint32_t size;
    // Memory that one attempt at the passphrase of a vault that is made now costs, in KiB (Argon2id), 8 to 4194304. Default:
    // 262144.
    uint32_t argon2_memory_kib;
    // Passes over it, 1 to 64. Default: 3.
    uint32_t argon2_passes;
    // Seconds without use after which the keys are wiped and calls answer `ZAMOK_E_LOCKED`. Default: 900.
    // `ZAMOK_NEVER` for a service that must answer at any hour.
    uint32_t idle_seconds;
    // The numbers that a new cabinet goes by, as docs/policy.md writes them (TOML), or a profile: `profile = "strict"`.
    // Null: the strict ones. An existing cabinet keeps its own.
    const char *policy;
    // Its length.
    size_t policy_length;
    // A clock for tests and replays. Null: that of the system.
    const struct zamok_clock *clock;
    // The path of a file that remembers how far the journal has come, as `zamok --anchor` has it: best on another machine's
    // disk. A store that was put back behind it stays closed (`ZAMOK_E_LOG_BEHIND`, `ZAMOK_E_LOG_FORKED`), and so does a vault
    // that has an anchor where none is named (`ZAMOK_E_ANCHOR_MISSING`). zamok_checkpoint() carries it on. Where a vault is
    // made or restored, the file is made, or taken when it is empty; one that remembers is `ZAMOK_E_STORE_EXISTS`; from then
    // on the vault opens with its anchor alone. Where the file cannot be written then, the vault is there without it, and the
    // answer is `ZAMOK_E_ANCHOR_UNWRITTEN`, with the handle. Null: none.
    const char *anchor;
    // Its length.
    size_t anchor_length;
} zamok_options;
#endif

#if defined(ZAMOK_VAULT)
// What opens a slot. With `size` set and the rest 0 first.
typedef struct zamok_secret {
    // `sizeof(zamok_secret)`.
    uint32_t size;
    // One of `ZAMOK_SECRET_…`.
    uint32_t kind;
    // The passphrase; the texts of shares, one after the other; the PIN, of a slot or of a token (nothing where the token asks for it
    // by itself, on a reader with keys of its own). Nothing with a key.
    const char *text;
    // Its length.
    size_t text_length;
    // The key; the secret of the device, with the PIN of a slot. Nothing with the others.
    const uint8_t *key;
    // Its length: `ZAMOK_SECRET_KEY_LENGTH`.
    size_t key_length;
    // 1 when `slot` says which slot it opens; 0 for the first that is for the role and for this kind of secret. It counts where a
    // vault is opened, and nowhere else.
    uint32_t names_slot;
    // The number of a slot.
    uint32_t slot;
    // Which key in which token, as a PKCS#11 URI (RFC 7512) with the module:
    // "pkcs11:token=vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so". Nothing with the others.
    const char *uri;
    // Its length.
    size_t uri_length;
} zamok_secret;
#endif

#if defined(ZAMOK_VAULT)
// What a service knows of whoever knocks. With `size` set and the rest 0: nothing.
typedef struct zamok_approach {
    // `sizeof(zamok_approach)`.
    uint32_t size;
    // 0.
    uint32_t reserved;
    // What the service calls the program at the other end, such as "Firefox on Linux"; 128 bytes are kept.
    const char *client;
    // Its length.
    size_t client_length;
    // The token of a known device, as zamok_device_trust() gave it. One that is none is that of a stranger, and no error.
    const char *device;
    // Its length.
    size_t device_length;
    // The factor to answer with, by its name, such as "SMS"; empty for the one that the account prefers.
    const char *method;
    // Its length.
    size_t method_length;
    // The network address from which it comes, as the service sees it ("192.0.2.7", "2001:db8::7"): limits of the account are held
    // against it. Empty: not known.
    const char *address;
    // Its length.
    size_t address_length;
    // The language of messages (BCP 47); empty for the account's own.
    const char *language;
    // Its length.
    size_t language_length;
} zamok_approach;
#endif

#if defined(ZAMOK_VAULT)
// The id of a session, a challenge, a request, a key, an account, a writer of the journal. That of a challenge or an enrolment is a
// secret of whoever began it; the others are none.
typedef struct zamok_id {
    // As they come; compare them with memcmp().
    uint8_t bytes[16];
} zamok_id;
#endif

#if defined(ZAMOK_VAULT)
// What a backup holds. Set `size` before the call.
typedef struct zamok_backup_info {
    // `sizeof(zamok_backup_info)`.
    uint32_t size;
    // How many shares open it; 0 where a passphrase does.
    uint32_t shares;
    // Its id.
    struct zamok_id id;
    // When it was made, in seconds since 1970.
    uint64_t made;
    // Rows that it holds.
    uint64_t rows;
    // SHA-256 over all of them: two backups of one moment have the same.
    uint8_t digest[32];
    // Leaves of the journal's log.
    uint64_t log_size;
    // The root of its tree.
    uint8_t log_root[32];
} zamok_backup_info;
#endif

#if defined(ZAMOK_VAULT)
// What is restored. With `size` set and the rest 0 first.
typedef struct zamok_backup_source {
    // `sizeof(zamok_backup_source)`.
    uint32_t size;
    // 1 where the caller knows that the store with the journal was neither put back to an older copy nor cut; else 0.
    uint32_t journal_is_whole;
    // The backup: the path of its file.
    const char *file;
    // Its length.
    size_t file_length;
    // What opens it: its passphrase, or the texts of enough shares, one after the other.
    const char *secret;
    // Its length.
    size_t secret_length;
    // The URL of the store that was lost, where its journal survived: what it says was done after the backup is done again.
    // Nothing is written to it. Empty where nothing survived.
    const char *journal;
    // Its length.
    size_t journal_length;
    // A passphrase of that store; the auditor's is enough.
    const char *journal_secret;
    // Its length.
    size_t journal_secret_length;
    // The path of the file that was the anchor of that store, with which the journal is compared: without one nobody knows whether
    // its end was cut off, and counter keys are suspended (unless `journal_is_whole`). Null: none.
    const char *journal_anchor;
    // Its length.
    size_t journal_anchor_length;
} zamok_backup_source;
#endif

#if defined(ZAMOK_VAULT)
// What a restore came to. Set `size` before the call.
typedef struct zamok_restored {
    // `sizeof(zamok_restored)`.
    uint32_t size;
    // One of `ZAMOK_REPLAYED_…`.
    uint32_t replayed;
    // Sessions, challenges and the like that have ended.
    uint64_t dropped;
    // TOTP keys whose codes up to now are spent.
    uint64_t fenced;
    // HOTP keys that are suspended until they are enrolled anew.
    uint64_t suspended;
    // Items that an earlier attempt had taken in.
    uint64_t resumed;
    // Events that the surviving journal told of.
    uint64_t events;
    // From when on nobody knows what happened, in seconds since 1970.
    uint64_t unknown_since;
} zamok_restored;
#endif

#if defined(ZAMOK_VAULT)
// A device that an account is known by. Set `size` before the call.
typedef struct zamok_device_info {
    // `sizeof(zamok_device_info)`.
    uint32_t size;
    // How it stands: one of `ZAMOK_DEVICE_…`.
    uint32_t state;
    // Its id. Not a secret.
    struct zamok_id id;
    // When it became known, in seconds since 1970.
    uint64_t trusted;
    // When it last logged in.
    uint64_t last_login;
    // When it is a stranger again.
    uint64_t expires;
    // What it is called; ended by a zero byte.
    char label[136];
} zamok_device_info;
#endif

#if defined(ZAMOK_VAULT)
// What the journal says of a signature. Set `size` before the call.
typedef struct zamok_signed {
    // `sizeof(zamok_signed)`.
    uint32_t size;
    // 0.
    uint32_t reserved;
    // When it was made, in seconds since 1970.
    uint64_t time;
    // The entry that says so, which is the signature's id: its writer.
    struct zamok_id entry_writer;
    // And its number.
    uint64_t entry_sequence;
} zamok_signed;
#endif

#if defined(ZAMOK_VAULT)
// A way to answer a challenge. Set `size` before the call.
typedef struct zamok_method_info {
    // `sizeof(zamok_method_info)`.
    uint32_t size;
    // 0.
    uint32_t reserved;
    // The factor, for zamok_challenge_switch().
    struct zamok_id factor;
    // What it is, such as "generator", "SMS" or "e-mail"; ended by a zero byte.
    char method[32];
    // What its owner calls it; ended by a zero byte.
    char label[136];
    // Where a code is sent to, masked: "+7···4567"; empty where none is sent. Ended by a zero byte.
    char hint[264];
} zamok_method_info;
#endif

#if defined(ZAMOK_VAULT)
// A factor, as its owner sees it. Set `size` before the call.
typedef struct zamok_factor_info {
    // `sizeof(zamok_factor_info)`.
    uint32_t size;
    // Where it stands: one of `ZAMOK_FACTOR_…`.
    uint32_t state;
    // Its id.
    struct zamok_id id;
    // When it was offered, in seconds since 1970.
    uint64_t added;
    // When it was last answered with; 0 for never.
    uint64_t last_used;
    // Until when it can take its place back, where another has taken it; 0 otherwise.
    uint64_t until;
    // What it is, such as "generator", "SMS" or "e-mail"; ended by a zero byte.
    char kind[32];
    // What its owner calls it; ended by a zero byte.
    char label[136];
    // Where its codes are sent to, masked; empty where none are. Ended by a zero byte.
    char hint[264];
} zamok_factor_info;
#endif

#if defined(ZAMOK_VAULT)
// One entry. Set `size` before the call.
typedef struct zamok_entry {
    // `sizeof(zamok_entry)`.
    uint32_t size;
    // What happened: the stable numbers of docs/formats/events.md.
    uint32_t kind;
    // When, in seconds since 1970.
    uint64_t time;
    // The name of the entry: its writer.
    struct zamok_id entry_writer;
    // And its number.
    uint64_t entry_sequence;
    // Its place in the tree, where `integrated` is 1.
    uint64_t index;
    // 1 when it is a leaf of the tree, 0 while it waits.
    uint32_t integrated;
    // 1 when its details were erased; the leaf still proves.
    uint32_t erased;
} zamok_entry;
#endif

#if defined(ZAMOK_VAULT)
// What a key is. Set `size` before the call.
typedef struct zamok_key_info {
    // `sizeof(zamok_key_info)`.
    uint32_t size;
    // Where it stands in its life: one of `ZAMOK_STATE_…`.
    uint32_t state;
    // Its version; rotation makes the next one.
    uint32_t version;
    // 1 when it was made inside this vault and was only ever here.
    uint32_t local;
    // When it was made, in seconds since 1970.
    uint64_t created;
    // What it is, such as "TOTP" or "P-256"; ended by a zero byte.
    char kind[32];
    // What it serves, such as "document"; ended by a zero byte.
    char purpose[32];
} zamok_key_info;
#endif

#if defined(ZAMOK_VAULT)
// What a challenge is. Set `size` before the call.
typedef struct zamok_challenge_info {
    // `sizeof(zamok_challenge_info)`.
    uint32_t size;
    // `ZAMOK_WANTS_CODE` or `ZAMOK_WANTS_ENROLMENT`.
    uint32_t wants;
    // When it ends, in seconds since 1970.
    uint64_t expires;
    // Its id, which may travel to the client that began and back (zamok_challenge_by_id(), zamok_enrolment_by_id()), and into no log:
    // what a device approves needs nothing else from whoever brings it, and an enrolment takes whatever factor he offers.
    struct zamok_id id;
    // What the code comes from, such as "generator"; ended by a zero byte.
    char method[32];
    // What the store, the journal and requests to devices call it: for logs. It answers nothing, and enrols nothing.
    struct zamok_id reference;
} zamok_challenge_info;
#endif

#if defined(ZAMOK_VAULT)
// What a service has to say. With `size` set and the rest 0 first.
typedef struct zamok_notice {
    // `sizeof(zamok_notice)`.
    uint32_t size;
    // One of `ZAMOK_PRIORITY_…`.
    uint32_t priority;
    // What sort of news it is: "service" (applications, documents), "payment", "reminder", "news", or "security", which nobody turns
    // off.
    const char *category;
    // Its length.
    size_t category_length;
    // What it is about, in a few words of at most 256 bytes: the subject of an e-mail.
    const char *title;
    // Its length.
    size_t title_length;
    // What is to be said, at most 4096 bytes.
    const char *text;
    // Its length.
    size_t text_length;
    // Where more is to be found: an https URL of at most 1024 bytes, or null.
    const char *link;
    // Its length.
    size_t link_length;
    // The language that it is written in (BCP 47).
    const char *language;
    // Its length.
    size_t language_length;
} zamok_notice;
#endif

#if defined(ZAMOK_VAULT)
// How an account wants to be told. Set `size` before the call.
typedef struct zamok_preferences {
    // `sizeof(zamok_preferences)`.
    uint32_t size;
    // 1 when there are quiet hours.
    uint32_t quiet;
    // The minute of the day from which it is to be quiet, 0 to 1439.
    uint32_t quiet_from;
    // The minute of the day until which it is, on the same day or the next.
    uint32_t quiet_until;
    // Minutes by which the owner's clock is ahead of UTC.
    int32_t quiet_offset;
    // 0.
    uint32_t reserved;
    // The language (BCP 47), ended by a zero byte; empty for the service's own.
    char language[40];
} zamok_preferences;
#endif

#if defined(ZAMOK_VAULT)
// What an operation is. Set `size` before the call.
typedef struct zamok_operation_info {
    // `sizeof(zamok_operation_info)`.
    uint32_t size;
    // One of `ZAMOK_OPERATION_…`.
    uint32_t state;
    // Its id.
    struct zamok_id id;
    // Whose it is.
    struct zamok_id account;
    // When it can no longer be confirmed or executed, in seconds since 1970.
    uint64_t expires;
    // When it was confirmed; 0 while it is not.
    uint64_t confirmed;
    // The session in which it was confirmed; zeros while it is not.
    struct zamok_id session;
    // SHA-256 of what is confirmed: its id, its account and its content (docs/formats/operation.md).
    uint8_t digest[32];
    // With what it was confirmed, such as "generator"; ended by a zero byte.
    char method[32];
    // The name of its template; ended by a zero byte.
    char template_name[72];
    // The language of its template; ended by a zero byte.
    char template_language[40];
    // The version of its template.
    uint32_t template_version;
    // 0.
    uint32_t reserved;
} zamok_operation_info;
#endif

#if defined(ZAMOK_VAULT)
// What fills a gap. Set `size` before the call.
typedef struct zamok_value {
    // `sizeof(zamok_value)`.
    uint32_t size;
    // One of `ZAMOK_VALUE_…`.
    uint32_t kind;
    // A number; an amount in the smallest unit; a time in seconds since 1970. 0 for a text.
    int64_t number;
    // Places of an amount behind the point.
    uint32_t places;
    // The currency of an amount, three letters; ended by a zero byte.
    char currency[12];
} zamok_value;
#endif

#if defined(ZAMOK_VAULT)
// The words of messages. With `size` set and the rest 0, and as null: the English and Russian ones that ship.
typedef struct zamok_words {
    // `sizeof(zamok_words)`.
    uint32_t size;
    // Most segments of one SMS; what is longer is not sent. Default: 8.
    uint32_t most_segments;
    // The language of whoever prefers none (BCP 47). Default: "en".
    const char *language;
    // Its length.
    size_t language_length;
    // The domain that phones fill codes in for, such as "bank.example": the last line of an SMS is then
    // "@bank.example #123456". Empty: no such line.
    const char *domain;
    // Its length.
    size_t domain_length;
    // The service's own words, as docs/delivery.md writes templates (TOML). Empty: none.
    const char *templates;
    // Its length.
    size_t templates_length;
} zamok_words;
#endif

#if defined(ZAMOK_VAULT)
// What a message is. Set `size` before the call.
typedef struct zamok_message_info {
    // `sizeof(zamok_message_info)`.
    uint32_t size;
    // One of `ZAMOK_CHANNEL_…`.
    uint32_t channel;
    // Its id: give it to a carrier that sends once under one id. Handed out again, it has the same.
    struct zamok_id id;
    // Whose it is.
    struct zamok_id account;
    // When it was made, in seconds since 1970.
    uint64_t created;
    // From when on it must not be sent any more.
    uint64_t expires;
    // From when on others may send it: whoever has not told by then what became of it has lost it.
    uint64_t until;
    // How often it was handed out, this time included.
    uint32_t attempt;
    // Units that are paid for: segments of an SMS, 1 otherwise.
    uint32_t units;
    // 1 when somebody waits for it: a code, or a request to approve.
    uint32_t urgent;
    // 0.
    uint32_t reserved;
    // What it is, such as "login code" or "new device"; ended by a zero byte.
    char kind[32];
} zamok_message_info;
#endif

#if defined(ZAMOK_VAULT)
// What a session is. Set `size` before the call.
typedef struct zamok_session_info {
    // `sizeof(zamok_session_info)`.
    uint32_t size;
    // One of `ZAMOK_ASSURANCE_…`: how sure the service is of who is there.
    uint32_t assurance;
    // Its id. Not a secret; a service takes it from a token that it has verified, or from its own memory.
    struct zamok_id id;
    // Whose it is.
    struct zamok_id account;
    // When it was opened, in seconds since 1970.
    uint64_t opened;
    // When it ends in any case.
    uint64_t expires;
    // When it was last used.
    uint64_t last_used;
    // When somebody last showed who he is.
    uint64_t authenticated;
} zamok_session_info;
#endif

#if defined(ZAMOK_VAULT)
// What a slot is, as the store shows it to anyone. Set `size` before the call.
typedef struct zamok_slot_info {
    // `sizeof(zamok_slot_info)`.
    uint32_t size;
    // Whom it lets in: one of `ZAMOK_ROLE_…`.
    uint32_t role;
    // Failed attempts since the last success or reset.
    uint64_t failures;
    // Attempts before this time are refused, in seconds since 1970.
    uint64_t not_before;
    // 1 when failures have disabled it until an officer resets it.
    uint32_t disabled;
    // 0.
    uint32_t reserved;
    // How it is opened, such as "passphrase"; ended by a zero byte.
    char method[32];
    // What people call it; ended by a zero byte.
    char label[72];
} zamok_slot_info;
#endif

// It was done.
#define ZAMOK_OK 0

// Rejected.
#define ZAMOK_E_REJECTED 100

// The data failed its authentication: it was altered, moved, or belongs to another vault.
#define ZAMOK_E_REFUSED 101

// A code has 6 to 10 digits.
#define ZAMOK_E_DIGITS 201

// A time step of 0 seconds does not advance.
#define ZAMOK_E_PERIOD_ZERO 202

// A secret is below the 16 bytes that RFC 4226 requires.
#define ZAMOK_E_SECRET_TOO_SHORT 203

// A secret exceeds the limit of 128 bytes.
#define ZAMOK_E_SECRET_TOO_LONG 204

// A code has another number of characters than belong there.
#define ZAMOK_E_CODE_LENGTH 205

// A character does not belong in a code.
#define ZAMOK_E_CODE_CHARACTER 206

// The counter is exhausted.
#define ZAMOK_E_COUNTER_EXHAUSTED 207

// A window exceeds the limit of 128 steps.
#define ZAMOK_E_WINDOW_TOO_WIDE 208

// The time lies before the T0 of the key.
#define ZAMOK_E_TIME_BEFORE_T0 209

// A character is not base32.
#define ZAMOK_E_BASE32 210

// No randomness was to be had.
#define ZAMOK_E_RANDOMNESS 211

// Otpauth URI: it does not begin with otpauth://.
#define ZAMOK_E_URI_SCHEME 220

// Otpauth URI: the type is neither hotp nor totp.
#define ZAMOK_E_URI_TYPE 221

// Otpauth URI: the label or a value is not percent-encoded UTF-8.
#define ZAMOK_E_URI_ENCODING 222

// Otpauth URI: the secret is missing.
#define ZAMOK_E_URI_SECRET_MISSING 223

// Otpauth URI: the algorithm is not SHA1, SHA256 or SHA512.
#define ZAMOK_E_URI_ALGORITHM 224

// Otpauth URI: digits, period or counter is not a number in range.
#define ZAMOK_E_URI_NUMBER 225

// Otpauth URI: the counter of an HOTP key is missing.
#define ZAMOK_E_URI_COUNTER_MISSING 226

// Otpauth URI: a parameter is given twice, or the issuers disagree.
#define ZAMOK_E_URI_CONFLICT 227

// Otpauth URI: it is longer than 4096 bytes.
#define ZAMOK_E_URI_TOO_LONG 228

// Otpauth URI: a T0 other than 1970 cannot be written in it.
#define ZAMOK_E_URI_T0 229

// Otpauth URI: the issuer or account is empty or holds a colon, control characters or outer blanks.
#define ZAMOK_E_URI_LABEL 230

// Otpauth URI: a parameter is unknown or does not belong to the type.
#define ZAMOK_E_URI_PARAMETER 231

// OCRA: the suite does not begin with OCRA-1: or is longer than 64 bytes.
#define ZAMOK_E_OCRA_VERSION 240

// OCRA: the crypto function is none that is known.
#define ZAMOK_E_OCRA_CRYPTO_FUNCTION 241

// OCRA: the data input is not [C-]Qfxx[-PSHAn][-Snnn][-Tnu].
#define ZAMOK_E_OCRA_DATA_INPUT 242

// OCRA: an input that the suite names is missing.
#define ZAMOK_E_OCRA_MISSING 243

// OCRA: an input is given that the suite does not name.
#define ZAMOK_E_OCRA_SURPLUS 244

// OCRA: a question is empty or longer than the suite allows.
#define ZAMOK_E_OCRA_QUESTION_LENGTH 245

// OCRA: a question holds a character that is not of the suite's format.
#define ZAMOK_E_OCRA_QUESTION_CHARACTER 246

// OCRA: the digest of the password has the wrong length.
#define ZAMOK_E_OCRA_PASSWORD_LENGTH 247

// OCRA: the session data is longer than the suite allows.
#define ZAMOK_E_OCRA_SESSION_LENGTH 248

// OCRA: a signature takes no session data.
#define ZAMOK_E_OCRA_MODE 249

// No such key.
#define ZAMOK_E_UNKNOWN_KEY 301

// The key is of another kind than the mechanism needs.
#define ZAMOK_E_KEY_KIND 302

// The key's usage does not allow this operation.
#define ZAMOK_E_KEY_USAGE 303

// The key serves another purpose.
#define ZAMOK_E_KEY_PURPOSE 304

// The state of the key does not allow this operation.
#define ZAMOK_E_KEY_STATE 305

// What was given exceeds its limit.
#define ZAMOK_E_TOO_LONG 306

// The key does not allow this mechanism.
#define ZAMOK_E_KEY_MECHANISM 307

// Attributes of a key can be taken away, never given back.
#define ZAMOK_E_KEY_WIDENED 308

// The key may not leave the vault, not even wrapped.
#define ZAMOK_E_KEY_NOT_WRAPPABLE 309

// The wrapping key was not marked as trusted.
#define ZAMOK_E_KEY_NOT_TRUSTED 310

// The wrapping key is weaker than the key that it would protect.
#define ZAMOK_E_KEY_TOO_WEAK 311

// The key is used outside of the time for which it was made.
#define ZAMOK_E_KEY_NOT_VALID 312

// The key was made so that this cannot be done to it.
#define ZAMOK_E_KEY_FIXED 313

// Each use of the key needs an authorisation of its own.
#define ZAMOK_E_KEY_UNAUTHORISED 314

// What was given is no key of this kind.
#define ZAMOK_E_KEY_MATERIAL 315

// This build does not compute with keys of this kind.
#define ZAMOK_E_KEY_UNSUPPORTED 316

// A self-test failed: the vault is closed.
#define ZAMOK_E_SELF_TEST 317

// The key has sealed as many messages as its mechanism bears.
#define ZAMOK_E_KEY_EXHAUSTED 318

// The vault is locked.
#define ZAMOK_E_LOCKED 401

// Unlocking is delayed after failed attempts.
#define ZAMOK_E_UNLOCK_NOT_BEFORE 402

// This way of unlocking was disabled after too many failed attempts.
#define ZAMOK_E_SLOT_DISABLED 403

// The store already holds a vault.
#define ZAMOK_E_VAULT_EXISTS 404

// The store holds no vault: create one first.
#define ZAMOK_E_NO_VAULT 405

// The format has a version that this library does not know.
#define ZAMOK_E_FORMAT 406

// The role in which the vault was opened does not allow this.
#define ZAMOK_E_ROLE 407

// The vault has no such slot.
#define ZAMOK_E_NO_SLOT 408

// A vault keeps at least one officer: this is the last.
#define ZAMOK_E_LAST_SLOT 409

// The vault has no room for another slot.
#define ZAMOK_E_SLOTS_FULL 410

// No slot of the vault is for this role and this sort of secret.
#define ZAMOK_E_SLOT_METHOD 411

// The vault has no such data key.
#define ZAMOK_E_NO_DATA_KEY 412

// The data key is still in use.
#define ZAMOK_E_DATA_KEY_IN_USE 413

// A row is older than it was before: the store was put back.
#define ZAMOK_E_PUT_BACK 414

// Token: it failed.
#define ZAMOK_E_TOKEN_FAILED 415

// Token: its module cannot be loaded.
#define ZAMOK_E_TOKEN_MODULE 416

// Token: no such token is there.
#define ZAMOK_E_TOKEN_ABSENT 417

// Token: several tokens or keys fit: say more of the one that is meant.
#define ZAMOK_E_TOKEN_AMBIGUOUS 418

// Token: it has no such key.
#define ZAMOK_E_TOKEN_NO_KEY 419

// Token: its PIN is wrong.
#define ZAMOK_E_TOKEN_PIN 420

// Token: its PIN is locked.
#define ZAMOK_E_TOKEN_PIN_LOCKED 421

// Token: its PIN was not set, has to be changed, or was not given.
#define ZAMOK_E_TOKEN_PIN_UNSET 422

// Token: the key computes no HMAC-SHA-256, or could leave the token.
#define ZAMOK_E_TOKEN_KEY_UNFIT 423

// Token: it has a key of this name already.
#define ZAMOK_E_TOKEN_KEY_EXISTS 424

// Token: the URI cannot be used.
#define ZAMOK_E_TOKEN_URI 425

// Share: characters are missing, or there are too many.
#define ZAMOK_E_SHARE_LENGTH 430

// Share: a line was copied wrongly, or belongs to another share.
#define ZAMOK_E_SHARE_LINE 431

// Share: more shares are needed.
#define ZAMOK_E_SHARE_FEW 432

// Share: they are of different sets, or of another vault.
#define ZAMOK_E_SHARE_MIXED 433

// Share: one was given twice.
#define ZAMOK_E_SHARE_TWICE 434

// Share: so many of so many cannot be made.
#define ZAMOK_E_SHARE_SPLIT 435

// Rows of this table are emptied, never deleted.
#define ZAMOK_E_ROW_STAYS 436

// Backup: the file cannot be read or written.
#define ZAMOK_E_BACKUP_FILE 440

// Backup: the file is no backup of Zamok.
#define ZAMOK_E_BACKUP_FOREIGN 441

// Backup: the file was cut or altered.
#define ZAMOK_E_BACKUP_DAMAGED 442

// Backup: the target is not empty: restore into a new store.
#define ZAMOK_E_BACKUP_NOT_EMPTY 443

// Backup: this sort of store gives no view of one moment.
#define ZAMOK_E_BACKUP_NO_SNAPSHOT 444

// Backup: the store was not filled to the end: run the same command again.
#define ZAMOK_E_BACKUP_UNFINISHED 445

// Backup: the vault has moved to another store.
#define ZAMOK_E_BACKUP_MOVED 446

// Backup: the store that is left was written to meanwhile: end everything that has it open.
#define ZAMOK_E_BACKUP_CHANGED 447

// The journal does not extend what was signed or anchored before: it was rewritten.
#define ZAMOK_E_LOG_FORKED 450

// The journal has fewer entries than were signed or anchored: the store was put back.
#define ZAMOK_E_LOG_BEHIND 451

// No signed checkpoint covers the entry yet.
#define ZAMOK_E_UNCOVERED 452

// Too few witnesses have cosigned the checkpoint.
#define ZAMOK_E_UNWITNESSED 453

// This vault opens only with its anchor, which was not named or is not there.
#define ZAMOK_E_ANCHOR_MISSING 454

// The same rows keep changing: nothing was done, try again.
#define ZAMOK_E_BUSY 501

// A budget is spent: nothing was done.
#define ZAMOK_E_CAPPED 502

// Store: other code in this process has taken its locks away.
#define ZAMOK_E_STORE_UNLOCKED 503

// Store: something is there already.
#define ZAMOK_E_STORE_EXISTS 504

// Store: the version of its server is too old.
#define ZAMOK_E_STORE_SERVER 506

// Store: its server is a standby, and only the primary may decide.
#define ZAMOK_E_STORE_STANDBY 507

// Store: its server did not prove who it is.
#define ZAMOK_E_STORE_UNTRUSTED 508

// Store: it cannot be reached.
#define ZAMOK_E_STORE_UNAVAILABLE 510

// Store: the outcome of a commit is unknown.
#define ZAMOK_E_STORE_OUTCOME_UNKNOWN 511

// Store: it is damaged: restore it from a backup.
#define ZAMOK_E_STORE_CORRUPT 512

// Store: there is no room left.
#define ZAMOK_E_STORE_FULL 513

// Store: it may only be read.
#define ZAMOK_E_STORE_READ_ONLY 514

// Store: it was removed or replaced while it was open.
#define ZAMOK_E_STORE_GONE 515

// Store: there is none at this place.
#define ZAMOK_E_STORE_MISSING 516

// Store: access is denied.
#define ZAMOK_E_STORE_DENIED 517

// Store: another process held it for too long.
#define ZAMOK_E_STORE_CONTENDED 518

// Store: its layout has a version that this library does not know.
#define ZAMOK_E_STORE_LAYOUT 519

// Store: its settings would lose acknowledged commits.
#define ZAMOK_E_STORE_NOT_DURABLE 520

// Store: the URL names no store that this program knows.
#define ZAMOK_E_STORE_URL 521

// Store: it is not a store of Zamok.
#define ZAMOK_E_STORE_FOREIGN 522

// This is not a usable login: use 1 to 128 letters, digits or signs without spaces.
#define ZAMOK_E_LOGIN_UNUSABLE 601

// This login is taken.
#define ZAMOK_E_LOGIN_TAKEN 602

// The password has too few characters.
#define ZAMOK_E_PASSWORD_TOO_SHORT 603

// The password is too long.
#define ZAMOK_E_PASSWORD_TOO_LONG 604

// The password needs upper and lower case, a digit and another character.
#define ZAMOK_E_PASSWORD_CLASSES 605

// The password has characters that cannot be typed everywhere.
#define ZAMOK_E_PASSWORD_UNUSABLE 606

// The account has a generator already.
#define ZAMOK_E_FACTOR_EXISTS 607

// Nothing is being enrolled: offer a generator first.
#define ZAMOK_E_NOTHING_OFFERED 608

// The session has ended: log in again.
#define ZAMOK_E_SESSION_ENDED 609

// This is not a usable name for a service: 1 to 128 bytes without a colon.
#define ZAMOK_E_ISSUER_UNUSABLE 610

// The policy is none that this program can go by.
#define ZAMOK_E_POLICY_UNSOUND 611

// The password is too easy to guess.
#define ZAMOK_E_PASSWORD_WEAK 612

// This is not the hash of a password in a form that is known.
#define ZAMOK_E_HASH_UNKNOWN 613

// This is neither a phone number nor an e-mail address.
#define ZAMOK_E_CONTACT_UNUSABLE 614

// Another account has this phone or address.
#define ZAMOK_E_CONTACT_TAKEN 615

// The account may not do this.
#define ZAMOK_E_NOT_ALLOWED 616

// The account may not act now, or from here.
#define ZAMOK_E_OUTSIDE_LIMITS 617

// The account is not in a state for this.
#define ZAMOK_E_ACCOUNT_STATE 618

// This power cannot be given, accepted or ended so.
#define ZAMOK_E_POWER_UNUSABLE 619

// There are as many as there may be.
#define ZAMOK_E_TOO_MANY 620

// The account has no factor of this kind.
#define ZAMOK_E_METHOD_UNAVAILABLE 650

// This needs the strongest factor of the account.
#define ZAMOK_E_METHOD_TOO_WEAK 651

// Another code cannot be sent yet.
#define ZAMOK_E_RESEND_TOO_SOON 652

// No code has arrived: turn to support.
#define ZAMOK_E_SUPPORT_NEEDED 653

// Too many messages were sent there: try again later.
#define ZAMOK_E_TOO_MANY_MESSAGES 654

// Show again who you are: the last authentication is too old for this.
#define ZAMOK_E_FRESH_AUTHENTICATION_NEEDED 655

// The account has as many known devices as it may: remove one.
#define ZAMOK_E_TOO_MANY_DEVICES 656

// The account has no such device.
#define ZAMOK_E_DEVICE_UNKNOWN 657

// The operation cannot be shown.
#define ZAMOK_E_OPERATION_UNUSABLE 658

// This id names another operation: draw a new one.
#define ZAMOK_E_OPERATION_TAKEN 659

// The account has no such operation.
#define ZAMOK_E_OPERATION_UNKNOWN 660

// The operation was executed or cancelled, or its time is over.
#define ZAMOK_E_OPERATION_OVER 661

// The operation is not confirmed as it stands.
#define ZAMOK_E_OPERATION_NOT_CONFIRMED 662

// The device has not approved yet.
#define ZAMOK_E_APPROVAL_PENDING 663

// The old channel has to agree first.
#define ZAMOK_E_OLD_CHANNEL_NEEDED 664

// The account would be left without a factor: add another one first.
#define ZAMOK_E_LAST_FACTOR 665

// This is not a usable PIN.
#define ZAMOK_E_PIN_UNUSABLE 666

// This is not a public key on P-256.
#define ZAMOK_E_PUBLIC_KEY_UNUSABLE 667

// This notice cannot be sent: it needs a text, a title of one line, an https link.
#define ZAMOK_E_NOTICE_UNUSABLE 680

// These preferences cannot be kept: security messages cannot be turned off.
#define ZAMOK_E_PREFERENCES_UNUSABLE 681

// This is not a push subscription.
#define ZAMOK_E_SUBSCRIPTION_UNUSABLE 682

// A pointer is null that must not be.
#define ZAMOK_E_NULL_POINTER 800

// The buffer is too small: the length that is needed was written.
#define ZAMOK_E_BUFFER_TOO_SMALL 801

// A text is not UTF-8.
#define ZAMOK_E_NOT_UTF8 802

// This is no live handle of the kind that belongs here, or no key that was made ready.
#define ZAMOK_E_HANDLE 803

// The size in front of a struct is not that of a version that is known.
#define ZAMOK_E_STRUCT_SIZE 804

// A length exceeds all memory.
#define ZAMOK_E_LENGTH_TOO_GREAT 805

// A number is none of those that belong here.
#define ZAMOK_E_ARGUMENT 806

// A fault inside the library: nothing was granted.
#define ZAMOK_E_PANIC 807

// There are as many open handles as there can be.
#define ZAMOK_E_OUT_OF_HANDLES 808

// The vault is there and open, and not kept by its anchor yet.
#define ZAMOK_E_ANCHOR_UNWRITTEN 809

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Writes a secret of at most `ZAMOK_SECRET_MAX` bytes in capitals and without padding, as authenticator apps expect it.
//
// Errors: `ZAMOK_E_SECRET_TOO_LONG`.
ZAMOK_MUST_USE
zamok_status zamok_base32_encode(const uint8_t *bytes,
                                 size_t bytes_length,
                                 char *text,
                                 size_t capacity,
                                 size_t *length);

// Reads a secret as issuers write it and people type it: either case, blanks and hyphens between groups, padding or none;
// with `ZAMOK_STRICT` as RFC 4648 section 6 writes it. With `ZAMOK_ACCEPT_WEAK` also one below 16 bytes.
//
// Errors: `ZAMOK_E_BASE32`, `ZAMOK_E_SECRET_TOO_SHORT`, `ZAMOK_E_SECRET_TOO_LONG`.
ZAMOK_MUST_USE
zamok_status zamok_base32_decode(const char *text,
                                 size_t text_length,
                                 uint32_t flags,
                                 uint8_t *bytes,
                                 size_t capacity,
                                 size_t *length);

// Makes a key ready. `parameters` may be null: the usual ones.
//
// Errors: as zamok_totp_init().
ZAMOK_MUST_USE
zamok_status zamok_hotp_init(struct zamok_hotp *key,
                             const uint8_t *secret_bytes,
                             size_t secret_length,
                             const struct zamok_hotp_parameters *parameters);

// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
void zamok_hotp_wipe(struct zamok_hotp *key);

// The code of a counter: up to `ZAMOK_CODE_MAX` characters and a zero byte.
ZAMOK_MUST_USE
zamok_status zamok_hotp_code(const struct zamok_hotp *key,
                             uint64_t counter,
                             char *code,
                             size_t capacity,
                             size_t *length);

// Looks a typed code up at the expected counter and `look_ahead` beyond it, in constant time.
//
// **The caller has to spend the counter**: store `*counter_found` + 1 as the next one, in one atomic exchange, before
// acting on `ZAMOK_OK`. zamok_hotp_check() does more: it also keeps the same digits from counting at another counter.
//
// Errors: `ZAMOK_E_REJECTED`, also for what is no code; `ZAMOK_E_WINDOW_TOO_WIDE` above 128 counters.
ZAMOK_MUST_USE
zamok_status zamok_hotp_verify(const struct zamok_hotp *key,
                               const char *code,
                               size_t code_length,
                               uint64_t counter,
                               uint32_t look_ahead,
                               uint64_t *counter_found);

// Checks a typed code against a state and, when it is accepted, moves that state on. Of several counters with these
// digits the lowest is accepted, and the others are spent with it. **The code is spent only when the new state has been
// stored**, in one exchange against the one that went in.
//
// Errors: `ZAMOK_E_REJECTED` (the state is unchanged; `checked`, which may be null, knows why);
// `ZAMOK_E_WINDOW_TOO_WIDE`.
ZAMOK_MUST_USE
zamok_status zamok_hotp_check(const struct zamok_hotp *key,
                              const char *code,
                              size_t code_length,
                              uint32_t look_ahead,
                              struct zamok_hotp_state *state,
                              struct zamok_checked *checked);

// Finds a counter that has run far ahead, by two codes that followed each other (RFC 4226 section 7.4): both must be
// right, one behind the other, at most `look_ahead` counters from the expected one, up to 9,999.
//
// Errors: as zamok_hotp_check().
ZAMOK_MUST_USE
zamok_status zamok_hotp_resynchronise(const struct zamok_hotp *key,
                                      const char *first,
                                      size_t first_length,
                                      const char *second,
                                      size_t second_length,
                                      uint32_t look_ahead,
                                      struct zamok_hotp_state *state,
                                      struct zamok_checked *checked);

// Makes a key ready for a suite such as "OCRA-1:HOTP-SHA1-6:QN08". `flags` is 0 or `ZAMOK_ACCEPT_WEAK`.
//
// Errors: those of the suite (`ZAMOK_E_OCRA_VERSION`, `…_CRYPTO_FUNCTION`, `…_DATA_INPUT`); as zamok_totp_init().
ZAMOK_MUST_USE
zamok_status zamok_ocra_init(struct zamok_ocra *key,
                             const uint8_t *secret_bytes,
                             size_t secret_length,
                             const char *suite,
                             size_t suite_length,
                             uint32_t flags);

// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
void zamok_ocra_wipe(struct zamok_ocra *key);

// The response to a challenge, or a signature: up to `ZAMOK_RESPONSE_MAX` characters and a zero byte.
//
// Errors: `ZAMOK_E_OCRA_…` where the inputs do not fit the suite.
ZAMOK_MUST_USE
zamok_status zamok_ocra_respond(const struct zamok_ocra *key,
                                const struct zamok_ocra_input *input,
                                char *response,
                                size_t capacity,
                                size_t *length);

// Verifies a typed response, or a signature, in constant time: at the expected counter and `look_ahead` beyond it, and in
// so many time steps before and after the given time; together at most 128.
//
// Errors: `ZAMOK_E_REJECTED`, also for what is no response; `ZAMOK_E_OCRA_…` where the inputs do not fit the suite;
// `ZAMOK_E_WINDOW_TOO_WIDE`.
ZAMOK_MUST_USE
zamok_status zamok_ocra_verify(const struct zamok_ocra *key,
                               const struct zamok_ocra_input *input,
                               const char *response,
                               size_t response_length,
                               uint32_t look_ahead,
                               uint32_t past,
                               uint32_t future,
                               struct zamok_ocra_match *matched);

// Makes a key ready. `parameters` may be null: the usual ones.
//
// Errors: `ZAMOK_E_SECRET_TOO_SHORT` below 16 bytes (RFC 4226 section 4), `ZAMOK_E_SECRET_TOO_LONG` above 128,
// `ZAMOK_E_DIGITS`, `ZAMOK_E_ARGUMENT`.
ZAMOK_MUST_USE
zamok_status zamok_totp_init(struct zamok_totp *key,
                             const uint8_t *secret_bytes,
                             size_t secret_length,
                             const struct zamok_totp_parameters *parameters);

// Wipes a key. Null is nothing; a key that was wiped is refused by every function.
void zamok_totp_wipe(struct zamok_totp *key);

// The code of a moment, in seconds since 1970: up to `ZAMOK_CODE_MAX` characters and a zero byte.
//
// Errors: `ZAMOK_E_TIME_BEFORE_T0`.
ZAMOK_MUST_USE
zamok_status zamok_totp_code(const struct zamok_totp *key,
                             uint64_t now,
                             char *code,
                             size_t capacity,
                             size_t *length);

// For how many more seconds the code of this moment is the current one: 1 up to the period.
//
// Errors: `ZAMOK_E_TIME_BEFORE_T0`.
ZAMOK_MUST_USE
zamok_status zamok_totp_seconds_left(const struct zamok_totp *key,
                                     uint64_t now,
                                     uint64_t *seconds);

// Looks a typed code up in a window of steps around `now`: so many before, so many after. All steps are computed, in
// constant time.
//
// **The caller has to spend the step**: refuse it and every earlier one from then on, in one atomic exchange, before
// acting on `ZAMOK_OK`. zamok_totp_check() keeps count of that.
//
// Errors: `ZAMOK_E_REJECTED`, also for what is no code; `ZAMOK_E_TIME_BEFORE_T0`; `ZAMOK_E_WINDOW_TOO_WIDE` above 128
// steps.
ZAMOK_MUST_USE
zamok_status zamok_totp_verify(const struct zamok_totp *key,
                               const char *code,
                               size_t code_length,
                               uint64_t now,
                               uint32_t past,
                               uint32_t future,
                               uint64_t *step);

// Checks a typed code against a state and, when it is accepted, moves that state on.
//
// The window lies around the present step and the drift of the state, which is kept within `drift_limit` steps. Of the
// steps with these digits above the last accepted one the highest is accepted. **The code is spent only when the new
// state has been stored**, in one exchange against the one that went in.
//
// Errors: `ZAMOK_E_REJECTED` (the state is unchanged; `checked`, which may be null, knows why); misuse as in
// zamok_totp_verify().
ZAMOK_MUST_USE
zamok_status zamok_totp_check(const struct zamok_totp *key,
                              const char *code,
                              size_t code_length,
                              uint64_t now,
                              uint32_t past,
                              uint32_t future,
                              uint32_t drift_limit,
                              struct zamok_totp_state *state,
                              struct zamok_checked *checked);

// Checks many codes, each as zamok_totp_check() does, with several keys side by side: a few times faster than one by one.
// `attempt_size` is `sizeof(zamok_totp_attempt)`.
//
// Answers `ZAMOK_OK` when every entry was looked at: each has its own status. Nothing of an entry with misuse is computed.
ZAMOK_MUST_USE
zamok_status zamok_totp_check_batch(struct zamok_totp_attempt *attempts,
                                    size_t count,
                                    size_t attempt_size,
                                    uint32_t past,
                                    uint32_t future,
                                    uint32_t drift_limit);

// Reads an `otpauth://` URI: tolerant of what issuers write, or with `ZAMOK_STRICT` as the format says, or with
// `ZAMOK_ACCEPT_WEAK` also with a secret below 16 bytes.
//
// The texts go to `texts`, each ended by a zero byte, and `uri` says where each stands. Never more is needed than the
// length of the URI and 3 bytes. Needs some 9 KiB of stack.
//
// Errors: `ZAMOK_E_URI_…`, `ZAMOK_E_BASE32`, `ZAMOK_E_SECRET_TOO_SHORT`, `ZAMOK_E_SECRET_TOO_LONG`, `ZAMOK_E_DIGITS`,
// `ZAMOK_E_PERIOD_ZERO`.
ZAMOK_MUST_USE
zamok_status zamok_uri_parse(const char *text,
                             size_t text_length,
                             uint32_t flags,
                             struct zamok_uri *uri,
                             char *texts,
                             size_t capacity,
                             size_t *length);

// Writes the URI of a TOTP key, every parameter spelled out: draw a QR code of it, then wipe it. `issuer` may be null,
// `parameters` too. At most `ZAMOK_URI_MAX` bytes and a zero byte.
//
// Errors: `ZAMOK_E_URI_LABEL` for a name that could not be read back; `ZAMOK_E_URI_T0`; `ZAMOK_E_URI_TOO_LONG`; as
// zamok_totp_init().
ZAMOK_MUST_USE
zamok_status zamok_totp_uri(const uint8_t *secret_bytes,
                            size_t secret_length,
                            const struct zamok_totp_parameters *parameters,
                            const char *issuer,
                            size_t issuer_length,
                            const char *account,
                            size_t account_length,
                            char *text,
                            size_t capacity,
                            size_t *length);

// Writes the URI of an HOTP key whose next code is that of `counter`. As zamok_totp_uri() otherwise.
ZAMOK_MUST_USE
zamok_status zamok_hotp_uri(const uint8_t *secret_bytes,
                            size_t secret_length,
                            const struct zamok_hotp_parameters *parameters,
                            uint64_t counter,
                            const char *issuer,
                            size_t issuer_length,
                            const char *account,
                            size_t account_length,
                            char *text,
                            size_t capacity,
                            size_t *length);

#if defined(ZAMOK_VAULT)
// Makes a store where there is none, and a vault in it, and opens it. `url` is "sqlite:PATH", "postgres://…" or
// "memory:"; `options` may be null. A passphrase has any bytes; 80 bits of entropy are advised.
//
// Errors: `ZAMOK_E_VAULT_EXISTS`; `ZAMOK_E_ANCHOR_UNWRITTEN`, with which the handle is given (zamok_options); those of the store
// (`ZAMOK_E_STORE_…`).
ZAMOK_MUST_USE
zamok_status zamok_vault_create(const char *url,
                                size_t url_length,
                                const char *passphrase,
                                size_t passphrase_length,
                                const struct zamok_options *options,
                                struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// The same with another secret than a passphrase. With shares: make the vault with a key first, then zamok_slot_add_split().
//
// Errors: as zamok_vault_create(); `ZAMOK_E_ARGUMENT` for what is no secret of its kind; `ZAMOK_E_TOO_LONG` for a key of
// another length; `ZAMOK_E_SHARE_…`.
ZAMOK_MUST_USE
zamok_status zamok_vault_create_with(const char *url,
                                     size_t url_length,
                                     const struct zamok_secret *secret,
                                     const struct zamok_options *options,
                                     struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// Opens the vault that is there.
//
// Errors: `ZAMOK_E_REJECTED` for a wrong passphrase; `ZAMOK_E_UNLOCK_NOT_BEFORE` while failures delay further attempts
// (zamok_error_text() says until when); `ZAMOK_E_NO_VAULT`; those of the store.
ZAMOK_MUST_USE
zamok_status zamok_vault_open(const char *url,
                              size_t url_length,
                              const char *passphrase,
                              size_t passphrase_length,
                              const struct zamok_options *options,
                              struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// Opens the vault that is there in a role, one of `ZAMOK_ROLE_…`, as zamok_vault_open() does for its user: an officer keeps
// the doors (zamok_slot_add()) and uses nobody's keys, an auditor reads the journal.
//
// Errors: as zamok_vault_open(); `ZAMOK_E_SLOT_METHOD` when no slot is for this role; `ZAMOK_E_ARGUMENT` for another role.
ZAMOK_MUST_USE
zamok_status zamok_vault_open_as(const char *url,
                                 size_t url_length,
                                 const char *passphrase,
                                 size_t passphrase_length,
                                 uint32_t role,
                                 const struct zamok_options *options,
                                 struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// The same with any secret, through the slot that it names or the first that is for the role and for this kind of secret.
//
// Errors: as zamok_vault_open_as(), `ZAMOK_E_REJECTED` also for a wrong key, PIN or secret of a device, and for shares that were
// altered; `ZAMOK_E_NO_SLOT`, and `ZAMOK_E_SLOT_METHOD` for a slot that is opened otherwise; as zamok_vault_create_with().
ZAMOK_MUST_USE
zamok_status zamok_vault_open_with(const char *url,
                                   size_t url_length,
                                   const struct zamok_secret *secret,
                                   uint32_t role,
                                   const struct zamok_options *options,
                                   struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// The vault beneath a cabinet: a handle of its own, to be freed by itself. Both are locked when one is.
ZAMOK_MUST_USE
zamok_status zamok_cabinet_vault(const struct zamok_cabinet *cabinet,
                                 struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// Takes the keys away: later calls answer `ZAMOK_E_LOCKED`, and the keys are wiped once calls under way end. Open the
// vault again for a new handle.
ZAMOK_MUST_USE
zamok_status zamok_vault_lock(const struct zamok_vault *vault);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
void zamok_vault_free(struct zamok_vault *vault);
#endif

#if defined(ZAMOK_VAULT)
// Changes the password of the account of a session that is fresh. Every session of the account ends, this one as well, and the
// owner is told. For a while the old one still begins zamok_undo_begin(), and nothing else.
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone;
// `ZAMOK_E_REJECTED` when the old one is wrong; `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_PASSWORD_…` after the policy's rules.
ZAMOK_MUST_USE
zamok_status zamok_password_change(const struct zamok_cabinet *cabinet,
                                   const struct zamok_session *session,
                                   const char *old_password,
                                   size_t old_length,
                                   const char *new_password,
                                   size_t new_length);
#endif

#if defined(ZAMOK_VAULT)
// When the password of a session's account has to be changed, in seconds since 1970: what is past is due now. 0 where it has to be
// changed on compromise alone, as policy says unless it has `password.change_after`, and where no undo has taken it back.
//
// Errors: `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_password_due(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                uint64_t *due);
#endif

#if defined(ZAMOK_VAULT)
// Ends sessions of a session's account, `ZAMOK_OTHERS` or `ZAMOK_ALL`; tokens and open challenges end with them.
//
// Errors: `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_sessions_end(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                uint32_t which);
#endif

#if defined(ZAMOK_VAULT)
// New recovery codes for the account of a session that is fresh, to be written down: a line for each, shown this once; older ones are void.
// Wipe them once they are shown.
//
// Each call makes new ones: where there is no room for `ZAMOK_RECOVERY_CODES_MAX` bytes and a zero byte, none are made.
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_recovery_codes(const struct zamok_cabinet *cabinet,
                                  const struct zamok_session *session,
                                  char *codes,
                                  size_t capacity,
                                  size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// A right to enrol anew, for a password and a recovery code, which is spent; the account's factors are taken away. The
// challenge is one for zamok_enrolment_offer(). An account whose limits name networks comes back through
// zamok_recover_from() alone.
//
// Errors: `ZAMOK_E_REJECTED` for anything wrong, and outside of the account's limits.
ZAMOK_MUST_USE
zamok_status zamok_recover(const struct zamok_cabinet *cabinet,
                           const char *login,
                           size_t login_length,
                           const char *password,
                           size_t password_length,
                           const char *code,
                           size_t code_length,
                           struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// As zamok_recover(), with all that the service knows of whoever knocks; `approach` may be null. Its method does not count.
//
// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_recover().
ZAMOK_MUST_USE
zamok_status zamok_recover_from(const struct zamok_cabinet *cabinet,
                                const char *login,
                                size_t login_length,
                                const char *password,
                                size_t password_length,
                                const char *code,
                                size_t code_length,
                                const struct zamok_approach *approach,
                                struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// As zamok_login_begin(), with all that the service knows of whoever knocks. `approach` may be null.
//
// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` for a method that the account has not, after a right password; `ZAMOK_E_ARGUMENT` for an address
// that is none; as zamok_login_begin().
ZAMOK_MUST_USE
zamok_status zamok_login_begin_from(const struct zamok_cabinet *cabinet,
                                    const char *login,
                                    size_t login_length,
                                    const char *password,
                                    size_t password_length,
                                    const struct zamok_approach *approach,
                                    struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Begins a login without a password, from the known device of `approach`, whose owner has a PIN for it
// (zamok_enrolment_offer_pin()): the PIN answers the challenge.
//
// Errors: `ZAMOK_E_REJECTED` for a token that is no known device's any more, or has no PIN; `ZAMOK_E_METHOD_TOO_WEAK` where more than a
// PIN is wanted now: log in with the password.
ZAMOK_MUST_USE
zamok_status zamok_login_begin_by_device(const struct zamok_cabinet *cabinet,
                                         const struct zamok_approach *approach,
                                         struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Begins a login without a password, by a phone alone ("+79161234567"), for an account that has no stronger factor: a code is sent
// to it. Whether a phone is known is told to nobody: there is a challenge for every one. `approach` may be null.
//
// Errors: `ZAMOK_E_NOT_ALLOWED` where policy has no such logins (`contact.login`); `ZAMOK_E_CONTACT_UNUSABLE` for what is no phone.
ZAMOK_MUST_USE
zamok_status zamok_login_begin_by_phone(const struct zamok_cabinet *cabinet,
                                        const char *phone,
                                        size_t phone_length,
                                        const struct zamok_approach *approach,
                                        struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Offers a P-256 key that a device holds as a factor, by its public key (SubjectPublicKeyInfo in DER). The test is its signature over
// zamok_device_message() of what zamok_challenge_question() tells, as `ZAMOK_DEVICE_ANSWER_SIGN`, in base64url, to
// zamok_enrolment_confirm().
//
// Errors: `ZAMOK_E_PUBLIC_KEY_UNUSABLE`; `ZAMOK_E_TOO_LONG` for a label; as zamok_enrolment_offer().
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer_certificate(const struct zamok_cabinet *cabinet,
                                               const struct zamok_challenge *challenge,
                                               const uint8_t *public_key,
                                               size_t public_key_length,
                                               const char *label,
                                               size_t label_length);
#endif

#if defined(ZAMOK_VAULT)
// Offers approval on a known device of the account as a factor, by the public key that the device made for it
// (SubjectPublicKeyInfo in DER, P-256), and asks the device: zamok_device_approve() with the number that zamok_challenge_number() tells,
// then zamok_enrolment_confirm() without a code.
//
// Errors: `ZAMOK_E_PUBLIC_KEY_UNUSABLE`; `ZAMOK_E_DEVICE_UNKNOWN`; `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`;
// `ZAMOK_E_TOO_LONG` for a label; as zamok_enrolment_offer().
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer_push(const struct zamok_cabinet *cabinet,
                                        const struct zamok_challenge *challenge,
                                        const struct zamok_id *device,
                                        const uint8_t *public_key,
                                        size_t public_key_length,
                                        const char *label,
                                        size_t label_length);
#endif

#if defined(ZAMOK_VAULT)
// Sets a PIN for the known device of a session; the test is to type it once more (zamok_enrolment_confirm()). From then on
// zamok_login_begin_by_device() asks for it.
//
// Errors: `ZAMOK_E_PIN_UNUSABLE` for one that is too short or that everybody tries first; `ZAMOK_E_DEVICE_UNKNOWN` for a session of no
// known device; as zamok_enrolment_offer().
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer_pin(const struct zamok_cabinet *cabinet,
                                       const struct zamok_session *session,
                                       const struct zamok_challenge *challenge,
                                       const char *pin,
                                       size_t pin_length);
#endif

#if defined(ZAMOK_VAULT)
// What a device signs for a challenge, or to test an enrolment, that is answered by its certificate:
// `ZAMOK_DEVICE_QUESTION_LENGTH` bytes, for zamok_device_message(). Not a secret.
//
// Errors: `ZAMOK_E_REJECTED` for one that is over, was made up, or is answered otherwise.
ZAMOK_MUST_USE
zamok_status zamok_challenge_question(const struct zamok_cabinet *cabinet,
                                      const struct zamok_challenge *challenge,
                                      uint8_t *question,
                                      size_t capacity,
                                      size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// The number to show to whoever waits for the approval of a device, who types it there; after zamok_challenge_send_again() it is
// another one. Then ask with zamok_login_answer() without a code until it says something else than `ZAMOK_E_APPROVAL_PENDING`.
//
// Errors: as zamok_challenge_question().
ZAMOK_MUST_USE
zamok_status zamok_challenge_number(const struct zamok_cabinet *cabinet,
                                    const struct zamok_challenge *challenge,
                                    char *number,
                                    size_t capacity,
                                    size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// The bytes that a device signs (ECDSA on P-256 with SHA-256): `answer` is one of `ZAMOK_DEVICE_ANSWER_…`, `question` what it was asked,
// `number` what its owner typed where he approves, and null elsewhere. For the program on the device; no vault is needed.
//
// Errors: `ZAMOK_E_ARGUMENT` for another answer.
ZAMOK_MUST_USE
zamok_status zamok_device_message(uint32_t answer,
                                  const uint8_t *question,
                                  size_t question_length,
                                  const char *number,
                                  size_t number_length,
                                  uint8_t *message,
                                  size_t capacity,
                                  size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// A device approves what it was asked: `request` is what the pushed message says, `number` what its owner typed, `signature` that of the
// device's key over zamok_device_message() of both, in DER or as 64 bytes. Whoever waits goes on. A wrong number ends the
// request and the challenge: two digits bear no second guess.
//
// Errors: `ZAMOK_E_REJECTED` for everything that approves nothing.
ZAMOK_MUST_USE
zamok_status zamok_device_approve(const struct zamok_cabinet *cabinet,
                                  const uint8_t *request,
                                  size_t request_length,
                                  const char *number,
                                  size_t number_length,
                                  const uint8_t *signature,
                                  size_t signature_length);
#endif

#if defined(ZAMOK_VAULT)
// A device declines what it was asked. The challenge is over, and the owner is told: somebody has the password.
//
// Errors: as zamok_device_approve().
ZAMOK_MUST_USE
zamok_status zamok_device_decline(const struct zamok_cabinet *cabinet,
                                  const uint8_t *request,
                                  size_t request_length,
                                  const uint8_t *signature,
                                  size_t signature_length);
#endif

#if defined(ZAMOK_VAULT)
// Writes everything that a vault holds into a file that is not there yet, sealed under a passphrase of its own, for the eyes of
// its owner alone. It has its name only once it is whole and flushed. What one attempt at the passphrase costs is in
// `options`, of which nothing else counts; they may be null, and so may `info`.
//
// Errors: `ZAMOK_E_BACKUP_FILE` for a file that is there already, or cannot be written; `ZAMOK_E_REFUSED` when a row was
// altered; those of the store.
ZAMOK_MUST_USE
zamok_status zamok_backup(const struct zamok_vault *vault,
                          const char *file,
                          size_t file_length,
                          const char *passphrase,
                          size_t passphrase_length,
                          const struct zamok_options *options,
                          struct zamok_backup_info *info);
#endif

#if defined(ZAMOK_VAULT)
// The same, sealed so that any `needed` of `made` shares open it: at least two. Their texts are written one after the other,
// a remark in front of each, as the program `zamok` reads them. Give each to another person, and wipe them here. `info` may
// be null.
//
// They cannot be told twice: where there is no room for `made` times `ZAMOK_SHARE_MAX` bytes and a zero byte, nothing is
// written.
//
// Errors: `ZAMOK_E_SHARE_SPLIT` for numbers that make no shares; as zamok_backup().
ZAMOK_MUST_USE
zamok_status zamok_backup_split(const struct zamok_vault *vault,
                                const char *file,
                                size_t file_length,
                                uint32_t needed,
                                uint32_t made,
                                char *shares,
                                size_t capacity,
                                size_t *length,
                                struct zamok_backup_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Checks all of a backup without restoring it: that `secret`, its passphrase or the texts of enough shares, opens it, and that
// nothing was cut or altered. `info` may be null.
//
// Errors: `ZAMOK_E_REJECTED` for another secret; `ZAMOK_E_BACKUP_FILE`, `ZAMOK_E_BACKUP_FOREIGN`, `ZAMOK_E_BACKUP_DAMAGED`;
// `ZAMOK_E_SHARE_…`.
ZAMOK_MUST_USE
zamok_status zamok_backup_check(const char *file,
                                size_t file_length,
                                const char *secret,
                                size_t secret_length,
                                struct zamok_backup_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Restores a backup into a store that holds nothing, which is made where there is none, under a new passphrase, and opens the
// vault. All of the file is checked before anything is written. An attempt that was interrupted goes on when the same is
// asked again; until then the store opens for nobody.
//
// Whatever may have happened since the backup is lost, but for what a surviving journal tells: sessions and challenges end,
// codes of TOTP keys up to now are spent, HOTP keys are suspended, and a new log begins (docs/operations.md). `options` and
// `restored` may be null.
//
// Errors: `ZAMOK_E_REJECTED` for another secret, or, when an earlier attempt goes on, another passphrase;
// `ZAMOK_E_BACKUP_NOT_EMPTY`; with a journal `ZAMOK_E_LOG_FORKED`, `ZAMOK_E_LOG_BEHIND` when it is not that of the backup;
// `ZAMOK_E_ANCHOR_UNWRITTEN` when all is restored but for the anchor: `restored` is filled and the handle given then, and the
// same asked again is `ZAMOK_E_BACKUP_NOT_EMPTY`; as zamok_backup_check() and zamok_vault_create().
ZAMOK_MUST_USE
zamok_status zamok_restore(const struct zamok_backup_source *source,
                           const char *url,
                           size_t url_length,
                           const char *passphrase,
                           size_t passphrase_length,
                           const struct zamok_options *options,
                           struct zamok_restored *restored,
                           struct zamok_vault **vault);
#endif

#if defined(ZAMOK_VAULT)
// Makes a store where there is none, a vault in it, and a cabinet for one service, and opens them. `issuer` is the name of
// the service, as authenticator apps show it; the rest is as in zamok_vault_create(). A creation that was interrupted
// is finished.
//
// Errors: `ZAMOK_E_ISSUER_UNUSABLE`; `ZAMOK_E_POLICY_UNSOUND`; as zamok_vault_create(), `ZAMOK_E_ANCHOR_UNWRITTEN` with the handle.
ZAMOK_MUST_USE
zamok_status zamok_cabinet_create(const char *url,
                                  size_t url_length,
                                  const char *passphrase,
                                  size_t passphrase_length,
                                  const char *issuer,
                                  size_t issuer_length,
                                  const struct zamok_options *options,
                                  struct zamok_cabinet **cabinet);
#endif

#if defined(ZAMOK_VAULT)
// The same with another secret than a passphrase, as zamok_vault_create_with().
//
// Errors: as zamok_cabinet_create() and zamok_vault_create_with().
ZAMOK_MUST_USE
zamok_status zamok_cabinet_create_with(const char *url,
                                       size_t url_length,
                                       const struct zamok_secret *secret,
                                       const char *issuer,
                                       size_t issuer_length,
                                       const struct zamok_options *options,
                                       struct zamok_cabinet **cabinet);
#endif

#if defined(ZAMOK_VAULT)
// Opens the vault and the cabinet that are there.
//
// Errors: as zamok_vault_open().
ZAMOK_MUST_USE
zamok_status zamok_cabinet_open(const char *url,
                                size_t url_length,
                                const char *passphrase,
                                size_t passphrase_length,
                                const struct zamok_options *options,
                                struct zamok_cabinet **cabinet);
#endif

#if defined(ZAMOK_VAULT)
// The same with another secret than a passphrase, for the vault's user, through the slot that it names or the first that fits.
//
// Errors: as zamok_vault_open_with().
ZAMOK_MUST_USE
zamok_status zamok_cabinet_open_with(const char *url,
                                     size_t url_length,
                                     const struct zamok_secret *secret,
                                     const struct zamok_options *options,
                                     struct zamok_cabinet **cabinet);
#endif

#if defined(ZAMOK_VAULT)
// Takes the keys away, as zamok_vault_lock() does.
ZAMOK_MUST_USE zamok_status zamok_cabinet_lock(const struct zamok_cabinet *cabinet);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
void zamok_cabinet_free(struct zamok_cabinet *cabinet);
#endif

#if defined(ZAMOK_VAULT)
// Makes an account.
//
// Errors: `ZAMOK_E_LOGIN_UNUSABLE`, `ZAMOK_E_LOGIN_TAKEN`, `ZAMOK_E_PASSWORD_…` after the policy's rules.
ZAMOK_MUST_USE
zamok_status zamok_register(const struct zamok_cabinet *cabinet,
                            const char *login,
                            size_t login_length,
                            const char *password,
                            size_t password_length);
#endif

#if defined(ZAMOK_VAULT)
// Begins to replace a factor (its id is from zamok_factor_get()) by another, of the same kind or of another one, in a session
// that is fresh. Offer the new one in `enrolment` and confirm it there, as after zamok_enrolment_begin(): until then the old
// one counts. Where policy wants both channels, the old one is asked at once: `agreement` is for zamok_change_agree(),
// before the new one is confirmed; otherwise it is null.
//
// Errors: `ZAMOK_E_REJECTED` when the account has no such factor that counts; `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`
// (zamok_again_begin()); `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_change_begin(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                const struct zamok_id *factor,
                                struct zamok_challenge **enrolment,
                                struct zamok_challenge **agreement);
#endif

#if defined(ZAMOK_VAULT)
// The factor that is to be replaced agrees, with its answer to the challenge of zamok_change_begin(), under the name of this
// attempt.
//
// Errors: `ZAMOK_E_REJECTED` for everything that is not a right answer to the challenge of a change that is under way;
// `ZAMOK_E_APPROVAL_PENDING`; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_change_agree(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                const struct zamok_challenge *agreement,
                                const char *code,
                                size_t code_length,
                                const struct zamok_id *request);
#endif

#if defined(ZAMOK_VAULT)
// Checks a login and a password, which may be the one before, and asks a factor that was replaced, dropped or set aside lately
// whether that shall be taken back: the one that the account has had longest, unless `approach` names another. For an owner who was
// told of a change that was not his. `approach` may be null.
//
// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` when nothing was replaced lately; as zamok_login_begin_from().
ZAMOK_MUST_USE
zamok_status zamok_undo_begin(const struct zamok_cabinet *cabinet,
                              const char *login,
                              size_t login_length,
                              const char *password,
                              size_t password_length,
                              const struct zamok_approach *approach,
                              struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Takes a change back, with the answer of the factor that was replaced to the challenge of zamok_undo_begin(): it stands where
// it stood, what came in since is gone, what was dropped since is back, every session has ended, and the owner has a new one.
//
// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_APPROVAL_PENDING`.
ZAMOK_MUST_USE
zamok_status zamok_undo_answer(const struct zamok_cabinet *cabinet,
                               const struct zamok_challenge *challenge,
                               const char *code,
                               size_t code_length,
                               const struct zamok_id *request,
                               struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// A clock that stands at `now`, in seconds since 1970. Give it in `zamok_options`.
ZAMOK_MUST_USE zamok_status zamok_clock_new(uint64_t now, struct zamok_clock **clock);
#endif

#if defined(ZAMOK_VAULT)
// Sets the clock for everybody who goes by it. Within one opened vault time never runs backwards all the same.
ZAMOK_MUST_USE
zamok_status zamok_clock_set(const struct zamok_clock *clock,
                             uint64_t now);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle; who goes by the clock still does. Null is nothing, and so is a handle that was freed.
void zamok_clock_free(struct zamok_clock *clock);
#endif

#if defined(ZAMOK_VAULT)
// Begins what an operation shall say. `name` and `version` (at most 65535) name the template, `language` is its language
// (BCP 47), such as "en", and `text` its text, with the name of a field in braces for each gap: "Pay {amount} to {payee}."
// The gaps are filled by zamok_content_set_text() and its like; whether all of it can be shown is judged when it is
// read or proposed.
//
// Errors: `ZAMOK_E_ARGUMENT` for a version that is none.
ZAMOK_MUST_USE
zamok_status zamok_content_new(const char *name,
                               size_t name_length,
                               uint32_t version,
                               const char *language,
                               size_t language_length,
                               const char *text,
                               size_t text_length,
                               struct zamok_content **content);
#endif

#if defined(ZAMOK_VAULT)
// Fills a gap with a line of text, 1 to 512 bytes; what filled it before gives way.
//
// Errors: `ZAMOK_E_OPERATION_UNUSABLE` beyond 32 fields.
ZAMOK_MUST_USE
zamok_status zamok_content_set_text(const struct zamok_content *content,
                                    const char *field,
                                    size_t field_length,
                                    const char *text,
                                    size_t text_length);
#endif

#if defined(ZAMOK_VAULT)
// Fills a gap with a whole number, as zamok_content_set_text() does.
ZAMOK_MUST_USE
zamok_status zamok_content_set_number(const struct zamok_content *content,
                                      const char *field,
                                      size_t field_length,
                                      int64_t number);
#endif

#if defined(ZAMOK_VAULT)
// Fills a gap with an amount: `minor` of the smallest units of `currency` (ISO 4217, three upper-case letters), of which the
// last `places` (at most 9) stand behind the point. 123456 with 2 places of "RUB" is shown as 1234.56 RUB.
//
// Errors: `ZAMOK_E_ARGUMENT` for a currency or a number of places that is none; as zamok_content_set_text().
ZAMOK_MUST_USE
zamok_status zamok_content_set_amount(const struct zamok_content *content,
                                      const char *field,
                                      size_t field_length,
                                      int64_t minor,
                                      uint32_t places,
                                      const char *currency,
                                      size_t currency_length);
#endif

#if defined(ZAMOK_VAULT)
// Fills a gap with a time, in seconds since 1970, which is shown to the second in UTC, as zamok_content_set_text() does.
ZAMOK_MUST_USE
zamok_status zamok_content_set_time(const struct zamok_content *content,
                                    const char *field,
                                    size_t field_length,
                                    uint64_t time);
#endif

#if defined(ZAMOK_VAULT)
// What would be shown of it: the template with every gap filled, at most `ZAMOK_CONTENT_MAX` bytes.
//
// Errors: `ZAMOK_E_OPERATION_UNUSABLE` when it cannot be shown: a gap that is not filled, a field without a gap, characters
// that cannot be seen; zamok_error_text() says what.
ZAMOK_MUST_USE
zamok_status zamok_content_text(const struct zamok_content *content,
                                char *text,
                                size_t capacity,
                                size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle. Null is nothing, and so is a handle that was freed.
void zamok_content_free(struct zamok_content *content);
#endif

#if defined(ZAMOK_VAULT)
// Makes the device of a session known, under a label of at most 128 bytes, and tells the token that it keeps, this once: a secret.
// From then on, strangers who guess at the account do not lock it out.
//
// It cannot be asked for twice: where there is no room for `ZAMOK_DEVICE_TOKEN_LENGTH` bytes and a zero byte, nothing happens.
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_TOO_MANY_DEVICES`; `ZAMOK_E_SESSION_ENDED`;
// `ZAMOK_E_TOO_LONG`.
ZAMOK_MUST_USE
zamok_status zamok_device_trust(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                const char *label,
                                size_t label_length,
                                char *token,
                                size_t capacity,
                                size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// The device of a session's account at a place, from 0: those that were blocked among them.
//
// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_device_get(const struct zamok_cabinet *cabinet,
                              const struct zamok_session *session,
                              size_t index,
                              struct zamok_device_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Blocks a device at once, lost or stolen: it is not recognised any more, approves nothing, and the sessions that it opened are
// over. No fresh session is needed, unless the account's only factor lies on it.
//
// Errors: `ZAMOK_E_DEVICE_UNKNOWN` when the account has no such device, or it is blocked already; `ZAMOK_E_SESSION_ENDED`; for its only
// factor `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`, and `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone.
ZAMOK_MUST_USE
zamok_status zamok_device_block(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                const struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Forgets a device, blocked or not, in a session that is fresh.
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; as zamok_device_block().
ZAMOK_MUST_USE
zamok_status zamok_device_remove(const struct zamok_cabinet *cabinet,
                                 const struct zamok_session *session,
                                 const struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Has messages pushed to the known device of a session from now on (RFC 8030), sealed for it (RFC 8291): `endpoint` is an https URL,
// `key` the device's public key, `secret` its authentication secret, as a browser's PushSubscription holds them. Another
// subscription of the device is replaced, in a session that is fresh.
//
// Errors: `ZAMOK_E_SUBSCRIPTION_UNUSABLE`; `ZAMOK_E_DEVICE_UNKNOWN` for a session of no known device; `ZAMOK_E_SESSION_ENDED`; where one is
// replaced `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`, and `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone.
ZAMOK_MUST_USE
zamok_status zamok_device_subscribe(const struct zamok_cabinet *cabinet,
                                    const struct zamok_session *session,
                                    const char *endpoint,
                                    size_t endpoint_length,
                                    const uint8_t *key,
                                    size_t key_length,
                                    const uint8_t *secret,
                                    size_t secret_length);
#endif

#if defined(ZAMOK_VAULT)
// Has nothing pushed to the device of a session any more. Twice is no error.
//
// Errors: as zamok_device_subscribe().
ZAMOK_MUST_USE
zamok_status zamok_device_unsubscribe(const struct zamok_cabinet *cabinet,
                                      const struct zamok_session *session);
#endif

#if defined(ZAMOK_VAULT)
// Signs a document with the account's own key, in a session that is fresh: a detached signature, ECDSA over its SHA-256, in DER. It
// leaves only with the journal entry that records it; `name` is what that calls the document. `signed` may be null.
//
// Each call signs anew: where there is no room for `ZAMOK_DOCUMENT_SIGNATURE_MAX` bytes, nothing is signed.
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`; `ZAMOK_E_METHOD_TOO_WEAK` after a login by a phone alone; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_sign(const struct zamok_cabinet *cabinet,
                        const struct zamok_session *session,
                        const uint8_t *document,
                        size_t document_length,
                        const char *name,
                        size_t name_length,
                        uint8_t *signature,
                        size_t capacity,
                        size_t *length,
                        struct zamok_signed *signed_);
#endif

#if defined(ZAMOK_VAULT)
// The public key that checks an account's documents: SubjectPublicKeyInfo in PEM, as `openssl` reads it.
//
// Errors: `ZAMOK_E_REJECTED` when no account has this login; `ZAMOK_E_KEY_STATE` when the key is compromised.
ZAMOK_MUST_USE
zamok_status zamok_document_key(const struct zamok_cabinet *cabinet,
                                const char *login,
                                size_t login_length,
                                char *pem,
                                size_t capacity,
                                size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Checks a detached signature with a public key in PEM: ECDSA on P-256 or P-384 in DER, Ed25519, RSA (PSS with SHA-256). Needs
// no vault.
//
// Errors: `ZAMOK_E_REJECTED` for any wrong signature; `ZAMOK_E_KEY_MATERIAL` for what is no such key.
ZAMOK_MUST_USE
zamok_status zamok_signature_verify(const char *pem,
                                    size_t pem_length,
                                    const uint8_t *document,
                                    size_t document_length,
                                    const uint8_t *signature,
                                    size_t signature_length);
#endif

#if defined(ZAMOK_VAULT)
// Opens an enrolment of one more factor, or of a phone or an address, in a session that is fresh. The challenge is one for
// zamok_enrolment_offer(), zamok_enrolment_offer_channel() and zamok_enrolment_offer_contact().
//
// Errors: `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` (zamok_again_begin()); `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_enrolment_begin(const struct zamok_cabinet *cabinet,
                                   const struct zamok_session *session,
                                   struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Makes a key for a generator app and shows its secret, this once: draw a QR code of the URI, then wipe it. One that was
// offered before and never tested is destroyed.
//
// It cannot be asked for twice: where there is no room for `ZAMOK_URI_MAX` bytes and a zero byte, nothing is made.
//
// Errors: `ZAMOK_E_FACTOR_EXISTS` for a challenge that wants a code; `ZAMOK_E_REJECTED` when the enrolment has ended.
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer(const struct zamok_cabinet *cabinet,
                                   const struct zamok_challenge *challenge,
                                   char *uri,
                                   size_t capacity,
                                   size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Offers codes by SMS to a phone ("+79161234567"), or by e-mail to an address, as a factor, and sends the test code there: it waits
// in the outbox (zamok_outbox_take()). What was offered before and never tested is gone. Whether somebody else has this
// phone or address is told to whoever answers the code.
//
// Errors: `ZAMOK_E_CONTACT_UNUSABLE`; `ZAMOK_E_METHOD_TOO_WEAK` where policy takes no such codes; `ZAMOK_E_RESEND_TOO_SOON`,
// `ZAMOK_E_TOO_MANY_MESSAGES`; as zamok_enrolment_offer().
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer_channel(const struct zamok_cabinet *cabinet,
                                           const struct zamok_challenge *challenge,
                                           const char *address,
                                           size_t address_length);
#endif

#if defined(ZAMOK_VAULT)
// Offers a phone or an address as a contact that is told of what happens, without making it a factor, and sends the test code
// there.
//
// Errors: `ZAMOK_E_NOT_ALLOWED` for an account without a factor; as zamok_enrolment_offer_channel().
ZAMOK_MUST_USE
zamok_status zamok_enrolment_offer_contact(const struct zamok_cabinet *cabinet,
                                           const struct zamok_challenge *challenge,
                                           const char *address,
                                           size_t address_length);
#endif

#if defined(ZAMOK_VAULT)
// Ends an enrolment with the test code, which the app shows or which was sent: when it is right, the factor, or the contact, counts
// from now on, and the code is spent. Every other session of the account ends, and its owner is told. Other factors have other
// tests: zamok_enrolment_offer_certificate(), zamok_enrolment_offer_push(), zamok_enrolment_offer_pin().
//
// Errors: `ZAMOK_E_REJECTED` for a wrong code or an enrolment that has ended; `ZAMOK_E_NOTHING_OFFERED`;
// `ZAMOK_E_CONTACT_TAKEN` when another account has the phone or address; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_enrolment_confirm(const struct zamok_cabinet *cabinet,
                                     const struct zamok_challenge *challenge,
                                     const char *code,
                                     size_t code_length);
#endif

#if defined(ZAMOK_VAULT)
// What the last call of this thread that failed would say, with its values: "the vault is locked" or "unlocking is
// delayed after failed attempts until 1800000030 (seconds since 1970)". Of functions with handles; those of one-time
// passwords keep nothing. No secret is ever in it.
ZAMOK_MUST_USE
zamok_status zamok_error_text(char *text,
                              size_t capacity,
                              size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Sends another code for a challenge, or for an enrolment of a phone or an address; the one before counts no more. The message
// waits in the outbox (zamok_outbox_take()).
//
// Errors: `ZAMOK_E_RESEND_TOO_SOON` (zamok_error_text() says how long to wait); `ZAMOK_E_SUPPORT_NEEDED` when as many codes as
// policy says did not arrive; `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_REJECTED` for a challenge that is over, was made up, or is
// not answered by something sent.
ZAMOK_MUST_USE
zamok_status zamok_challenge_send_again(const struct zamok_cabinet *cabinet,
                                        const struct zamok_challenge *challenge);
#endif

#if defined(ZAMOK_VAULT)
// The way at a place, from 0, in which an open challenge can be answered: the factors that the account has and this caller may use.
//
// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_REJECTED` for a challenge that is over or was made up;
// `ZAMOK_E_NOTHING_OFFERED` for one that wants an enrolment.
ZAMOK_MUST_USE
zamok_status zamok_challenge_method(const struct zamok_cabinet *cabinet,
                                    const struct zamok_challenge *challenge,
                                    size_t index,
                                    struct zamok_method_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Answers an open challenge of a login, or of showing again who one is, with another factor: a new challenge takes its place,
// and the old one is dead. Where it is answered by a code that is sent, it is sent. Wrong answers count on.
//
// Errors: `ZAMOK_E_METHOD_UNAVAILABLE` for a factor that zamok_challenge_method() does not tell; `ZAMOK_E_RESEND_TOO_SOON`,
// `ZAMOK_E_SUPPORT_NEEDED`, `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_REJECTED` where as many challenges were opened as policy allows;
// as zamok_challenge_method().
ZAMOK_MUST_USE
zamok_status zamok_challenge_switch(const struct zamok_cabinet *cabinet,
                                    const struct zamok_challenge *challenge,
                                    const struct zamok_id *factor,
                                    struct zamok_challenge **switched);
#endif

#if defined(ZAMOK_VAULT)
// Opens a challenge in which the owner of a session shows again who he is: critical changes ask for it. `method` asks for a factor
// by its name, such as "SMS"; empty, it is the one that the account has had longest.
//
// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_METHOD_UNAVAILABLE`; `ZAMOK_E_METHOD_TOO_WEAK` for less than the session has seen;
// `ZAMOK_E_RESEND_TOO_SOON`, `ZAMOK_E_TOO_MANY_MESSAGES`.
ZAMOK_MUST_USE
zamok_status zamok_again_begin(const struct zamok_cabinet *cabinet,
                               const struct zamok_session *session,
                               const char *method,
                               size_t method_length,
                               struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Answers a challenge of zamok_again_begin(), under the name of this attempt: the session is fresh again.
//
// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_NOTHING_OFFERED` for a challenge that wants an enrolment.
ZAMOK_MUST_USE
zamok_status zamok_again_answer(const struct zamok_cabinet *cabinet,
                                const struct zamok_session *session,
                                const struct zamok_challenge *challenge,
                                const char *code,
                                size_t code_length,
                                const struct zamok_id *request,
                                struct zamok_session **fresh);
#endif

#if defined(ZAMOK_VAULT)
// The factor of a session's account at a place, from 0: the first that can answer is asked for at a login.
//
// Errors: `ZAMOK_E_ARGUMENT` beyond the last; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_factor_get(const struct zamok_cabinet *cabinet,
                              const struct zamok_session *session,
                              size_t index,
                              struct zamok_factor_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Asks for a factor first at a login from now on, in a session that is fresh.
//
// Errors: `ZAMOK_E_REJECTED` when the account has no such factor that counts; `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED`
// (zamok_again_begin()); `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_factor_prefer(const struct zamok_cabinet *cabinet,
                                 const struct zamok_session *session,
                                 const struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Gives a factor of a session's account another label, of at most 128 bytes.
//
// Errors: `ZAMOK_E_REJECTED` when the account has no such factor; `ZAMOK_E_TOO_LONG`; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_factor_rename(const struct zamok_cabinet *cabinet,
                                 const struct zamok_session *session,
                                 const struct zamok_id *id,
                                 const char *label,
                                 size_t label_length);
#endif

#if defined(ZAMOK_VAULT)
// Takes a factor of a session's account away, in a session that is fresh. Every other session ends, and the owner is told. A
// phone or an address can take that back for a while (zamok_undo_begin()) where policy wants the old channel to agree to
// changes.
//
// Errors: `ZAMOK_E_LAST_FACTOR`; `ZAMOK_E_NOT_ALLOWED` for one that can still take something back; as zamok_factor_prefer().
ZAMOK_MUST_USE
zamok_status zamok_factor_drop(const struct zamok_cabinet *cabinet,
                               const struct zamok_session *session,
                               const struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// What the journal says of the account of a live session: up to `limit` entries, at least 1 and at most
// `ZAMOK_ENTRIES_MAX`, the latest first. `after` is what was read before of the same account, where there is more, or null.
//
// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_REFUSED` when an entry was altered; `ZAMOK_E_ARGUMENT` for a limit of 0;
// `ZAMOK_E_REJECTED` when `after` is of another account.
ZAMOK_MUST_USE
zamok_status zamok_history(const struct zamok_cabinet *cabinet,
                           const struct zamok_session *session,
                           size_t limit,
                           const struct zamok_entries *after,
                           struct zamok_entries **entries);
#endif

#if defined(ZAMOK_VAULT)
// The same for an operator, who names the account by its login.
//
// Errors: `ZAMOK_E_REJECTED` when no account has this login; otherwise as zamok_history().
ZAMOK_MUST_USE
zamok_status zamok_history_of(const struct zamok_cabinet *cabinet,
                              const char *login,
                              size_t login_length,
                              size_t limit,
                              const struct zamok_entries *after,
                              struct zamok_entries **entries);
#endif

#if defined(ZAMOK_VAULT)
// How many entries were read, and whether there are more (1) or not (0).
ZAMOK_MUST_USE
zamok_status zamok_entries_count(const struct zamok_entries *entries,
                                 size_t *count,
                                 uint32_t *more);
#endif

#if defined(ZAMOK_VAULT)
// The entry at a place, from 0, the latest first.
//
// Errors: `ZAMOK_E_ARGUMENT` beyond the last.
ZAMOK_MUST_USE
zamok_status zamok_entries_get(const struct zamok_entries *entries,
                               size_t index,
                               struct zamok_entry *entry);
#endif

#if defined(ZAMOK_VAULT)
// What an entry says to people: its kind, such as "login.completed", then a line "name: value" for each detail. A value
// may hold anything that somebody typed; control characters in it are shown as ?.
//
// Errors: `ZAMOK_E_ARGUMENT` beyond the last.
ZAMOK_MUST_USE
zamok_status zamok_entries_text(const struct zamok_entries *entries,
                                size_t index,
                                char *text,
                                size_t capacity,
                                size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle. Null is nothing, and so is a handle that was freed.
void zamok_entries_free(struct zamok_entries *entries);
#endif

#if defined(ZAMOK_VAULT)
// Signs what the journal amounts to (C2SP tlog-checkpoint): a note for others to keep. Entries that waited are leaves
// afterwards, and an anchor (zamok_options) remembers it.
//
// A call that asks for the length alone does all of this as well: asked again without new entries, it gives the same note.
//
// Errors: `ZAMOK_E_LOG_FORKED`, `ZAMOK_E_LOG_BEHIND` when the store was rewritten or put back: nothing is signed then.
ZAMOK_MUST_USE
zamok_status zamok_checkpoint(const struct zamok_cabinet *cabinet,
                              char *note,
                              size_t capacity,
                              size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// A proof of an entry of the session's own account (C2SP tlog-proof), to keep: it names the entry by what zamok_entry or
// zamok_signed tell.
//
// Errors: `ZAMOK_E_UNCOVERED` while no checkpoint covers it; `ZAMOK_E_REJECTED` for an entry of somebody else.
ZAMOK_MUST_USE
zamok_status zamok_prove(const struct zamok_cabinet *cabinet,
                         const struct zamok_session *session,
                         const struct zamok_id *entry_writer,
                         uint64_t entry_sequence,
                         char *proof,
                         size_t capacity,
                         size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Recomputes the whole journal, looks at every row, compares rows with the journal and what accounts are found by with the
// accounts, and tells what does not fit: how much was found, which is written also where the text has no room, and a line for
// each finding, at most 1000 of the rows and 1000 of what accounts are found by. `ZAMOK_OK`, an empty text and a count of 0 are
// what an honest store has.
//
// Errors: `ZAMOK_E_BUSY` when the log grew all the time, so that rows which it had not told of yet were passed over: what was
// found is written all the same; ask again when it is quiet.
ZAMOK_MUST_USE
zamok_status zamok_audit(const struct zamok_cabinet *cabinet,
                         uint64_t *findings,
                         char *text,
                         size_t capacity,
                         size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Takes a TOTP key in that another system made. It is active at once, and no function shows its secret again: wipe the
// original. `parameters` may be null. Codes of the step `last_step` and before count as spent; where that is not known,
// give 0, and the last code that the other system accepted can be accepted here once more.
//
// Errors: as zamok_totp_init(); `ZAMOK_E_LOCKED`; `ZAMOK_E_ROLE`; those of the store.
ZAMOK_MUST_USE
zamok_status zamok_key_import_totp(const struct zamok_vault *vault,
                                   const uint8_t *secret_bytes,
                                   size_t secret_length,
                                   const struct zamok_totp_parameters *parameters,
                                   uint64_t last_step,
                                   const char *label,
                                   size_t label_length,
                                   struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Takes an HOTP key in: `counter` is that of the next code. As zamok_key_import_totp() otherwise.
ZAMOK_MUST_USE
zamok_status zamok_key_import_hotp(const struct zamok_vault *vault,
                                   const uint8_t *secret_bytes,
                                   size_t secret_length,
                                   const struct zamok_hotp_parameters *parameters,
                                   uint64_t counter,
                                   const char *label,
                                   size_t label_length,
                                   struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Makes a TOTP key inside the vault, pre-active. Then zamok_key_provision() shows its secret once, and
// zamok_key_activate() takes the test code. `parameters` may be null; T0 stays 0, and `flags` too.
ZAMOK_MUST_USE
zamok_status zamok_key_generate_totp(const struct zamok_vault *vault,
                                     const struct zamok_totp_parameters *parameters,
                                     const char *label,
                                     size_t label_length,
                                     struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Makes an HOTP key inside the vault, pre-active, whose first code is that of `counter`. As zamok_key_generate_totp()
// otherwise.
ZAMOK_MUST_USE
zamok_status zamok_key_generate_hotp(const struct zamok_vault *vault,
                                     const struct zamok_hotp_parameters *parameters,
                                     uint64_t counter,
                                     const char *label,
                                     size_t label_length,
                                     struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Shows the secret of a pre-active key, once, as the URI that authenticator apps read; journalled.
//
// It cannot be asked for twice: where there is no room for `ZAMOK_URI_MAX` bytes and a zero byte, nothing is shown.
//
// Errors: `ZAMOK_E_KEY_STATE` when the key is active already; `ZAMOK_E_KEY_USAGE` when it was shown before.
ZAMOK_MUST_USE
zamok_status zamok_key_provision(const struct zamok_vault *vault,
                                 const struct zamok_id *id,
                                 const char *issuer,
                                 size_t issuer_length,
                                 const char *account,
                                 size_t account_length,
                                 char *uri,
                                 size_t capacity,
                                 size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Ends an enrolment with the test code: when it is right, the key becomes active and the code is spent.
//
// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_KEY_STATE` when the key is not pre-active.
ZAMOK_MUST_USE
zamok_status zamok_key_activate(const struct zamok_vault *vault,
                                const struct zamok_id *id,
                                const char *code,
                                size_t code_length);
#endif

#if defined(ZAMOK_VAULT)
// Checks a code and spends it, in one commit: of any number of threads, processes and machines that bring the same code,
// one is answered `ZAMOK_OK`. `step` is the counter or time step; it may be null. The numbers (window, attempts, delays)
// are those of the policy with which the vault was opened.
//
// Errors: `ZAMOK_E_REJECTED` for a wrong, used or malformed code, and while failures delay; `ZAMOK_E_KEY_STATE` when
// the key is not active (one that failures have disabled is suspended: zamok_key_resume()); `ZAMOK_E_UNKNOWN_KEY`;
// `ZAMOK_E_BUSY`.
ZAMOK_MUST_USE
zamok_status zamok_key_verify(const struct zamok_vault *vault,
                              const struct zamok_id *id,
                              const char *code,
                              size_t code_length,
                              uint64_t *step);
#endif

#if defined(ZAMOK_VAULT)
// Makes a key pair inside the vault, for one purpose: one of `ZAMOK_KEY_…` and one of `ZAMOK_PURPOSE_…`.
ZAMOK_MUST_USE
zamok_status zamok_key_generate_pair(const struct zamok_vault *vault,
                                     uint32_t kind,
                                     uint32_t purpose,
                                     const char *label,
                                     size_t label_length,
                                     struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Signs a message with a key of the vault, for its one purpose. A signature by a key for documents or certificates is
// journalled with the message's SHA-256 and `name`, and leaves only with that entry. ECDSA is in DER.
//
// Each call signs anew: where there is no room for `ZAMOK_SIGNATURE_MAX` bytes, nothing is signed.
//
// Errors: `ZAMOK_E_KEY_KIND`, `ZAMOK_E_KEY_PURPOSE`, `ZAMOK_E_KEY_STATE` for misuse; `ZAMOK_E_UNKNOWN_KEY`.
ZAMOK_MUST_USE
zamok_status zamok_key_sign(const struct zamok_vault *vault,
                            const struct zamok_id *id,
                            uint32_t purpose,
                            const uint8_t *message,
                            size_t message_length,
                            const char *name,
                            size_t name_length,
                            uint8_t *signature,
                            size_t capacity,
                            size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// The public key of a key pair: SubjectPublicKeyInfo in PEM.
//
// Errors: `ZAMOK_E_KEY_KIND`; `ZAMOK_E_KEY_STATE` when it was destroyed; `ZAMOK_E_UNKNOWN_KEY`.
ZAMOK_MUST_USE
zamok_status zamok_key_public(const struct zamok_vault *vault,
                              const struct zamok_id *id,
                              char *pem,
                              size_t capacity,
                              size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// What is known of a key.
//
// Errors: `ZAMOK_E_UNKNOWN_KEY`.
ZAMOK_MUST_USE
zamok_status zamok_key_describe(const struct zamok_vault *vault,
                                const struct zamok_id *id,
                                struct zamok_key_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Moves a key on in its life, journalled with the reason: one of `ZAMOK_STATE_…`. That forgives no failures: a key for codes that
// they have disabled would be disabled by the next one; zamok_key_resume() takes it back.
//
// Errors: `ZAMOK_E_KEY_STATE` where the present state does not lead there.
ZAMOK_MUST_USE
zamok_status zamok_key_change_state(const struct zamok_vault *vault,
                                    const struct zamok_id *id,
                                    uint32_t state,
                                    const char *reason,
                                    size_t reason_length);
#endif

#if defined(ZAMOK_VAULT)
// Takes a suspended key for codes back into use and forgives its failures, journalled with the reason; what was spent stays spent.
// For whoever has made sure, by another factor or in person, that its holder is its owner.
//
// Errors: `ZAMOK_E_KEY_KIND` for other keys; `ZAMOK_E_KEY_STATE` when it is not suspended; `ZAMOK_E_UNKNOWN_KEY`.
ZAMOK_MUST_USE
zamok_status zamok_key_resume(const struct zamok_vault *vault,
                              const struct zamok_id *id,
                              const char *reason,
                              size_t reason_length);
#endif

#if defined(ZAMOK_VAULT)
// A login in one go, for a form that asks for password and code together: with a code that its owner has already, of a
// generator or a token. Codes that are sent and approvals on a device come after zamok_login_begin(). An account whose limits
// name networks logs in through zamok_login_from() alone.
//
// Errors: `ZAMOK_E_REJECTED` when the login, the password or the code is wrong (also for what is no UTF-8 in them), and nobody is
// told which, and outside of the account's limits; after a right password `ZAMOK_E_NOTHING_OFFERED` when the account has no factor yet, and
// `ZAMOK_E_METHOD_UNAVAILABLE` when it has neither generator nor token: nothing was sent, and the code was not looked at;
// `ZAMOK_E_METHOD_TOO_WEAK` where more is wanted; `ZAMOK_E_LOCKED`; those of the store.
ZAMOK_MUST_USE
zamok_status zamok_login(const struct zamok_cabinet *cabinet,
                         const char *login,
                         size_t login_length,
                         const char *password,
                         size_t password_length,
                         const char *code,
                         size_t code_length,
                         struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// As zamok_login(), with all that the service knows of whoever knocks; `approach` may be null. Of its methods "generator" and
// "token" are those of zamok_login(); with any other the answer is `ZAMOK_E_METHOD_UNAVAILABLE`.
//
// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_login().
ZAMOK_MUST_USE
zamok_status zamok_login_from(const struct zamok_cabinet *cabinet,
                              const char *login,
                              size_t login_length,
                              const char *password,
                              size_t password_length,
                              const char *code,
                              size_t code_length,
                              const struct zamok_approach *approach,
                              struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// Checks a login and a password. `client` is what the service calls the program at the other end, such as "Firefox on
// Linux"; it may be null. An account whose limits name networks logs in through zamok_login_begin_from() alone.
//
// Errors: `ZAMOK_E_REJECTED`: an unknown login, a wrong password, either without UTF-8, and a delayed account look alike.
ZAMOK_MUST_USE
zamok_status zamok_login_begin(const struct zamok_cabinet *cabinet,
                               const char *login,
                               size_t login_length,
                               const char *password,
                               size_t password_length,
                               const char *client,
                               size_t client_length,
                               struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// What a challenge is.
ZAMOK_MUST_USE
zamok_status zamok_challenge_describe(const struct zamok_challenge *challenge,
                                      struct zamok_challenge_info *info);
#endif

#if defined(ZAMOK_VAULT)
// The challenge with this id, as a client brought it back. One that was made up is rejected when it is answered. Of its
// end and method zamok_challenge_describe() knows nothing: keep them where they were told.
ZAMOK_MUST_USE
zamok_status zamok_challenge_by_id(const struct zamok_id *id,
                                   struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// The enrolment with this id, as a client brought it back, in this process or in another. One that was made up is rejected when
// something is offered in it. Of its end zamok_challenge_describe() knows nothing.
ZAMOK_MUST_USE
zamok_status zamok_enrolment_by_id(const struct zamok_id *id,
                                   struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Draws a fresh name for one attempt at a challenge. A client that lost the reply asks again under the same name, and gets
// the same answer.
ZAMOK_MUST_USE
zamok_status zamok_request_id(const struct zamok_cabinet *cabinet,
                              struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// Answers a challenge with a code, under the name of this attempt. The session is used from the address from which the login
// began.
//
// Errors: `ZAMOK_E_REJECTED` for a wrong, used, late or malformed code and for a challenge that is over;
// `ZAMOK_E_NOTHING_OFFERED` for one that wants an enrolment.
ZAMOK_MUST_USE
zamok_status zamok_login_answer(const struct zamok_cabinet *cabinet,
                                const struct zamok_challenge *challenge,
                                const char *code,
                                size_t code_length,
                                const struct zamok_id *request,
                                struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle; the challenge itself ends by being answered or by time. Null is nothing, and so is a handle that was
// freed.
void zamok_challenge_free(struct zamok_challenge *challenge);
#endif

#if defined(ZAMOK_VAULT)
// Tells an account something: by every contact that it wants to be told by, and in its feed. It waits in the outbox; `id` is that
// of the message.
//
// Errors: `ZAMOK_E_NOTICE_UNUSABLE` for control characters, a text that is empty, a link that is no https URL; `ZAMOK_E_TOO_LONG`;
// `ZAMOK_E_ARGUMENT` for a category or a priority that there is not; `ZAMOK_E_REJECTED` when no account has this login;
// `ZAMOK_E_ACCOUNT_STATE` for one that is not open.
ZAMOK_MUST_USE
zamok_status zamok_notify(const struct zamok_cabinet *cabinet,
                          const char *login,
                          size_t login_length,
                          const struct zamok_notice *notice,
                          struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// How the owner of a session wants to be told.
//
// Errors: `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_preferences_get(const struct zamok_cabinet *cabinet,
                                   const struct zamok_session *session,
                                   struct zamok_preferences *preferences);
#endif

#if defined(ZAMOK_VAULT)
// Changes the language and the quiet hours of the owner of a session; journalled.
//
// Errors: `ZAMOK_E_PREFERENCES_UNUSABLE` for a language that is no tag; `ZAMOK_E_ARGUMENT` for minutes that no day has, an empty span,
// or an offset beyond 14 hours; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_preferences_set(const struct zamok_cabinet *cabinet,
                                   const struct zamok_session *session,
                                   const struct zamok_preferences *preferences);
#endif

#if defined(ZAMOK_VAULT)
// Whether the owner of a session wants to be told of a category by a channel: one of `ZAMOK_CHANNEL_DEFAULT`, `…_OFF`, `…_ON`.
// `channel` is one of `ZAMOK_CHANNEL_SMS`, `…_EMAIL`, `…_PUSH`.
//
// Errors: `ZAMOK_E_ARGUMENT` for a category or a channel that there is not; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_preferences_channel(const struct zamok_cabinet *cabinet,
                                       const struct zamok_session *session,
                                       const char *category,
                                       size_t category_length,
                                       uint32_t channel,
                                       uint32_t *wanted);
#endif

#if defined(ZAMOK_VAULT)
// Changes it; journalled.
//
// Errors: `ZAMOK_E_PREFERENCES_UNUSABLE` when security is turned off; as zamok_preferences_channel().
ZAMOK_MUST_USE
zamok_status zamok_preferences_set_channel(const struct zamok_cabinet *cabinet,
                                           const struct zamok_session *session,
                                           const char *category,
                                           size_t category_length,
                                           uint32_t channel,
                                           uint32_t wanted);
#endif

#if defined(ZAMOK_VAULT)
// Proposes an operation in a live session. `id` is drawn once, by zamok_request_id(): proposed again under it, it is the same
// operation.
//
// Errors: `ZAMOK_E_OPERATION_UNUSABLE`; `ZAMOK_E_OPERATION_TAKEN` when the id names another one; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_operation_propose(const struct zamok_cabinet *cabinet,
                                     const struct zamok_session *session,
                                     const struct zamok_id *id,
                                     const struct zamok_content *content,
                                     struct zamok_operation **operation);
#endif

#if defined(ZAMOK_VAULT)
// Changes what an operation says. What was confirmed of it is void, and its open challenge with it.
//
// Errors: `ZAMOK_E_OPERATION_UNUSABLE`; `ZAMOK_E_OPERATION_UNKNOWN`; `ZAMOK_E_OPERATION_OVER` when it was executed or
// cancelled, or has expired; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_operation_change(const struct zamok_cabinet *cabinet,
                                    const struct zamok_session *session,
                                    const struct zamok_id *id,
                                    const struct zamok_content *content,
                                    struct zamok_operation **operation);
#endif

#if defined(ZAMOK_VAULT)
// Cancels an operation that was not executed.
//
// Errors: as zamok_operation_change().
ZAMOK_MUST_USE
zamok_status zamok_operation_cancel(const struct zamok_cabinet *cabinet,
                                    const struct zamok_session *session,
                                    const struct zamok_id *id);
#endif

#if defined(ZAMOK_VAULT)
// An operation of a live session's account, by its id.
//
// Errors: `ZAMOK_E_OPERATION_UNKNOWN`, also for one of somebody else; `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_operation_by_id(const struct zamok_cabinet *cabinet,
                                   const struct zamok_session *session,
                                   const struct zamok_id *id,
                                   struct zamok_operation **operation);
#endif

#if defined(ZAMOK_VAULT)
// An operation for the service that executes it, whoever's it is: the session of its owner may have ended by then. Not for
// clients.
//
// Errors: `ZAMOK_E_OPERATION_UNKNOWN`.
ZAMOK_MUST_USE
zamok_status zamok_operation_to_execute(const struct zamok_cabinet *cabinet,
                                        const struct zamok_id *id,
                                        struct zamok_operation **operation);
#endif

#if defined(ZAMOK_VAULT)
// What an operation is, as it was when the handle was made.
ZAMOK_MUST_USE
zamok_status zamok_operation_describe(const struct zamok_operation *operation,
                                      struct zamok_operation_info *info);
#endif

#if defined(ZAMOK_VAULT)
// What is shown to whoever confirms an operation, from the bytes that are confirmed: show this, and nothing else.
ZAMOK_MUST_USE
zamok_status zamok_operation_text(const struct zamok_operation *operation,
                                  char *text,
                                  size_t capacity,
                                  size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// What fills a gap of an operation: execute what stands here, not what was remembered elsewhere. `text` is the text of
// `ZAMOK_VALUE_TEXT`, and empty for the others.
//
// Errors: `ZAMOK_E_ARGUMENT` for a name that no gap has.
ZAMOK_MUST_USE
zamok_status zamok_operation_field(const struct zamok_operation *operation,
                                   const char *field,
                                   size_t field_length,
                                   struct zamok_value *value,
                                   char *text,
                                   size_t capacity,
                                   size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// What the execution of an operation left; empty while it was not executed.
ZAMOK_MUST_USE
zamok_status zamok_operation_receipt(const struct zamok_operation *operation,
                                     uint8_t *receipt,
                                     size_t capacity,
                                     size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Opens the challenge whose answer confirms an operation as it stands; one that was open for it before is dead. `method`
// asks for a factor by its name, such as "generator"; empty, policy chooses, and a weaker one than the account's strongest is
// refused.
//
// Errors: `ZAMOK_E_METHOD_TOO_WEAK`, `ZAMOK_E_METHOD_UNAVAILABLE`; `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_NOT_ALLOWED` and
// `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` where the watch says so; as zamok_operation_change().
ZAMOK_MUST_USE
zamok_status zamok_operation_challenge(const struct zamok_cabinet *cabinet,
                                       const struct zamok_session *session,
                                       const struct zamok_id *id,
                                       const char *method,
                                       size_t method_length,
                                       struct zamok_challenge **challenge);
#endif

#if defined(ZAMOK_VAULT)
// Confirms an operation with the answer to its challenge, under the name of this attempt (zamok_request_id()): the code
// stands for what was shown, and for nothing else.
//
// Errors: `ZAMOK_E_REJECTED` for everything that is not a right answer to the challenge that is open for the operation as
// it stands; `ZAMOK_E_APPROVAL_PENDING`; `ZAMOK_E_NOTHING_OFFERED` for a challenge that wants an enrolment; as
// zamok_operation_change().
ZAMOK_MUST_USE
zamok_status zamok_operation_confirm(const struct zamok_cabinet *cabinet,
                                     const struct zamok_session *session,
                                     const struct zamok_challenge *challenge,
                                     const char *code,
                                     size_t code_length,
                                     const struct zamok_id *request,
                                     struct zamok_operation **operation);
#endif

#if defined(ZAMOK_VAULT)
// Executes a confirmed operation, once: consumes the confirmation and keeps `receipt`, in one commit. Asked again, it consumes
// nothing and tells the receipt that was kept first, so that a lost answer can be asked for again.
//
// What is done outside of the store is done at least once: whoever does it goes by the operation's id to tell repetitions.
//
// It cannot be undone: where there is no room for `ZAMOK_RECEIPT_MAX` bytes, nothing is executed.
//
// Errors: `ZAMOK_E_OPERATION_NOT_CONFIRMED`; `ZAMOK_E_OPERATION_UNKNOWN`; `ZAMOK_E_OPERATION_OVER`, also for what was confirmed before a
// backup that was restored; `ZAMOK_E_TOO_LONG` for a receipt above `ZAMOK_RECEIPT_MAX` bytes.
ZAMOK_MUST_USE
zamok_status zamok_operation_execute(const struct zamok_cabinet *cabinet,
                                     const struct zamok_id *id,
                                     const uint8_t *receipt,
                                     size_t receipt_length,
                                     uint8_t *kept,
                                     size_t capacity,
                                     size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle, not the operation. Null is nothing, and so is a handle that was freed.
void zamok_operation_free(struct zamok_operation *operation);
#endif

#if defined(ZAMOK_VAULT)
// Opens the outbox of a cabinet for a service that carries messages itself; otherwise `zamok delivery run` does, beside the
// service. `words` may be null. The cabinet stays open as long as the handle is.
//
// Errors: `ZAMOK_E_ARGUMENT` for words that are none: a language without templates, templates that hide what must be shown.
ZAMOK_MUST_USE
zamok_status zamok_outbox_open(const struct zamok_cabinet *cabinet,
                               const struct zamok_words *words,
                               struct zamok_outbox **outbox);
#endif

#if defined(ZAMOK_VAULT)
// Takes the next message that is due, which nobody else is handed until its time is over (`until`): in any number of threads and
// processes each message is sent once. `*message` is null once everything that was due has been looked at: ask again after
// a while. What is over is not handed out: a code that counts no more, a message that has expired, a contact that is
// gone. Caps and what the owner prefers hold as they do for `zamok delivery run`.
//
// Send it, then say what became of it: zamok_message_sent(), zamok_message_put_off() or zamok_message_refuse(). A message of
// which nothing was said is handed out again, under the same id.
//
// Errors: `ZAMOK_E_REFUSED` or `ZAMOK_E_FORMAT` when a message was altered, once all others were handed out; `ZAMOK_E_LOCKED`;
// those of the store.
ZAMOK_MUST_USE
zamok_status zamok_outbox_take(const struct zamok_outbox *outbox,
                               struct zamok_message **message);
#endif

#if defined(ZAMOK_VAULT)
// What a message is.
ZAMOK_MUST_USE
zamok_status zamok_message_describe(const struct zamok_message *message,
                                    struct zamok_message_info *info);
#endif

#if defined(ZAMOK_VAULT)
// What a message says, and where it goes: one of `ZAMOK_MESSAGE_…`. Wipe it once it is sent: it may hold a code.
//
// Errors: `ZAMOK_E_ARGUMENT` for another part.
ZAMOK_MUST_USE
zamok_status zamok_message_part(const struct zamok_message *message,
                                uint32_t part,
                                char *text,
                                size_t capacity,
                                size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// A carrier took all of a message: its text is wiped from the store. `carrier` is what the service calls it; `ids` are the ids that
// it gave the message, one in a line for each part, or null. With `receipts` 1 it will tell how the message ended
// (zamok_message_receipt()); with 0 this is the end. Saying so twice is no error.
//
// Errors: those of the store: then say it again, or it is sent again by somebody else.
ZAMOK_MUST_USE
zamok_status zamok_message_sent(const struct zamok_message *message,
                                const char *carrier,
                                size_t carrier_length,
                                const char *ids,
                                size_t ids_length,
                                uint32_t receipts);
#endif

#if defined(ZAMOK_VAULT)
// A message could not be sent now: it is handed out again after a pause that doubles with every attempt, and never after its time.
// The fifth time that a carrier is named, which may have taken it, it is over: handed over, as far as anybody knows.
// `carrier` may be null, and `reason` is for operators: never a text, nor an address; its first 200 characters are kept, with
// U+FFFD for what is no UTF-8. Nothing happens when others have it by now.
ZAMOK_MUST_USE
zamok_status zamok_message_put_off(const struct zamok_message *message,
                                   const char *carrier,
                                   size_t carrier_length,
                                   const char *reason,
                                   size_t reason_length);
#endif

#if defined(ZAMOK_VAULT)
// No carrier will ever take a message: it is over, journalled with the reason. Otherwise as zamok_message_put_off().
ZAMOK_MUST_USE
zamok_status zamok_message_refuse(const struct zamok_message *message,
                                  const char *carrier,
                                  size_t carrier_length,
                                  const char *reason,
                                  size_t reason_length);
#endif

#if defined(ZAMOK_VAULT)
// Notes what a carrier tells of a message that it took: `state` is one of `ZAMOK_DELIVERY_…`, `carrier` and `id` are those of
// zamok_message_sent(), `number` is the number that the receipt says it is about, or null, `reason` the carrier's own, read as
// that of zamok_message_put_off(). What it led to is one of `ZAMOK_MATCHED_…`. The same receipt twice changes nothing.
//
// Errors: those of the store: then do not acknowledge it, so that the carrier tells it again. `ZAMOK_E_ARGUMENT` for another
// state.
ZAMOK_MUST_USE
zamok_status zamok_message_receipt(const struct zamok_cabinet *cabinet,
                                   const char *carrier,
                                   size_t carrier_length,
                                   const char *id,
                                   size_t id_length,
                                   uint32_t state,
                                   const char *number,
                                   size_t number_length,
                                   const char *reason,
                                   size_t reason_length,
                                   uint32_t *matched);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
void zamok_outbox_free(struct zamok_outbox *outbox);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle, not the message, and wipes its text. Null is nothing, and so is a handle that was freed.
void zamok_message_free(struct zamok_message *message);
#endif

#if defined(ZAMOK_VAULT)
// What a session is, as it was when the handle was made.
ZAMOK_MUST_USE
zamok_status zamok_session_describe(const struct zamok_session *session,
                                    struct zamok_session_info *info);
#endif

#if defined(ZAMOK_VAULT)
// The session with this id, if it is still live; using it keeps it from going idle. An account whose limits name networks is
// used through zamok_session_by_id_from() alone.
//
// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_OUTSIDE_LIMITS` where the account may not act now, or not from an unknown address.
ZAMOK_MUST_USE
zamok_status zamok_session_by_id(const struct zamok_cabinet *cabinet,
                                 const struct zamok_id *id,
                                 struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// As zamok_session_by_id(), used from this network address, as the service sees it ("192.0.2.7", "2001:db8::7"): the limits of
// the account are held against it, now and in whatever the session that comes back is used for. Empty: not known.
//
// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_session_by_id().
ZAMOK_MUST_USE
zamok_status zamok_session_by_id_from(const struct zamok_cabinet *cabinet,
                                      const struct zamok_id *id,
                                      const char *address,
                                      size_t address_length,
                                      struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// Ends a session: its owner logs out, or an operator shuts the door. Journalled with the reason. Ending it twice is no
// error; the handle stays, and is to be freed.
ZAMOK_MUST_USE
zamok_status zamok_session_end(const struct zamok_cabinet *cabinet,
                               const struct zamok_session *session,
                               const char *reason,
                               size_t reason_length);
#endif

#if defined(ZAMOK_VAULT)
// Ends the handle, not the session. Null is nothing, and so is a handle that was freed.
void zamok_session_free(struct zamok_session *session);
#endif

#if defined(ZAMOK_VAULT)
// An access token for a session and one audience, the service that it is shown to: a JWT of RFC 9068, signed with ES256.
//
// Each call signs one: where there is no room for `ZAMOK_TOKEN_MAX` characters and a zero byte, nothing is signed.
//
// Errors: `ZAMOK_E_SESSION_ENDED`.
ZAMOK_MUST_USE
zamok_status zamok_token_issue(const struct zamok_cabinet *cabinet,
                               const struct zamok_session *session,
                               const char *audience,
                               size_t audience_length,
                               char *token,
                               size_t capacity,
                               size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// The live session that a token for this audience stands for. Of an account whose limits name networks,
// zamok_token_verify_from() tells.
//
// Errors: `ZAMOK_E_REJECTED` for anything but an unexpired token of this cabinet for this audience;
// `ZAMOK_E_SESSION_ENDED` when its session is over; `ZAMOK_E_OUTSIDE_LIMITS` as in zamok_session_by_id().
ZAMOK_MUST_USE
zamok_status zamok_token_verify(const struct zamok_cabinet *cabinet,
                                const char *audience,
                                size_t audience_length,
                                const char *token,
                                size_t token_length,
                                struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// As zamok_token_verify(), shown from this network address, as in zamok_session_by_id_from().
//
// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_token_verify().
ZAMOK_MUST_USE
zamok_status zamok_token_verify_from(const struct zamok_cabinet *cabinet,
                                     const char *audience,
                                     size_t audience_length,
                                     const char *token,
                                     size_t token_length,
                                     const char *address,
                                     size_t address_length,
                                     struct zamok_session **session);
#endif

#if defined(ZAMOK_VAULT)
// The numbers of a vault's slots, a byte each.
ZAMOK_MUST_USE
zamok_status zamok_slots(const struct zamok_vault *vault,
                         uint8_t *numbers,
                         size_t capacity,
                         size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// What a slot is.
//
// Errors: `ZAMOK_E_NO_SLOT`.
ZAMOK_MUST_USE
zamok_status zamok_slot_describe(const struct zamok_vault *vault,
                                 uint32_t number,
                                 struct zamok_slot_info *info);
#endif

#if defined(ZAMOK_VAULT)
// Adds a slot that a passphrase opens, and tells its number. `role` is one of `ZAMOK_ROLE_…`; `label` is what people call it,
// at most 64 bytes, not secret. What one attempt costs is in `options`, of which nothing else counts; they may be null.
//
// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_SLOTS_FULL`; `ZAMOK_E_TOO_LONG`; `ZAMOK_E_ARGUMENT` for
// another role.
ZAMOK_MUST_USE
zamok_status zamok_slot_add(const struct zamok_vault *vault,
                            uint32_t role,
                            const char *label,
                            size_t label_length,
                            const char *passphrase,
                            size_t passphrase_length,
                            const struct zamok_options *options,
                            uint32_t *number);
#endif

#if defined(ZAMOK_VAULT)
// The same for a slot that any secret opens; which slot it names does not count. For shares there is zamok_slot_add_split().
//
// Errors: as zamok_slot_add() and zamok_vault_create_with().
ZAMOK_MUST_USE
zamok_status zamok_slot_add_with(const struct zamok_vault *vault,
                                 uint32_t role,
                                 const char *label,
                                 size_t label_length,
                                 const struct zamok_secret *secret,
                                 const struct zamok_options *options,
                                 uint32_t *number);
#endif

#if defined(ZAMOK_VAULT)
// Adds a slot that any `needed` of `made` shares open, at least two, and tells its number: the key is drawn here and is nowhere
// else. The texts of the shares are written one after the other, a remark in front of each, as the program `zamok` and
// `ZAMOK_SECRET_SHARES` read them. Give each to another person, and wipe them here.
//
// They cannot be told twice: where there is no room for `made` times `ZAMOK_SHARE_MAX` bytes and a zero byte, nothing is done.
//
// Errors: `ZAMOK_E_SHARE_SPLIT` for numbers that make no shares; as zamok_slot_add().
ZAMOK_MUST_USE
zamok_status zamok_slot_add_split(const struct zamok_vault *vault,
                                  uint32_t role,
                                  const char *label,
                                  size_t label_length,
                                  uint32_t needed,
                                  uint32_t made,
                                  char *shares,
                                  size_t capacity,
                                  size_t *length,
                                  uint32_t *number);
#endif

#if defined(ZAMOK_VAULT)
// Gives a slot another passphrase. An empty label keeps the one that it has. Old copies of the store still open with the old
// passphrase. `options` are as for zamok_slot_add().
//
// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault, or its user through this slot; `ZAMOK_E_NO_SLOT`;
// `ZAMOK_E_TOO_LONG`.
ZAMOK_MUST_USE
zamok_status zamok_slot_change(const struct zamok_vault *vault,
                               uint32_t number,
                               const char *label,
                               size_t label_length,
                               const char *passphrase,
                               size_t passphrase_length,
                               const struct zamok_options *options);
#endif

#if defined(ZAMOK_VAULT)
// Gives a slot any other secret, as zamok_slot_change() does; which slot the secret names does not count.
//
// Errors: as zamok_slot_change() and zamok_vault_create_with().
ZAMOK_MUST_USE
zamok_status zamok_slot_change_with(const struct zamok_vault *vault,
                                    uint32_t number,
                                    const char *label,
                                    size_t label_length,
                                    const struct zamok_secret *secret,
                                    const struct zamok_options *options);
#endif

#if defined(ZAMOK_VAULT)
// Gives a slot shares in the place of its secret, as zamok_slot_add_split() makes them. Shares that it had before open it no more.
//
// Errors: as zamok_slot_change() and zamok_slot_add_split().
ZAMOK_MUST_USE
zamok_status zamok_slot_change_split(const struct zamok_vault *vault,
                                     uint32_t number,
                                     const char *label,
                                     size_t label_length,
                                     uint32_t needed,
                                     uint32_t made,
                                     char *shares,
                                     size_t capacity,
                                     size_t *length);
#endif

#if defined(ZAMOK_VAULT)
// Takes a slot away. Old copies of the store still open with its secret.
//
// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_NO_SLOT`; `ZAMOK_E_LAST_SLOT` for the last one of an
// officer or a user.
ZAMOK_MUST_USE
zamok_status zamok_slot_remove(const struct zamok_vault *vault,
                               uint32_t number);
#endif

#if defined(ZAMOK_VAULT)
// Forgives the failed attempts at a slot, also of one that was disabled.
//
// Errors: `ZAMOK_E_ROLE` unless an officer opened the vault; `ZAMOK_E_NO_SLOT`.
ZAMOK_MUST_USE zamok_status zamok_slot_reset(const struct zamok_vault *vault, uint32_t number);
#endif

// The version of the interface in the library that runs. A program that loads the library by hand compares it with
// `ZAMOK_ABI_VERSION`.
uint32_t zamok_abi_version(void);

// The version of the library, such as "0.1.0". The text lasts as long as the program.
const char *zamok_version(void);

// What a status means, in one English sentence that lasts as long as the program; never null. It names no values: where
// those help, zamok_error_text() has them. The table is docs/errors.md.
const char *zamok_status_message(zamok_status status);

// Overwrites bytes with zeros, which no optimiser leaves out. Null, and a length of 0, are nothing.
void zamok_wipe(uint8_t *bytes, size_t length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ZAMOK_H */
