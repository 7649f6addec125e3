"""A page that shows the API's description and tries it out; all that it loads comes from this server."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PATH = "/api/docs"
_FILES = f"{PATH}/files"
_SCRIPT = """
SwaggerUIBundle({{
  url: "{description}", dom_id: "#page", deepLinking: true, validatorUrl: null, syntaxHighlight: false,
}});
"""
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Headroom: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_FILES}/swagger-ui.css">
</head>
<body>
<main id="page"></main>
<script src="{_FILES}/swagger-ui-bundle.js"></script>
<script>{{script}}</script>
</body>
</html>
"""


def install(app: FastAPI, description: str) -> None:
    """Serve the page at `/api/docs`; `description` is the address of the OpenAPI document."""
    script = _SCRIPT.format(description=description)
    page = _PAGE.format(script=script)
    headers = {
        "Content-Security-Policy": _policy(script),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    app.get(PATH, include_in_schema=False)(show)
    app.mount(_FILES, StaticFiles(directory=str(files("fastapi_offline") / "static")))


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            # Swagger UI writes styles into its elements.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
