"""Names for the array types of the world. One position is one entity, order, line or parcel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEVER = 1 << 30
"""A day index that no world reaches: the event does not happen."""

NEVER_US = 1 << 62
"""The same as a moment in microseconds."""
