"""Text of others shows as it is."""

import pytest

from pages.common.text import escaped


def test_ordinary_words_stay():
    assert escaped("flower (2).png, 640 × 427 px") == "flower (2).png, 640 × 427 px"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://y)", r"\!\[x\](http\://y)"),
        ("a_b*c", r"a\_b\*c"),
        ("`$x$`", r"\`\$x\$\`"),
        ("back\\slash", r"back\\slash"),
        (":red[alarm]", r"\:red\[alarm\]"),
    ],
)
def test_what_markdown_would_read_is_escaped(text, shown):
    assert escaped(text) == shown
