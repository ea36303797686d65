"""An SMS gateway and a push service over HTTPS. It checks every signature by itself: the HMAC of the gateway's messages, the
token of RFC 8292; what is pushed it opens with `http-ece`, as a browser would. What it took it writes down.

web_server.py OPTIONS LOG — prints its port, and appends the keys of its subscription to the log.
"""
import base64
import hashlib
import hmac
import json
import os
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OPTIONS = json.loads(sys.argv[1])
LOG = sys.argv[2]
KEY = ec.generate_private_key(ec.SECP256R1())
AUTH = os.urandom(16)
SEEN = {}


def write(entry):
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        {"/send": self.send, "/push": self.push, "/gone": lambda body: self.answer(410)}[self.path](body)

    def send(self, body):
        stamp, mac = self.headers["X-Zamok-Signature"].removeprefix("t=").split(",v1=")
        secret = open(OPTIONS["secret"], "rb").read().strip()
        right = hmac.compare_digest(hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest(), mac)
        message = json.loads(body)
        write({"event": "send", "right": right, "key": self.headers["Idempotency-Key"], "body": message,
               "token": self.headers["Authorization"]})
        if message["to"].endswith("0001"):
            return self.answer(429)
        if message["to"].endswith("0002"):
            return self.answer(400)
        identifier = SEEN.setdefault(self.headers["Idempotency-Key"], f"gw-{len(SEEN)}")
        self.answer(200, json.dumps({"messages": [{"id": identifier}]}).encode())

    def push(self, body):
        vapid = self.headers["Authorization"].removeprefix("vapid t=")
        token, key = vapid.split(", k=")
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(key))
        claims = jwt.decode(token, point, algorithms=["ES256"], audience=f"https://{self.headers['Host']}")
        text = http_ece.decrypt(body, private_key=KEY, auth_secret=AUTH, version="aes128gcm")
        write({"event": "push", "claims": claims, "left": claims["exp"] - int(time.time()), "text": text.decode(),
               "ttl": self.headers["TTL"], "urgency": self.headers["Urgency"], "topic": self.headers["Topic"],
               "encoding": self.headers["Content-Encoding"]})
        self.answer(201)


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
server.socket = context.wrap_socket(server.socket, server_side=True)
point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
write({"event": "subscription", "p256dh": b64(point), "auth": b64(AUTH)})
print(server.server_port, flush=True)
server.serve_forever()
