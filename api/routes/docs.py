"""The page that describes the routes and tries them, all of it served from here: no other host is asked."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parents[1] / "web"
ASSETS = ("fastapi_offline", "static")
"""The package that carries Swagger UI, and its folder."""

# Swagger UI writes style attributes, and its style sheet holds pictures as data.
HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


def install(app: FastAPI) -> None:
    """Serve the page at ``/docs`` with what it needs below it."""
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(packages=[ASSETS]), name="docs-assets")


@router.api_route("/docs", methods=["GET", "HEAD"])
async def page() -> FileResponse:
    """The page itself."""
    return FileResponse(WEB / "docs.html", headers=HEADERS)


@router.api_route("/docs/start.js", methods=["GET", "HEAD"])
async def start() -> FileResponse:
    """What starts Swagger UI; a file of its own, for the policy allows no script inside the page."""
    return FileResponse(WEB / "docs.js", media_type="text/javascript", headers=HEADERS)
