"""Which columns trees draw from: those that tell rows apart.

A source that has no scans leaves a third of the features null. Trees that draw their columns blindly then see a third
fewer that say something, and learn less, the more features there are that the source cannot fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Draw:
    """share: of all columns, that a tree draws. weights: (columns,) 1 where it may draw, else 0; None: any."""

    share: float
    weights: Weights | None


def draw(matrix: Matrix, share: float) -> Draw:
    """How a tree draws ``share`` of the columns that tell rows apart. matrix: (n, columns), NaN where null."""
    tells = varies(matrix)
    if tells.all() or not tells.any():
        return Draw(share, None)
    return Draw(share * float(tells.mean()), tells.astype(np.float32))


def varies(matrix: Matrix) -> npt.NDArray[np.bool_]:
    """(columns,): whether it has two values or more; null is one."""
    nulls = np.isnan(matrix).sum(axis=0)
    least, most = np.fmin.reduce(matrix, axis=0), np.fmax.reduce(matrix, axis=0)
    found: npt.NDArray[np.bool_] = ((nulls > 0) & (nulls < len(matrix))) | (least < most)
    return found
