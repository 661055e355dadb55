"""``make bench [SECTION=models]``: figures beside peers, each section in one run."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main() -> None:
    """Run the named sections, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)} (default: all)")
    asked = parser.parse_args().sections or SECTIONS
    unknown = [name for name in asked if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    sys.argv = sys.argv[:1]  # a section has arguments of its own when it is run by itself
    for name in asked:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
