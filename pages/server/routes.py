"""Addresses for those who run the server: is the process there, does it answer in time, what does it measure."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from models.version import __version__
from pages.common import jobs

LONGEST_STEP = 120.0  # seconds without a sign of the worker, from which on it is called stuck


async def healthz(_: Request) -> Response:
    """Whether the process is there."""
    return JSONResponse({"status": "ok", "version": __version__})


async def readyz(_: Request) -> Response:
    """Whether the worker answers within its time."""
    pulse = jobs.service().pulse()
    stuck = not pulse.is_alive or pulse.silent_seconds > LONGEST_STEP
    facts = {"worker": "alive" if pulse.is_alive else "ended", "silent_seconds": round(pulse.silent_seconds, 1)}
    return JSONResponse({"status": "stuck" if stuck else "ready", **facts}, 503 if stuck else 200)


async def metrics(_: Request) -> Response:
    """All figures in Prometheus' text format."""
    return PlainTextResponse(jobs.service().measures.text(), media_type="text/plain; version=0.0.4")


ROUTES = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
