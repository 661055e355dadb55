"""A marketplace with known truth: seeded, reproducible byte for byte, of any size. See docs/simulator.md."""

from sources.simulator.parameters import ParametersError, WorldParameters
from sources.simulator.reactions import Notices, ReactionsError
from sources.simulator.world import World, WorldExistsError, WorldSummary, write_world

__all__ = [
    "Notices", "ParametersError", "ReactionsError", "World", "WorldExistsError", "WorldParameters", "WorldSummary",
    "write_world",
]  # fmt: skip
