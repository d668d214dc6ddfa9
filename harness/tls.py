"""A Redis as Azure has it: TLS with a certificate for its name only, a password, a cluster that announces addresses.

The redis-server of the wheel speaks no TLS, so a small proxy in front of it does.
"""

import asyncio
import atexit
import contextlib
import functools
import shutil
import ssl
import tempfile
import threading
from pathlib import Path

import redis
import trustme

from harness.servers import Server

KEY = "the access key"
NAME = "cache.region.test"  # in the certificate beside localhost; who asks for it must resolve it to 127.0.0.1 himself


class TlsRedis:
    """One redis-server behind TLS. `ca` is the file of the authority that signed its certificate."""

    def __init__(self) -> None:
        self.dir = tempfile.mkdtemp(prefix="tls-")
        self.ca = str(Path(self.dir, "ca.pem"))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", NAME).configure_cert(self.context)
        self.accepted = 0  # connections that were made over TLS
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        listener = asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(timeout=10)
        port = listener.sockets[0].getsockname()[1]
        self.url = f"rediss://localhost:{port}"
        self.wrong_name = f"rediss://127.0.0.1:{port}"  # the same server, by an address that the certificate lacks
        announced = ("--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", str(port))
        self.server = Server("--cluster-enabled", "yes", *announced)
        self.server.take_all_slots()
        with redis.Redis.from_url(self.server.url) as client:
            client.config_set("requirepass", KEY)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        ways = [self._copy(reader, inner_writer), self._copy(inner_reader, writer)]
        await asyncio.wait([asyncio.ensure_future(way) for way in ways])

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def flush(self) -> None:
        """Empty it."""
        with redis.Redis.from_url(self.server.url, password=KEY) as client:
            client.flushall()

    def stop(self) -> None:
        """Stop server and proxy, and remove the certificates."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.server.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


@functools.cache
def shared_tls() -> TlsRedis:
    """Return the one TLS endpoint of this process, started where it is first asked for."""
    shared = TlsRedis()
    atexit.register(shared.stop)
    return shared
