"""What stands around Streamlit's own addresses: ours for those who run the server, and what every request passes through."""

from starlette.middleware import Middleware

from pages.server.ahead import WorksAhead
from pages.server.budgets import UploadsWithinBudget
from pages.server.ending import lifespan
from pages.server.headers import OnlyOwnHosts, WithHeaders
from pages.server.routes import ROUTES

MIDDLEWARE = [Middleware(WithHeaders), Middleware(OnlyOwnHosts), Middleware(UploadsWithinBudget), Middleware(WorksAhead)]
__all__ = ["MIDDLEWARE", "ROUTES", "lifespan"]
