"""Who uses the dashboard, and what they may change. The only place that knows of signing in.

    viewer     looks and computes; photos of one's own stay in one's session
    editor     changes the concept library, makes indexes of data sets, and deletes results that are kept
    operator   adds and deletes encoders as well, and deletes or renames starter concepts

Signing in is Streamlit's (OpenID Connect), on where its secrets have a section [auth]. Without it nobody has a name, and
everybody may change everything but what comes with Encoderscope.
"""

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import streamlit as st

from models.errors import NotAllowed
from pages.common.text import escaped

Right = Literal["library", "indexes", "encoders", "starters"]
ROLES: dict[str, frozenset[Right]] = {
    "viewer": frozenset(),
    "editor": frozenset(["library", "indexes"]),
    "operator": frozenset(["library", "indexes", "encoders", "starters"]),
}
UNSIGNED: frozenset[Right] = frozenset(["library", "indexes", "encoders"])  # where nobody signs in
WHOSE: dict[Right, str] = {  # who may do it, and what
    "library": "Editors change the concept library and delete results.",
    "indexes": "Editors make indexes of data sets.",
    "encoders": "Operators add and delete encoders.",
    "starters": "What comes with Encoderscope belongs to everybody here; operators delete and rename it.",
}
VISITORS, EDITORS, OPERATORS = "ENCODERSCOPE_VISITORS", "ENCODERSCOPE_EDITORS", "ENCODERSCOPE_OPERATORS"


@dataclass(frozen=True)
class Person:
    """Whoever looks at the page; without a name unless they signed in."""

    name: str
    rights: frozenset[Right]


def person() -> Person:
    """Who is there, by the claims of their sign-in; raises NotAllowed where a variable names no role."""
    claims = st.user.to_dict()
    if not claims.get("is_logged_in"):
        return Person("", rights_of_visitors(signing_in="is_logged_in" in claims))
    email = str(claims.get("email") or "") if claims.get("email_verified", True) else ""
    return Person(email or str(claims.get("name") or claims.get("sub") or "somebody"), ROLES[role_of(email)])


def role_of(email: str) -> str:
    """The role of an address by the variables that list operators and editors; whoever has no address is a viewer."""
    listed = ((role, os.environ.get(variable, "")) for role, variable in (("operator", OPERATORS), ("editor", EDITORS)))
    return next((role for role, patterns in listed if email and _is_among(email, patterns)), "viewer")


def _is_among(email: str, patterns: str) -> bool:
    return any(fnmatchcase(email.casefold(), pattern.strip().casefold()) for pattern in patterns.split(",") if pattern.strip())


def rights_of_visitors(*, signing_in: bool) -> frozenset[Right]:
    """What those may change who have not signed in; raises NotAllowed where the variable names no role."""
    role = os.environ.get(VISITORS, "")
    if role and role not in ROLES:
        raise NotAllowed(f"{VISITORS} is '{role}', which is not a role. Use one of: {', '.join(ROLES)}.")
    if not role:
        return frozenset() if signing_in else UNSIGNED
    return ROLES[role]


def may(right: Right) -> bool:
    """Whether whoever is there may change such things."""
    return right in person().rights


def require(right: Right) -> None:
    """Raises NotAllowed, with who may, unless whoever is there may change such things."""
    if not may(right):
        raise NotAllowed(f"{WHOSE[right]} {remedy()}")


def strangers_wait_outside() -> bool:
    """Whether nobody sees a page who has not signed in; needs no page."""
    signing_in = st.secrets.load_if_toml_exists() and "auth" in st.secrets
    return signing_in and not os.environ.get(VISITORS)


def remedy() -> str:
    """What to do about a right that is missing."""
    claims = st.user.to_dict()
    if claims.get("is_logged_in"):
        return f"You are signed in as {person().name}; ask whoever runs this server."
    return "Sign in, in the sidebar." if "is_logged_in" in claims else f"Whoever runs this server decides that, with {VISITORS}."


def door() -> None:
    """Draws, where signing in is on, who is there and the way in or out; the page ends for those who must sign in first."""
    claims = st.user.to_dict()
    if "is_logged_in" not in claims:
        return
    with st.sidebar, st.container(horizontal=True, vertical_alignment="center", key="signed in"):
        if claims["is_logged_in"]:
            st.caption(escaped(person().name), width="stretch")
            st.button("Sign out", key="sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)
        else:
            st.button("Sign in", key="sign in", icon=":material/login:", on_click=st.login, help="With the account of your team.")
    if not claims["is_logged_in"] and not os.environ.get(VISITORS):
        st.info("This dashboard is for people who are known here. Sign in, in the sidebar.", icon=":material/lock:")
        st.stop()
