"""``GET /``: the page, and the files that it is made of (``web/``)."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

FOLDER = Path(__file__).parent / "web"
PREFIX = "/page/"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Nothing but the page's own files runs or is asked, and no text can become markup (trusted types).
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The address holds what was asked.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class File:
    """Its bytes, plain and packed."""

    plain: bytes
    packed: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Page:
    """``version`` is of all files together and part of their addresses, so a browser keeps them for good, and modules
    that name each other relatively always fit together."""

    version: str
    index: File
    files: dict[str, File]


@lru_cache(maxsize=1)
def page() -> Page:
    """The page, read at its first use."""
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    version = digest.hexdigest()[:16]
    # Without these a browser finds out about a module only when it has read the one that imports it.
    modules = [f'<link rel="modulepreload" href="{PREFIX}{name}">' for name in files if name.endswith(".js")]
    index = files.pop("index.html").decode().replace("<!-- modules -->", "\n  ".join(modules))
    index = index.replace(f'"{PREFIX}', f'"{PREFIX}{version}/')
    return Page(
        version, _file("index.html", index.encode()), {name: _file(name, content) for name, content in files.items()}
    )


def _file(name: str, content: bytes) -> File:
    return File(content, gzip.compress(content, mtime=0), _TYPES[Path(name).suffix])


def _answer(request: Request, content: File, cached: dict[str, str]) -> Response:
    headers = {**_HEADERS, **cached, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(content.packed, media_type=content.media_type, headers=headers)
    return Response(content.plain, media_type=content.media_type, headers=headers)


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """The page itself, which is asked for anew each time."""
    found = page()
    cached = {"Cache-Control": "no-cache", "ETag": f'W/"{found.version}"'}
    if request.headers.get("if-none-match") == cached["ETag"]:
        return Response(status_code=304, headers={**_HEADERS, **cached})
    return _answer(request, found.index, cached)


@router.api_route(PREFIX + "{version}/{name}", methods=["GET", "HEAD"])
async def file(request: Request, version: str, name: str) -> Response:
    """One of its files. A page of another version gets the file as it is now, and does not keep it."""
    found = page()
    if name not in found.files:
        raise HTTPException(404, "the page has no such file")
    lasting = "public, max-age=31536000, immutable" if version == found.version else "no-cache"
    return _answer(request, found.files[name], {"Cache-Control": lasting})
