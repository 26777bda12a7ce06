"""A mail server for tests: aiosmtpd, which prints each letter that it takes as a line of JSON.

usage: smtpd.py <port> [--tls <certificate> <key>] [--implicit] [--login <user> <password>]

It ends when its input does. Recipients whose name begins with "refused" it refuses for good; it takes a letter to one that
begins with "later" in full, and has the sender come again the first time.
"""

import argparse
import base64
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Handler:
    def __init__(self):
        self.came = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return f"550 5.1.1 <{address}>: there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        again = to.startswith("later") and to not in self.came
        self.came.add(to)
        print(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "data": base64.b64encode(envelope.content).decode(),
                    "encrypted": session.ssl is not None or args.implicit,
                    "login": session.auth_data.login.decode() if session.auth_data else "",
                    "taken": not again,
                }
            ),
            flush=True,
        )
        return "451 4.3.0 come again" if again else "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    user, password = args.login
    good = isinstance(data, LoginPassword) and data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=good, handled=good is True, auth_data=data if good else None)


parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--tls", nargs=2)
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--login", nargs=2)
args = parser.parse_args()

options = {}
if args.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*args.tls)
    if args.implicit:
        options["ssl_context"] = context
    else:
        options["tls_context"] = context
        options["require_starttls"] = True
if args.login:
    options["authenticator"] = authenticate
    options["auth_required"] = True
    options["auth_require_tls"] = bool(args.tls) and not args.implicit

controller = Controller(Handler(), hostname="127.0.0.1", port=args.port, enable_SMTPUTF8=True, **options)
controller.start()
print("ready", flush=True)
sys.stdin.read()
controller.stop()
