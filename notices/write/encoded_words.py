"""Header values beyond ASCII: RFC 2047 words in UTF-8, folded where email.header folds them.

The library encodes every beginning of a text anew to see whether it still fits, which takes as long as all else in a
mail; here each sign is measured once. The words are the same.
"""

from __future__ import annotations

from binascii import b2a_base64
from string import ascii_letters, digits

LINE = 76  # with the header's name, without the line's end
CHROME = len("=?utf-8?q??=")
_PLAIN = frozenset((ascii_letters + digits + "-!*+/").encode())
_Q = tuple("_" if byte == ord(" ") else chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in range(256))


def encoded_words(text: str, header: str) -> str:
    """The value of ``header`` that says ``text``, a text in one line. Of the two encodings, the one that is shorter."""
    whole = text.encode()
    is_base64 = _base64_length(len(whole)) < len(_quoted(whole))
    room = _room(len(header) + len(": "), is_base64=is_base64)
    words, start, used = [], 0, 0
    for at, sign in enumerate(text):
        size = len(sign.encode()) if is_base64 else len(_quoted(sign.encode()))
        if used + size > room:
            words.append(_word(text[start:at], is_base64=is_base64))
            room = _room(len(" "), is_base64=is_base64)
            start, used = at, 0
        used += size
    return "\r\n ".join([*words, _word(text[start:], is_base64=is_base64)])


def _room(before: int, *, is_base64: bool) -> int:
    """How much goes into the word of a line that begins with so many signs: octets, or signs once they are quoted."""
    signs = LINE - before - CHROME
    return signs // 4 * 3 if is_base64 else signs


def _word(text: str, *, is_base64: bool) -> str:
    if is_base64:
        return f"=?utf-8?b?{b2a_base64(text.encode(), newline=False).decode('ascii')}?="
    return f"=?utf-8?q?{_quoted(text.encode())}?="


def _quoted(part: bytes) -> str:
    return "".join(map(_Q.__getitem__, part))


def _base64_length(octets: int) -> int:
    return -(-octets // 3) * 4
