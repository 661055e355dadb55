"""A headless Chromium over the DevTools protocol: real layout, real keyboard, every console message seen."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
SECONDS = 30


def chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab. ``messages``: everything the browser complained about since the last ``open``."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.messages: list[str] = []
        self._loads = 0
        for domain in ("Page", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer; events that come meanwhile are noted."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Become a screen of this size."""
        is_phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address and wait until it and its frames are loaded."""
        self.messages.clear()
        loads = self._loads
        self.call("Page.navigate", url=url)
        until = time.monotonic() + SECONDS
        while self._loads == loads and time.monotonic() < until:
            self._note(self._next())

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(self, key: str) -> None:
        """One key, down and up, as a keyboard sends it."""
        codes = {"Tab": 9, "Enter": 13}
        typed = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **typed)

    def wait_for(self, expression: str) -> None:
        """Until a script says true. Raises TimeoutError naming it."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self.value(expression):
                return
            time.sleep(0.05)
        raise TimeoutError(expression)

    def picture(self, file: Path, *, height: int | None = None) -> None:
        """A PNG of the page, or of its first ``height`` pixels."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _next(self) -> dict[str, Any]:
        answer = json.loads(self._socket.recv(timeout=SECONDS))
        self._note(answer)
        return dict(answer)

    def _note(self, answer: dict[str, Any]) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "Page.loadEventFired": lambda _: setattr(self, "_loads", self._loads + 1),
            "Log.entryAdded": lambda event: self.messages.append(event["entry"]["text"]),
            "Runtime.exceptionThrown": lambda event: self.messages.append(event["exceptionDetails"]["text"]),
            "Runtime.consoleAPICalled": lambda event: self.messages.append(str(event["args"])),
        }
        if answer.get("method") in handlers:
            handlers[answer["method"]](answer["params"])


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Page]:
    """A tab in a browser of its own, ended with the block."""
    arguments = [*FLAGS, f"--user-data-dir={profile}", "about:blank"]
    # A folder of its own for what it leaves behind; a short one, because it holds a socket.
    with (
        tempfile.TemporaryDirectory(prefix="bh-") as folder,
        subprocess.Popen(
            [program, *arguments], env={**os.environ, "TMPDIR": folder}, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            port = _port(process)
            with urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
                tab = next(tab for tab in json.load(answer) if tab["type"] == "page")
            with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if "DevTools listening on" in line:
            return int(line.rsplit(":", 1)[1].split("/")[0])
    raise RuntimeError("the browser ended before it listened")
