"""A door in front of a server that speaks no TLS itself: who greets with TLS is talked to so, everybody else plainly, for servers talk among themselves."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HANDSHAKE = b"\x16"
"""The first byte of a TLS record that begins a connection (RFC 8446, 5.1)."""


class Certificate:
    """A key and a certificate of 127.0.0.1 by itself, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.key = folder / "cert.pem", folder / "key.pem"
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
        )  # fmt: skip
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Front:
    """Listens on ``port`` and passes everything on to ``behind``. ``greeted`` counts connections over TLS and without."""

    def __init__(self, certificate: Certificate, behind: int) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate.file, certificate.key)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._behind = behind
        self.greeted = {"tls": 0, "plain": 0}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listens no more, and passes nothing on."""
        self._door.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._door.accept()
                line.settimeout(5)
                with contextlib.suppress(OSError):
                    is_tls = line.recv(1, socket.MSG_PEEK) == HANDSHAKE
                    self.greeted["tls" if is_tls else "plain"] += 1
                    asyncio.run_coroutine_threadsafe(self._take(line, is_tls=is_tls), self._loop)

    async def _take(self, line: socket.socket, *, is_tls: bool) -> None:
        line.setblocking(False)
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve), line, ssl=self._tls if is_tls else None
            )

    async def _serve(self, outer_in: asyncio.StreamReader, outer_out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            inner_in, inner_out = await asyncio.open_connection("127.0.0.1", self._behind)
            await asyncio.gather(_pass_on(outer_in, inner_out), _pass_on(inner_in, outer_out))
        outer_out.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Passes on until one of them ends; then the other does."""
    with contextlib.suppress(OSError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    target.close()
