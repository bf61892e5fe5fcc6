"""What a person may have meant."""

from glyphline.nearest import closest, nearest


def test_the_most_alike_come_first_and_each_once():
    assert nearest("champoin", ["challenger", "champion", "champion", "other"])[0] == "champion"


def test_where_nothing_is_alike_the_first_are_named_so_that_the_list_is_never_empty():
    assert nearest("xyz", ["aaa", "bbb", "ccc", "ddd"]) == ["aaa", "bbb", "ccc"]
    assert nearest("xyz", []) == []


def test_the_closest_name_is_given_alone_and_nothing_when_none_is_much_alike():
    assert closest("fashon_mnist", ["mnist", "fashion_mnist"]) == "fashion_mnist"
    assert closest("zzz", ["mnist"]) is None
    assert closest("mnist", []) is None
