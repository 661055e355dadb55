"""An SMTP sink in a process of its own that does as little as it can: for measuring who sends.

``python -m bench.sending.sink [DELAY_SECONDS]`` prints its port, takes everything, and answers each write after DELAY.
Commands that come in one write are answered in one: a distance, not a slow machine.
"""

from __future__ import annotations

import asyncio
import sys

EHLO = b"250-sink\r\n250-PIPELINING\r\n250 SIZE 20000000\r\n"


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._say(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every command and every body that is whole."""
        self._buffer += data
        said = []
        while True:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_body else b"\r\n")
            if end < 0:
                break
            line = self._buffer[:end]
            self._buffer = self._buffer[end + (5 if self._in_body else 2) :]
            said.append(self._answer(line[:4].upper()))
        if said:
            self._say(b"".join(said))

    def _answer(self, verb: bytes) -> bytes:
        if self._in_body:
            self._in_body = False
            return b"250 kept\r\n"
        if verb == b"DATA":
            self._in_body = True
            return b"354 go on\r\n"
        return {b"EHLO": EHLO, b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n")

    def _say(self, text: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, text)
        else:
            self._transport.write(text)


async def main() -> None:
    """Serve until killed."""
    delay = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    server = await asyncio.get_running_loop().create_server(lambda: Sink(delay), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
