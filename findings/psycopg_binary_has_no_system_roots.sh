#!/usr/bin/env bash
# psycopg-binary 3.3.9: sslrootcert=system trusts no certificate authority, whatever the machine has installed.
#
# libpq documents `system` as the trusted roots of the machine. OpenSSL looks for them in the directory that it was built
# with, and the wheel's own OpenSSL was built with /usr/lib/psycopg-openssl, which no distribution has. So a server with
# a valid certificate of a public authority is refused with "certificate verify failed". The environment variable
# SSL_CERT_FILE (or sslrootcert with the path of the bundle) is needed.
#
# Seen, with an authority in the file of SSL_CERT_FILE and an answering TLS server: the handshake fails without the
# variable and succeeds with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psycopg==3.3.9 psycopg-binary==3.3.9 trustme==1.2.1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import trustme

folder = Path(sys.argv[1])
bundled = next(Path(psycopg.__file__).parents[1].glob("psycopg_binary.libs/libcrypto*"))
assert b'OPENSSLDIR: "/usr/lib/psycopg-openssl"' in bundled.read_bytes(), "another directory of OpenSSL"
assert not Path("/usr/lib/psycopg-openssl").exists()

ca = trustme.CA()
ca.cert_pem.write_to_path(folder / "roots.pem")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ca.issue_cert("localhost").configure_cert(context)
context.set_alpn_protocols(["postgresql"])
handshakes = []


def answer(listener: socket.socket) -> None:
    """Accepts TLS as PostgreSQL does, notes the outcome of each handshake, and hangs up."""
    while True:
        connection, _ = listener.accept()
        try:
            assert connection.recv(8) == bytes.fromhex("0000000804d2162f"), "not a request for TLS"
            connection.sendall(b"S")
            with context.wrap_socket(connection, server_side=True) as encrypted:
                handshakes.append("accepted" if encrypted.recv(1) else "refused")
        except (OSError, ssl.SSLError):
            handshakes.append("refused")


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=answer, args=(listener,), daemon=True).start()
DSN = f"host=localhost hostaddr=127.0.0.1 port={listener.getsockname()[1]} user=a dbname=a sslmode=verify-full sslrootcert=system"
CONNECT = f"import psycopg; psycopg.connect({DSN!r}, connect_timeout=10)"


def connect(**variables: str) -> str:
    """The last line of libpq's message."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "SSL_CERT"))}
    done = subprocess.run([sys.executable, "-c", CONNECT], env=plain | variables, capture_output=True, text=True, timeout=60)
    return done.stderr.strip().splitlines()[-1]


without = connect()
trusted = connect(SSL_CERT_FILE=str(folder / "roots.pem"))
print("without SSL_CERT_FILE:", without)
print("with SSL_CERT_FILE:   ", trusted)
assert "certificate verify failed" in without, "it finds the roots of the machine now"
assert "certificate verify failed" not in trusted
assert handshakes == ["refused", "accepted"], handshakes
PYTHON
