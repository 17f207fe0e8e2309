import socket

import pytest

from housecount.installation import ports
from housecount.installation.errors import PortTaken


def test_a_free_port_is_fine_and_stays_free() -> None:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    ports.require_free("127.0.0.1", port)
    ports.require_free("127.0.0.1", port)


def test_a_taken_port_is_named_with_another_to_try() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} .*--port {port + 1 if port < 65535 else port - 1}"):
            ports.require_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1"):
        ports.require_free("192.0.2.1", 8000)
