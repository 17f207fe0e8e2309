"""Whether we can listen where we are told to."""

import errno
import socket

from housecount.installation.errors import PortTaken


def require_free(host: str, port: int) -> None:
    """Raise PortTaken, with what to do, unless we can listen on `host` and `port` now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise PortTaken(f"'{host}' is not an address of this machine; use --host 127.0.0.1.") from None
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
            trial.listen(1)
        except OSError as error:
            raise PortTaken(_sentence(error, host, port)) from error


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop that one, "
            f"or choose another port, such as --port {port + 1 if port < 65535 else port - 1}."
        )
    if error.errno == errno.EACCES:
        return f"Only root may listen on port {port}. Choose one above 1023, such as --port 8000."
    return f"'{host}' is not an address of this machine; use --host 127.0.0.1."
