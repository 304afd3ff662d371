"""What is kept of a browser on the server: found by its token alone, bounded, and gone in the end."""

import pytest

from pages.common.shelf import KEPT_SECONDS, Shelf, Shelves


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_token_leads_to_its_shelf_and_no_other():
    shelves = Shelves()
    token, mine = shelves.open(None)
    other_token, other = shelves.open(None)
    assert mine is not other and len(token) >= 43 and token != other_token  # 32 bytes
    assert shelves.open(token) == (token, mine)


def test_a_token_that_nobody_was_given_opens_a_new_shelf_under_a_new_token():
    token, shelf = Shelves().open("guessed")
    assert token != "guessed" and shelf.items == {}


def test_a_shelf_outlives_a_reload_and_not_much_more(clock):
    shelves = Shelves(now=clock)
    token, shelf = shelves.open(None)
    shelf.put("a.png", "1", b"abc")
    shelves.close(token)
    clock.seconds += KEPT_SECONDS - 1
    assert shelves.open(token)[1] is shelf
    clock.seconds += 10 * KEPT_SECONDS
    assert shelves.open(token)[1] is shelf  # open all the time
    shelves.close(token)
    shelves.close(token)
    clock.seconds += KEPT_SECONDS + 1
    assert shelves.open(token)[1] is not shelf


def test_the_same_file_lies_there_once_and_its_id_says_nothing_of_it():
    shelf = Shelf()
    item = shelf.put("a.png", "f00d", b"abc")
    assert shelf.put("b.png", "f00d", b"abc") is item and len(shelf.items) == 1
    assert item.id.startswith("own-") and "f00d" not in item.id
    assert Shelf().put("a.png", "f00d", b"abc").id != item.id


def test_the_oldest_files_make_room():
    shelf = Shelf()
    for n in range(4):
        shelf.put(f"{n}.png", str(n), b"x" * 10, max_bytes=25)
    assert [item.name for item in shelf.items.values()] == ["2.png", "3.png"]
    shelf.put("large.png", "5", b"x" * 100, max_bytes=25)
    assert [item.name for item in shelf.items.values()] == ["large.png"]


def test_images_of_a_class_count_and_make_room_as_well():
    shelf = Shelf()
    shelf.put("photo.png", "1", b"x" * 10, max_bytes=25)
    for n in range(2):
        shelf.put(f"{n}.zip", str(n), b"x" * 10, of_class=True, max_bytes=25)
    assert [item.name for item in shelf.class_items.values()] == ["1.zip"] and len(shelf.items) == 1 and shelf.n_bytes == 20
    shelf.put("large.zip", "5", b"x" * 100, of_class=True, max_bytes=25)
    assert [item.name for item in shelf.class_items.values()] == ["large.zip"] and not shelf.items
    shelf.clear()
    assert shelf.n_bytes == 0


def test_all_shelves_together_are_bounded_and_those_left_go_first():
    shelves = Shelves(max_bytes=25)
    opened = {token: shelf for token, shelf in (shelves.open(None) for _ in range(3))}
    for shelf in opened.values():
        shelf.put("a.png", "1", b"x" * 10)
    left = [*opened][1]
    shelves.close(left)
    shelves.sweep()
    assert [shelves.open(token)[1] is shelf for token, shelf in opened.items()] == [True, False, True]
