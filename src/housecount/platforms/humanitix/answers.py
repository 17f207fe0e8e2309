"""What Humanitix's errors mean (reference: its OpenAPI document and recorded answers)."""

from collections.abc import Mapping

import msgspec

from housecount.platforms.base.errors import ConfigError, ContractChanged, PlatformError
from housecount.platforms.humanitix import wire

LABEL = "Humanitix"


def classify(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError | None:  # noqa: ARG001
    """The error that an unsuccessful JSON answer means; None where its status says enough."""
    try:
        message = wire.failure.decode(body).message
    except msgspec.DecodeError:
        message = ""
    if status == 400 and "api key" in message.casefold():
        return ConfigError(
            "Humanitix says that what was given is no API key. Copy it again and reconnect the account."
        )
    if status == 401:
        return ConfigError(
            "Humanitix does not accept the API key (any more). A new key in its console ends the old one: "
            "reconnect the account with the newest."
        )
    if status == 403:
        return ConfigError(
            "Humanitix does not let this API key read what it was asked for. Reconnect with a key of the account "
            "that owns the events."
        )
    if status == 400:
        return ContractChanged(
            "Humanitix refused our question as badly put. The makers of Housecount should know."
        )
    if status == 404 and message.startswith("Route "):
        return ContractChanged(
            "Humanitix no longer has an address we ask. The makers of Housecount should know."
        )
    return None
