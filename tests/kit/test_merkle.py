"""Roots, paths and where a path leads: by the book, by published vectors, and by two ways that must agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kit import merkle
from tests.oversight.test_rules import INPUTS, VECTORS, by_the_book

HASHES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=80)
LEAVES = [merkle.leaf(bytes.fromhex(text)) for text in INPUTS]
PATHS = [
    (0, 1, []),
    (0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip
"""Paths with which Certificate Transparency's implementations test themselves."""


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_the_paths_of_certificate_transparency_come_out(index: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in merkle.path(LEAVES[:size], index)] == path
    led = merkle.root_from(LEAVES[index], index, size, [bytes.fromhex(each) for each in path])
    assert led is not None and led.hex() == VECTORS[size - 1]


@given(HASHES, st.data())
def test_every_path_leads_to_the_root_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.path(leaves, index), by_the_book(leaves)
    assert merkle.root_from(leaves[index], index, len(leaves), path) == root == merkle.root(leaves)
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda value: value != leaves[index]))
    assert merkle.root_from(other, index, len(leaves), path) != root
    assert merkle.root_from(leaves[index], index, len(leaves), [*path, other]) is None
    if other in path:
        return
    if path:
        assert merkle.root_from(leaves[index], index, len(leaves), path[:-1]) is None
        wrong = data.draw(st.integers(0, len(path) - 1))
        assert merkle.root_from(leaves[index], index, len(leaves), [*path[:wrong], other, *path[wrong + 1 :]]) != root


@given(HASHES, st.integers(0, 4))
def test_a_tree_is_kept_as_the_roots_of_aligned_runs(leaves: list[bytes], power: int) -> None:
    run = 2**power
    runs = [leaves[at : at + run] for at in range(0, len(leaves), run)]
    tops = [merkle.root(each) for each in runs]
    assert merkle.root(tops) == merkle.root(leaves)
    for index in range(len(leaves)):
        parted = [*merkle.path(runs[index // run], index % run), *merkle.path(tops, index // run)]
        assert parted == merkle.path(leaves, index)


def test_a_leaf_that_is_not_there_has_no_path() -> None:
    assert merkle.root_from(LEAVES[0], 1, 1, []) is None and merkle.root_from(LEAVES[0], -1, 1, []) is None
    with pytest.raises(IndexError):
        merkle.path(LEAVES, 8)
