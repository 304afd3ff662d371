"""Somebody who visits the dashboard without a browser: by Streamlit's websocket protocol, with its widgets and uploads."""

import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

PATIENCE = 300.0  # seconds that a visitor waits for a page
_KEY = re.compile(r"\$\$(?:ID|STREAMLIT_INTERNAL_KEY\w*)-[0-9a-f]+-(.*)")
_XSRF = "_streamlit_xsrf"


@dataclass
class Seen:
    """What a page showed in one run."""

    seconds: float
    arrived: dict[str, float] = field(default_factory=dict)  # seconds until a widget came, by its key
    errors: list[str] = field(default_factory=list)  # exceptions and red boxes
    media: list[str] = field(default_factory=list)  # addresses of pictures
    texts: list[str] = field(default_factory=list)


class Visitor:
    """One open page. Not for several threads at a time."""

    def __init__(self, url: str, query: str, page: str = ""):
        """``page`` is the address of a page below ``url``, "" for the first one."""
        self._http = httpx.Client(base_url=url)
        self._http.get("/")
        self._http.get("/_stcore/health")
        self._url, self.query, self._page = url, query, page
        self.cookies = dict(self._http.cookies)
        self._socket = self._connected()
        self.session_id = ""
        self._states: dict[str, WidgetState] = {}
        self._ids: dict[str, str] = {}
        self._hash = ""

    def look(self, **chosen: Any) -> Seen:
        """Runs the page, with widgets set by their keys, and waits until it is complete."""
        for key, value in chosen.items():
            self._set(key.replace("_", " ") if key not in self._ids else key, value)
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash = self.query, self._hash
        rerun.page_name = "" if self._hash else self._page
        rerun.widget_states.widgets.extend(self._states.values())
        began = time.monotonic()
        self._socket.send(message.SerializeToString())
        return self._watch(began)

    def go(self, query: str) -> Seen:
        """Follows a link to the same page."""
        self.query = query
        return self.look()

    def upload(self, key: str, name: str, data: bytes) -> tuple[int, Seen | None]:
        """Puts a file into a field for uploads: the status of the upload, and what the page shows then."""
        widget = self._ids[key]
        urls = self._upload_urls(name)
        status = self._http.put(
            urls.upload_url, files={"file": (name, data)}, headers={"X-Xsrftoken": self._http.cookies.get(_XSRF, "")}
        ).status_code
        if status >= 300:
            return status, None
        state = self._states.setdefault(widget, WidgetState(id=widget))
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = urls.file_id, name, len(data)
        info.file_urls.CopyFrom(urls)
        return status, self.look()

    def fetch(self, address: str) -> int:
        """The status with which the server answers an address."""
        return self._http.get(address).status_code

    def leave(self) -> None:
        """Closes the page."""
        self._socket.close()
        self._http.close()

    def _connected(self) -> ClientConnection:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return connect(
            self._url.replace("http", "ws", 1) + "/_stcore/stream",
            subprotocols=["streamlit"],
            additional_headers={"Cookie": cookies},
            origin=self._url,
            max_size=None,
            compression=None,
        )

    def _set(self, key: str, value: Any) -> None:
        state = WidgetState(id=self._ids[key])
        match value:
            case bool():
                state.bool_value = value
            case int():
                state.int_value = value
            case float():
                state.double_value = value
            case str():
                state.string_value = value
            case list():
                state.double_array_value.data.extend(value)
        self._states[state.id] = state

    def _upload_urls(self, name: str) -> FileURLs:
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session_id
        self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(self._socket.recv(PATIENCE))
            if answer.WhichOneof("type") == "file_urls_response":
                return answer.file_urls_response.file_urls[0]

    def _watch(self, began: float) -> Seen:
        seen = Seen(0.0)
        while True:
            message = ForwardMsg.FromString(self._socket.recv(PATIENCE))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session_id = message.new_session.initialize.session_id or self.session_id
                self._hash = message.new_session.page_script_hash
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._note(message.delta.new_element, seen, time.monotonic() - began)
            elif kind == "script_finished" and message.script_finished in (0, 3):  # whole, or the fragment
                seen.seconds = time.monotonic() - began
                return seen

    def _note(self, element: Any, seen: Seen, seconds: float) -> None:
        kind = element.WhichOneof("type")
        part = getattr(element, kind) if kind else None
        widget = getattr(part, "id", "")
        if match := _KEY.fullmatch(widget if isinstance(widget, str) else ""):
            self._ids[match[1]] = widget
            seen.arrived.setdefault(match[1], seconds)
        if kind == "exception" or (kind == "alert" and part.format == part.ERROR):
            seen.errors.append(getattr(part, "message", "") or part.body)
        elif kind == "imgs":
            seen.media += [image.url for image in part.imgs]
        elif kind in ("markdown", "text"):
            seen.texts.append(part.body)
