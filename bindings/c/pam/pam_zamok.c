/*
 * pam_zamok.c: logs in with a password and a one-time code, over the accounts of a cabinet.
 *
 * In /etc/pam.d/SERVICE:
 *
 *   auth required pam_zamok.so store=sqlite:/var/lib/zamok/bank.db passphrase_file=/etc/zamok/passphrase
 *
 * The module asks for the password (or takes the one that a module before it asked for) and for the code. A person is
 * told only that it did not work; the journal knows why (`zamok why`). `passphrase_file` must belong to whom the program runs as
 * (root, for most) and be readable by nobody else. Each login opens the vault and closes it again: a daemon that stays open
 * answers faster.
 *
 * A store in PostgreSQL wants sslrootcert= in its URL where the program is set-user-ID, as su and sudo are: which roots the system
 * trusts the environment says, and that is the user's. Without it such a program cannot use the store.
 *
 * A vault that opens only with its anchor (`zamok journal anchor`) wants its file as well: anchor=/mnt/other/bank.anchor. The
 * module asks it and does not carry it on: `zamok journal run` does. A vault whose anchor is witnesses (--anchor-witnesses)
 * cannot serve PAM.
 *
 * When the store cannot be used it answers PAM_AUTHINFO_UNAVAIL, which a stack may pass over, but in a set-user-ID program (su, sudo)
 * PAM_AUTH_ERR: whoever starts such a program can be the reason.
 *
 * PAM_RHOST, where the service says it as an address, is held against the limits of the account; a name says nothing.
 *
 * What it does not: the code is one that its owner has already, of a generator or a token. An account whose codes are sent, or
 * that approves on a device, is not let in, and nothing is sent: PAM asks for the code before it knows whose it is.
 * Accounts are made and enrolled elsewhere (`zamok register`, `zamok enrol`), passwords are changed there, and an account in
 * /etc/passwd is another module's matter.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <zamok.h>

#define TEXT(t) (t), strlen(t)

struct settings {
    const char *store;
    const char *passphrase_file;
    const char *anchor; /* may be missing */
};

static int read_settings(pam_handle_t *pam, int argc, const char **argv, struct settings *settings)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "store=", 6) == 0) {
            settings->store = argv[i] + 6;
        } else if (strncmp(argv[i], "passphrase_file=", 16) == 0) {
            settings->passphrase_file = argv[i] + 16;
        } else if (strncmp(argv[i], "anchor=", 7) == 0 && argv[i][7] != '\0') {
            settings->anchor = argv[i] + 7;
        } else {
            /* A misspelt option must not be ignored: it may be the one that protects. */
            pam_syslog(pam, LOG_ERR, "unknown or empty option %s", argv[i]);
            return PAM_SERVICE_ERR;
        }
    }
    if (settings->store == NULL || settings->passphrase_file == NULL) {
        pam_syslog(pam, LOG_ERR, "store= and passphrase_file= are needed");
        return PAM_SERVICE_ERR;
    }
    return PAM_SUCCESS;
}

/* Reads the passphrase, without the end of its line, as the program `zamok` does: what is taken off too much or too little makes another
 * passphrase, and every login would be charged to the slot as a guess. 0 when it cannot be trusted or had. */
static size_t read_passphrase(pam_handle_t *pam, const char *path, char *passphrase, size_t capacity)
{
    struct stat about;
    size_t length = 0;
    ssize_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || fstat(file, &about) != 0) {
        pam_syslog(pam, LOG_ERR, "%s: %m", path);
    } else if (!S_ISREG(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 077) != 0) {
        pam_syslog(pam, LOG_ERR, "%s: must be a file of our own that nobody else can read", path);
    } else {
        while (length < capacity && (got = read(file, passphrase + length, capacity - length)) > 0)
            length += (size_t)got;
        /* Not read to its end, or longer than it may be: a cut passphrase would be another one. */
        if (got < 0 || length == capacity)
            length = 0;
        if (length > 0 && passphrase[length - 1] == '\n') {
            length--;
            if (length > 0 && passphrase[length - 1] == '\r')
                length--;
        }
        if (length == 0)
            pam_syslog(pam, LOG_ERR, "%s: empty, too long, or not to be read", path);
    }
    if (file >= 0)
        close(file);
    return length;
}

