"""Random numbers by name: each stream of each day or entity has its own counter-based generator.

A draw depends on the seed, the stream's name and its keys alone, not on what else was drawn before. So a reaction, or
an article that is out of stock, changes only what it touches, and two worlds can be compared number by number.
"""

from __future__ import annotations

import hashlib

import numpy as np

from sources.simulator.arrays import Floats, Ints


class Draws:
    """The generators of one world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def at(self, stream: str, *keys: int) -> np.random.Generator:
        """The generator of ``stream`` for these keys (a day, a chunk, an entity)."""
        name = f"{self.seed}/{stream}/" + "/".join(map(str, keys))
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))

    def uniform(self, stream: str, size: int, *keys: int) -> Floats:
        """``size`` numbers in 0..1."""
        return self.at(stream, *keys).random(size)


def pick(cumulative: Floats, row: Ints, uniform: Floats) -> Ints:
    """One value per position from a table of distributions.

    cumulative: (rows, values), each row rising to 1. row, uniform: (n,). Returns (n,) the index of the drawn value.
    """
    return np.asarray((uniform[:, None] >= cumulative[row]).sum(axis=1), dtype=np.int64)


def cumulated(table: Floats) -> Floats:
    """A table of distributions as ``pick`` takes it; the last value takes what rounding left."""
    sums = np.cumsum(table, axis=-1)
    sums[..., -1] = 1.0
    return np.asarray(sums)
