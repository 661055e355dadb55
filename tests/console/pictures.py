"""Make the pictures of the docs, with chromium: ``PYTHONPATH=. python tests/console/pictures.py``."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from browser import browser, chromium
from conftest import app_of, url_of
from console_day import DAY, fill
from console_server import served

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TALL = 2600  # frames outside the window are not painted


def main() -> int:
    program = chromium()
    if program is None:
        sys.stderr.write("no chromium or google-chrome on PATH: no picture was made\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="bh-pictures-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        for day in (DAY.replace(day=28, month=2), DAY):
            fill(home, url_of(home), day=day, trouble=day == DAY)
        with served(app_of(home)) as address, browser(program, Path(folder) / "profile") as page:
            for name, path, width, height, dark in shots(home):
                page.look(width=width, height=TALL, dark=dark)
                page.open(address + path)
                time.sleep(0.5)  # a frame paints after it has loaded
                page.picture(IMAGES / f"{name}.png", height=height)
    return 0


def shots(home: Path) -> Iterator[tuple[str, str, int, int, bool]]:
    """Name, path, width, height and whether dark, of each picture."""
    with sqlite3.connect(home / "state.db") as db:
        query = """
            SELECT case_id FROM decisions JOIN notices USING (case_id) JOIN deliveries USING (notice_id)
            WHERE deliveries.state = 'ACCEPTED' ORDER BY decisions.day DESC, decisions.expected_value DESC
        """
        case_id = db.execute(query).fetchone()[0]
    mails = (home / "mailbox" / "new").iterdir()
    mail = max(file.name for file in mails if b"late_delivery" in file.read_bytes() and b"Hello" in file.read_bytes())
    yield "today", "/", 1280, 1420, False
    yield "alerts", "/alerts?decision=send,digest", 1280, 900, False
    yield "case", f"/cases/{case_id}", 1280, 1900, False
    yield "mail", f"/mailbox/{mail}", 1280, 1150, False
    yield "today-phone", "/", 375, 1500, True


if __name__ == "__main__":
    sys.exit(main())