/* From where somebody comes, as far as the service says an address. */
static zamok_approach approach_of(pam_handle_t *pam)
{
    zamok_approach approach = { .size = sizeof approach };
    const void *host = NULL;
    struct in6_addr parsed;
    if (pam_get_item(pam, PAM_RHOST, &host) == PAM_SUCCESS && host != NULL
        && (inet_pton(AF_INET, host, &parsed) == 1 || inet_pton(AF_INET6, host, &parsed) == 1)) {
        approach.address = host;
        approach.address_length = strlen(host);
    }
    return approach;
}

static zamok_status log_in(const struct settings *settings, const char *passphrase, size_t length, const char *user,
                           const char *password, const char *code, const zamok_approach *approach)
{
    zamok_cabinet *cabinet = NULL;
    zamok_session *session = NULL;
    /* Opened and closed within one call: no thread has to wait for it to lie idle, and a program that calls PAM gets none from us. */
    zamok_options options = { .size = sizeof options, .idle_seconds = ZAMOK_NEVER };
    if (settings->anchor != NULL) {
        options.anchor = settings->anchor;
        options.anchor_length = strlen(settings->anchor);
    }
    zamok_status status = zamok_cabinet_open(TEXT(settings->store), passphrase, length, &options, &cabinet);
    /* A wrong passphrase is the service's fault, not the person's. */
    if (status == ZAMOK_E_REJECTED)
        status = ZAMOK_E_LOCKED;
    if (status == ZAMOK_OK)
        status = zamok_login_from(cabinet, TEXT(user), TEXT(password), TEXT(code), approach, &session);
    /* PAM has its own sessions: this one was only the proof. */
    if (status == ZAMOK_OK)
        status = zamok_session_end(cabinet, session, TEXT("PAM keeps its own session"));
    zamok_session_free(session);
    zamok_cabinet_free(cabinet);
    return status;
}

/* What stands in the way may be of their making who log in: limits of files and memory pass through exec, and in a set-user-ID program
 * they are the caller's. Stacks pass over a module that is not available; there it refuses. */
static int unavailable(void)
{
    return getauxval(AT_SECURE) != 0 ? PAM_AUTH_ERR : PAM_AUTHINFO_UNAVAIL;
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    struct settings settings = { NULL, NULL, NULL };
    const char *user = NULL, *password = NULL;
    char passphrase[4096 + 1]; /* the longest file that `zamok` reads, and one byte to tell a longer one */
    char *code = NULL;
    (void)flags;

    int answer = read_settings(pam, argc, argv, &settings);
    if (answer == PAM_SUCCESS)
        answer = pam_get_user(pam, &user, NULL);
    if (answer == PAM_SUCCESS)
        answer = pam_get_authtok(pam, PAM_AUTHTOK, &password, NULL);
    if (answer == PAM_SUCCESS)
        answer = pam_prompt(pam, PAM_PROMPT_ECHO_ON, &code, "Code: ");
    if (answer != PAM_SUCCESS || user == NULL || password == NULL || code == NULL)
        return answer == PAM_SUCCESS ? PAM_CONV_ERR : answer;

    size_t length = read_passphrase(pam, settings.passphrase_file, passphrase, sizeof passphrase);
    zamok_approach approach = approach_of(pam);
    zamok_status status =
        length == 0 ? ZAMOK_E_LOCKED : log_in(&settings, passphrase, length, user, password, code, &approach);
    zamok_wipe((uint8_t *)passphrase, sizeof passphrase);
    zamok_wipe((uint8_t *)code, strlen(code));
    free(code);

    switch (status) {
    case ZAMOK_OK:
        return PAM_SUCCESS;
    case ZAMOK_E_REJECTED:
    case ZAMOK_E_NOTHING_OFFERED:
        pam_syslog(pam, LOG_NOTICE, "rejected: %s", user);
        return PAM_AUTH_ERR;
    case ZAMOK_E_METHOD_UNAVAILABLE:
    case ZAMOK_E_METHOD_TOO_WEAK:
        pam_syslog(pam, LOG_NOTICE, "%s: a code of a generator or a token does not let this account in", user);
        return PAM_AUTH_ERR;
    case ZAMOK_E_BUSY:
    case ZAMOK_E_CAPPED:
    case ZAMOK_E_STORE_CONTENDED:
    case ZAMOK_E_PANIC:
        /* Whoever knocks often enough can be the reason: no stack may pass over that. */
        pam_syslog(pam, LOG_ERR, "%s: %s", user, zamok_status_message(status));
        return PAM_AUTH_ERR;
    default:
        pam_syslog(pam, LOG_ERR, "%s: %s", settings.store, zamok_status_message(status));
        return unavailable();
    }
}

/* There are no credentials to set. */
int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
