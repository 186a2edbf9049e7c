"""An identity provider for tests: keys of each kind, and a small server that gives them, or worse."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]
SIGNERS = {"RS256": "rsa", "ES256": "ec", "EdDSA": "ed"}  # the key in this file that signs by it


@cache
def private(name: str) -> Any:
    """A private key, made once in a run: ``rsa``, ``ec``, ``ed``, ``weak`` (RSA), ``p384``."""
    return {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "weak": lambda: rsa.generate_private_key(65537, 1024),
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed": ed25519.Ed25519PrivateKey.generate,
    }[name]()


def jwk(name: str, *, public: bool = True, **changed: Any) -> dict[str, Any]:
    """That key as a provider publishes it, with ``kid`` as its name; None leaves a member out."""
    key = private(name).public_key() if public else private(name)
    algorithm: Any = {"e": ECAlgorithm, "p": ECAlgorithm, "r": RSAAlgorithm, "w": RSAAlgorithm}[name[0]]
    if name == "ed":
        algorithm = OKPAlgorithm
    found = {**algorithm.to_jwk(key, as_dict=True), "kid": name, **changed}
    found.pop("key_ops", None) if "key_ops" not in changed else None
    return {member: value for member, value in found.items() if value is not None}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Provider:
    """What it answers: bytes, or a function that writes as it likes. ``asked``: how often it was."""

    answer: bytes | Answer = b""
    asked: int = 0
    url: str = ""
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked += 1
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()


def impostor(directory: Path) -> ssl.SSLContext:
    """TLS with a certificate for 127.0.0.1 that no authority has signed."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private("ec").public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(private("ec"), hashes.SHA256())
    )
    key = private("ec").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "both.pem").write_bytes(key + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    return context


@asynccontextmanager
async def provider(*keys: dict[str, Any], tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    """A provider of these keys on a free port of loopback."""
    made = Provider(response(jwks(*keys)))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield made
    finally:
        server.close()
