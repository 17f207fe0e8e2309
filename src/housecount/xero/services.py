"""What the rest of the house may do with Xero."""

from housecount.xero.connecting import (
    begin_consent,
    connect_custom,
    connected,
    disconnect,
    finish_consent,
    read_again,
    set_mapping,
)
from housecount.xero.drift import Drift, drift
from housecount.xero.pushing import Outcome, push
from housecount.xero.saying import say_contact

__all__ = [
    "Drift",
    "Outcome",
    "begin_consent",
    "connect_custom",
    "connected",
    "disconnect",
    "drift",
    "finish_consent",
    "push",
    "read_again",
    "say_contact",
    "set_mapping",
]
