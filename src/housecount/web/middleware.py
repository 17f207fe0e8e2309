"""What every answer tells the browser: run nothing that is not ours, and keep no copy for others."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

#: For what is no page: opened by itself, it is nobody's origin and can do nothing.
FILE_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# Browsers show a PDF with a part of their own, which a sandbox would take away; ours hold no scripts.
_PAGES = ("text/html", "application/pdf")
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class PageSecurityMiddleware:
    """Adds the content security policy, and forbids shared caches to keep what does not say otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response with its headers."""
        response = self.get_response(request)
        page = response.headers.get("Content-Type", "").startswith(_PAGES)
        policy = CONTENT_SECURITY_POLICY if page else FILE_SECURITY_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response
