"""What the rest of the house may do with Xero."""

from housecount.xero.agenda import ask as ask_pull
from housecount.xero.connecting import (
    connect_custom,
    connected,
    disconnect,
    read_again,
    set_mapping,
)
from housecount.xero.consenting import (
    Choice,
    begin_consent,
    choice,
    choose,
    come_back,
    finish_consent,
    refused_consent,
)
from housecount.xero.drift import Drift, drift, stored_drift
from housecount.xero.due import ask, by_hand, push_soon, set_automatic
from housecount.xero.pulling import Pulled, pull
from housecount.xero.pushing import Outcome, push
from housecount.xero.saying import say_contact

__all__ = [
    "Choice",
    "Drift",
    "Outcome",
    "Pulled",
    "ask",
    "ask_pull",
    "begin_consent",
    "by_hand",
    "choice",
    "choose",
    "come_back",
    "connect_custom",
    "connected",
    "disconnect",
    "drift",
    "finish_consent",
    "pull",
    "push",
    "push_soon",
    "read_again",
    "refused_consent",
    "say_contact",
    "set_automatic",
    "set_mapping",
    "stored_drift",
]
