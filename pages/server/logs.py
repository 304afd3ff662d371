"""What the server logs: text for people, or JSON lines for machines, which name no file, no concept and no encoder.

ENCODERSCOPE_LOG        text (the default) or json
ENCODERSCOPE_LOG_FROM   from which severity on: debug, info, warning (the default), error; info has a line for every piece of work
"""

import json
import logging
import os
import traceback
from datetime import UTC, datetime

FORMAT_VARIABLE, SEVERITY_VARIABLE = "ENCODERSCOPE_LOG", "ENCODERSCOPE_LOG_FROM"
SEVERITIES = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OURS = ("explainers", "models", "pages")


class JsonLines(logging.Formatter):
    """One JSON object per line. Of an exception it has the kind and the places in the source, never the text."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; ``facts`` of the record become members of their own."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, frames = record.exc_info
            line["exception"] = kind.__name__
            line["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(frames)]
        return json.dumps(line)


class Text(logging.Formatter):
    """A line for people, with the facts of the record behind it."""

    def __init__(self):
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record, without its exception."""
        facts = " ".join(f"{name}={value}" for name, value in getattr(record, "facts", {}).items())
        return f"{super().formatMessage(record)} {facts}".rstrip()


def set_up() -> None:
    """Has our own loggers write to stderr as the environment says; what it says wrongly counts as the default."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if os.environ.get(FORMAT_VARIABLE, "").strip().lower() == "json" else Text())
    severity = SEVERITIES.get(os.environ.get(SEVERITY_VARIABLE, "").strip().lower(), logging.WARNING)
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(severity)
        logger.propagate = False
