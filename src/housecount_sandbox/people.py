"""Invented buyers. Nobody here exists; every address ends in `example.com` or `example.org`."""

from random import Random
from typing import NamedTuple


class Buyer(NamedTuple):
    first_name: str
    last_name: str
    email: str


_FIRST_NAMES = """
Ada Bilal Carmen Dinesh Eleni Farid Greta Hemi Imogen Jarrah Kiri Lachlan Mei Nikau Odette Priya
Quinn Rafael Saoirse Tevita Ursula Viktor Wren Xanthe Yusuf Zara Anahera Bodhi Clementine Darragh
Esther Flynn Giulia Hugo Isla Joaquin Keiko Leilani Marlow Noor Orla Paolo Rosalind Samir Tilly Umar
Vashti Winston
"""
_LAST_NAMES = """
Abernathy Bellweather Castellane Dunmore Everhart Fairweather Gallowglass Hartnoll Inglewood Jessop
Kingsnorth Lovelace Merriweather Northcote Oakenfold Pettigrew Quillfeather Ravenscroft Silverlock
Thistlewood Underhill Vandermeer Wetherby Yarrowby Zellweger-Moss Achterberg Brindlecombe
Corrigan-Vale Delacroix-Finch Elderkin Foxglove Greenhalgh Hollowbread Ironmonger Juniper
Kestrelmoor Larkspur
"""
_FIRST = _FIRST_NAMES.split()
_LAST = _LAST_NAMES.split()
# Names that break careless code: emoji, right to left, combining marks, an apostrophe, a very long one.
_AWKWARD = (
    ("Zoë 🎭", "O’Plenty"),
    ("ليلى", "المرحة"),
    ("נועה", "צחקני"),
    ("Tāne", "Te Wehenga-o-Rangi"),
    ("José", "Núñez-Ibarra"),
    ("小雨", "笑"),
    ("👩🏽‍🎤", "Mononym"),
    ('Robert"); --', "Tables & Sons <b>"),
    ("Wilhelmina " * 6, "Featherstonehaugh-Cholmondeley"),
)


def invent_buyer(random: Random) -> Buyer:
    """One buyer; about one in two hundred has a name that careless code trips over."""
    roll = random.random()
    if roll < 0.005:
        first, last = _AWKWARD[int(roll * 200 * len(_AWKWARD)) % len(_AWKWARD)]
        return Buyer(first.strip(), last, f"guest{int(roll * 10_000_000)}@example.org")
    first = _FIRST[int(random.random() * len(_FIRST))]
    last = _LAST[int(random.random() * len(_LAST))]
    return Buyer(first, last, f"{first}.{last}{int(roll * 900)}@example.com".lower())
