"""``python -m console``: serve the console on this machine."""

import sys

from console.serve import main

sys.exit(main())
