"""Another place to push to: an nginx-rtmp of its own that records what it gets, and TLS before it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ingestd.nginx.config import find_rtmp_module
from tests.support.ports import free_port

_CONFIG = """
{user}
load_module {module};
daemon off;
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log warn;
events {{ worker_connections 64; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        application live {{
            live on;
            record all;
            record_path {root};
            record_suffix -%s.flv;
        }}
    }}
}}
"""


class Remote:
    """Started and killed as often as a test likes, on one port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = root / "remote.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        module = find_rtmp_module("")
        self._config.write_text(_CONFIG.format(user=user, module=module, root=root, port=self.port))

    def start(self) -> None:
        command = ["nginx", "-c", str(self._config), "-p", str(self.root)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, process_group=0)

    def kill(self) -> None:
        """Master and worker, in one moment."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None

    def recordings(self, key: str) -> list[Path]:
        """What was published under this key, oldest first."""
        return sorted(self.root.glob(f"{key}-*.flv"), key=lambda path: path.stat().st_mtime)

    def bytes(self, key: str) -> int:
        return sum(path.stat().st_size for path in self.recordings(key))


def times(path: Path) -> dict[str, list[float]]:
    """Decoding times (s) of all packets of a recording, as they stand in the file."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-of",
        "json",
        "-show_entries",
        "packet=codec_type,dts_time",
        str(path),
    ]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    found: dict[str, list[float]] = {}
    for packet in shown["packets"]:
        found.setdefault(packet["codec_type"], []).append(float(packet["dts_time"]))
    return found


def certificate(root: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server that is ``host``, and for a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = root / "chain.pem", root / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cafile=str(chain))


@contextlib.asynccontextmanager
async def tls_front(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that hands what it decrypts on to ``port``."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pipe(reader, back_writer), pipe(back_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
