"""docs/advice.md lists all advice that errors give, and each kind of it is followed by a test or says why not."""

import ast

import pytest

from tests.contract.advice import FOLLOWED, advice, markdown


def test_every_kind_of_advice_is_followed_by_a_test_or_says_why_not():
    assert set(FOLLOWED) == set(advice())


@pytest.mark.parametrize("followed", sorted(set(FOLLOWED.values())))
def test_the_test_that_follows_it_exists(root, followed):
    if "::" not in followed:
        assert followed.startswith("not followed: ")
        return
    file, name = followed.split("::")
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_list_is_fresh(root):
    text = (root / "docs" / "advice.md").read_text(encoding="utf-8")
    assert text == markdown(), "docs/advice.md is stale: run `make docs`"
