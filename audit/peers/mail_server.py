"""A mail server over `aiosmtpd`: STARTTLS or nothing, a login, DSN announced; what it took it writes down.

mail_server.py OPTIONS LOG — prints its port.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

OPTIONS = json.loads(sys.argv[1])
LOG = sys.argv[2]


def write(entry):
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return responses[:-1] + ["250-DSN", responses[-1]]

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        write({
            "event": "mail", "from": envelope.mail_from, "to": envelope.rcpt_tos,
            "mail_options": envelope.mail_options, "rcpt_options": envelope.rcpt_options,
            "subject": message["Subject"], "id": message["Message-ID"], "date": message["Date"],
            "auto": message["Auto-Submitted"], "type": message.get_content_type(), "parts": parts,
            "tls": session.ssl is not None, "user": str(session.auth_data),
        })
        return "250 OK"


class Server(SMTP):
    # The package refuses parameters that it does not know; those of DSN are kept beside.
    async def smtp_MAIL(self, arg):
        plain, beside = split(arg)
        await super().smtp_MAIL(plain)
        self.envelope.mail_options.extend(beside)

    async def smtp_RCPT(self, arg):
        plain, beside = split(arg)
        await super().smtp_RCPT(plain)
        self.envelope.rcpt_options.extend(beside)


def split(arg):
    names = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")
    words = (arg or "").split(" ")
    beside = [word for word in words if word.upper().startswith(names)]
    return " ".join(word for word in words if word not in beside), beside


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"zamok", b"secret")
    if right:
        session.auth_data = data.login.decode()
    return AuthResult(success=right, auth_data=data.login.decode())


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
    plain = OPTIONS.get("plain", False)

    def factory():
        return Server(
            Handler(), enable_SMTPUTF8=True, tls_context=None if plain else context, require_starttls=not plain,
            auth_required=not plain, auth_require_tls=True, authenticator=authenticate)

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
