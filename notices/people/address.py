"""Mail addresses: taken exactly as they are, or refused with the reason. Never repaired, never rewritten."""

from __future__ import annotations

import re

MAX_LOCAL = 64
MAX_ADDRESS = 254
MAX_LABEL = 63
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class AddressRefused(ValueError):
    """An address that cannot be written to. The message never repeats the address."""


def checked(address: str) -> str:
    """The address, unchanged. Raises AddressRefused for anything but local@domain in plain ASCII dot-atom form.

    Quoted local parts, comments, address literals and non-ASCII mailboxes are legal in some places and are refused
    here: a relay would have to rewrite them, and then nobody knows who was written to.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise AddressRefused("not of the form name@domain")
    if len(address) > MAX_ADDRESS or len(local) > MAX_LOCAL:
        raise AddressRefused("longer than mail allows")
    if not address.isascii():
        raise AddressRefused("holds letters outside ASCII, which not every relay carries")
    if not _ATOM.fullmatch(local):
        raise AddressRefused("the part before @ is not plain letters, digits and dots")
    labels = domain.split(".")
    if len(labels) < 2:  # noqa: PLR2004 - a name and a top level
        raise AddressRefused("the domain has no dot")
    if not all(len(label) <= MAX_LABEL and _LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("the domain is not a host name")
    if labels[-1].isdigit():
        raise AddressRefused("the domain ends in a number")
    return address


def canonical(address: str) -> str:
    """What two spellings of one mailbox have in common, for suppression: case folded, nothing else."""
    return address.strip().casefold()
