"""Merkle trees over hashes of leaves as Certificate Transparency builds them (RFC 6962, 2.1; RFC 9162, 2.1). Pure.

Leaves and nodes are hashed apart (0x00 and 0x01 before them), and the left half of a tree is the largest power of two
below the whole. So aligned runs of 2^n leaves are subtrees: a tree can be kept as the roots of such runs, and a path
through it is the path within one run and then the path through the roots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of no leaves."""


def leaf(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over the hashes of leaves, in one pass: it keeps one hash for each power of two at most."""
    peaks: list[tuple[int, bytes]] = []
    for each in leaves:
        size, value = 1, each
        while peaks and peaks[-1][0] == size:
            value = node(peaks.pop()[1], value)
            size *= 2
        peaks.append((size, value))
    if not peaks:
        return EMPTY
    value = peaks.pop()[1]
    while peaks:
        value = node(peaks.pop()[1], value)
    return value


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of the leaf at ``index``, from the bottom to the top (RFC 9162, 2.1.3.1).

    Raises IndexError for a leaf that is not there.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    left = 1 << (len(leaves) - 1).bit_length() - 1
    if index < left:
        return [*path(leaves[:left], index), root(leaves[left:])]
    return [*path(leaves[left:], index - left), root(leaves[:left])]


def root_from(leaf_hash: bytes, index: int, size: int, audit_path: Sequence[bytes]) -> bytes | None:
    """The root to which an audit path leads; None when no tree of that size has such a path (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    place, last, value = index, size - 1, leaf_hash
    for each in audit_path:
        if last == 0:
            return None
        if place & 1 or place == last:
            value = node(each, value)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = node(value, each)
        place, last = place >> 1, last >> 1
    return value if last == 0 else None
