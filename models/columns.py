"""How many of its columns a tree draws, and from which: those that tell rows apart.

A share of all columns is enough where a source fills most of them. Where it fills few, as a plain list of sales does, a
tree that draws blindly often sees none of them at all: it then draws LEAST_COLUMNS of those that tell, or all there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]

LEAST_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Draw:
    """share: of all columns, that a tree draws. weights: (columns,) 1 where it may draw, else 0; None: any."""

    share: float
    weights: Weights | None


def draw(matrix: Matrix, share: float) -> Draw:
    """How a tree draws columns that ought to be ``share`` of all. matrix: (n, columns), NaN where null."""
    tells = varies(matrix)
    known = int(tells.sum())
    if known == 0 or share * known >= LEAST_COLUMNS:
        return Draw(share, None)
    return Draw(min(known, LEAST_COLUMNS) / tells.size, tells.astype(np.float32))


def varies(matrix: Matrix) -> npt.NDArray[np.bool_]:
    """(columns,): whether it has two values or more; null is one."""
    nulls = np.isnan(matrix).sum(axis=0)
    least, most = np.fmin.reduce(matrix, axis=0), np.fmax.reduce(matrix, axis=0)
    found: npt.NDArray[np.bool_] = ((nulls > 0) & (nulls < len(matrix))) | (least < most)
    return found
