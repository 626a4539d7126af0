"""The navigation of a desk: where a page belongs."""

from hashrail.pages import desk
from hashrail.pages.desk import Entry, Group

MENU = (
    Group("", (Entry("Home", "/desk", "h"),)),
    Group("Money", (Entry("Days", "/desk/days", "d", also=("/desk/day",)), Entry("Day lists", "/desk/days/lists"))),
    Group("Nothing of it", ()),
)


def current(path: str) -> list[str]:
    return [each.words for group in desk.at(MENU, path, home="/desk") for each in group.entries if each.is_current]


def test_a_page_belongs_to_the_entry_that_names_most_of_its_path() -> None:
    assert current("/desk") == ["Home"]
    assert current("/desk/days") == current("/desk/days/7") == current("/desk/day/7") == ["Days"]
    assert current("/desk/days/lists/9") == ["Day lists"]
    assert current("/desk/daysandmore") == current("/desk/elsewhere") == []


def test_a_group_without_pages_is_left_out() -> None:
    assert [each.words for each in desk.at(MENU, "/desk", home="/desk")] == ["", "Money"]
