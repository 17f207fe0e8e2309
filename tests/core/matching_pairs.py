"""Pairs of invented listings as two platforms would show them, labelled by a person.

Each row: the two are one show (True) or not; the verdict that is due; a; b. A listing is (title, local start,
venue, city, time zone); what is left out is that of `show`.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from housecount.core.matching import Subject

MELBOURNE = "Australia/Melbourne"


def show(
    title: str,
    at: str = "2026-11-27 19:30",
    venue: str = "The Velvet Room",
    city: str = "Melbourne",
    zone: str = MELBOURNE,
) -> Subject:
    """A subject; `at` is local time in `zone`."""
    starts_at = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Subject(title, starts_at, zone, venue, city)


FNL = "Friday Night Laughs"
DOORS = "2026-11-27 19:00"
LATE = "2026-11-27 21:30"

PAIRS: list[tuple[bool, str, Subject, Subject]] = [
    # One show, spelt in two ways.
    (True, "sure", show(FNL), show(FNL)),
    (True, "sure", show(FNL), show("FRIDAY NIGHT LAUGHS!!!")),
    (True, "sure", show(FNL), show("🎤 Friday Night Laughs 😂")),
    (True, "sure", show(FNL), show("Friday Night Laughs @ The Velvet Room")),
    (True, "sure", show(FNL), show("Friday Night Laughs at The Velvet Room")),
    (True, "sure", show(FNL), show("Friday Night Laughs | The Velvet Room, Melbourne")),
    (True, "sure", show(FNL), show("Friday Night Laughs @ Velvet")),
    (True, "sure", show(FNL), show("Friday Night Laughs - Fri 27 Nov")),
    (True, "sure", show(FNL), show("Friday Night Laughs (Friday, 27th of November 2026, 7:30pm)")),
    (True, "sure", show(FNL), show("Friday Night Laughs 27/11")),
    (True, "sure", show(FNL), show("Friday Night Laughs – November 27")),
    (True, "sure", show(FNL), show("Laughing Stock presents: Friday Night Laughs")),
    (True, "sure", show(FNL), show("Friday Night Laughs with Priya Nair")),
    (True, "sure", show(FNL), show("Friday Night Laugh")),
    (True, "sure", show(FNL), show("Friday Nihgt Laughs")),
    (True, "sure", show(FNL), show("Friday Laughs")),
    (True, "sure", show(FNL), show("Friday Night Laughs [SOLD OUT]")),
    (True, "sure", show(FNL), show("Friday Night Laughs - Live Stand-Up Comedy Show")),
    (True, "sure", show("Stand Up Sunday"), show("Standup Sunday")),
    (True, "sure", show("Stand-Up Sunday"), show("Stand Up Sunday: live comedy")),
    (True, "sure", show("Comedy Night"), show("Comedy Night")),
    (True, "sure", show("Comedy"), show("Comedy")),
    (True, "sure", show("Improv"), show("Improv Night")),
    (True, "sure", show("Nina Osei: Loud"), show("Nina Osei – LOUD (Melbourne)")),
    (True, "sure", show("Zoë Brûlé & the Señors"), show("Zoe Brule and the Senors")),
    (True, "sure", show("Dave’s Big Mouth"), show("Daves Big Mouth")),
    (True, "sure", show("Ｆｒｉｄａｙ　Ｎｉｇｈｔ　Ｌａｕｇｈｓ"), show(FNL)),
    (True, "sure", show("Giggle Theater Sports"), show("Giggle Theatre Sports")),
    (True, "sure", show("Six Comics, One Sofa"), show("6 Comics 1 Sofa")),
    (True, "sure", show("The Big Benefit"), show("The BIG Benefit!")),
    (True, "sure", show("Best of the Fringe (Probably)"), show("Best of the Fringe, Probably")),
    (True, "sure", show("Tūī Street Thursdays"), show("Tui St. Thursdays", DOORS)),
    (True, "sure", show("27 November"), show("27 November")),
    # Other scripts.
    (True, "sure", show("ליל צחוק גדול"), show("לֵיל צְחוֹק גָּדוֹל")),
    (True, "sure", show("ليلة الضحك الكبرى"), show("لَيْلَة الضَّحِك الكُبرى 😂")),
    (True, "sure", show("金曜お笑いライブ"), show("金曜お笑いライブ 2026年11月27日")),
    (True, "sure", show("웃음의 밤"), show("웃음의 밤 @ The Velvet Room")),
    (True, "sure", show("Ночь смеха"), show("НОЧЬ СМЕХА!")),
    (False, "doubtful", show("金曜お笑いライブ"), show("金曜お笑い教室")),
    (False, "no", show("ליל צחוק גדול"), show("ערב שירה")),
    (False, "no", show("ليلة الضحك الكبرى"), show("أمسية شعرية")),
    # Doors and show time.
    (True, "sure", show(FNL), show(FNL, DOORS)),
    (True, "sure", show(FNL), show("Friday Night Laughs @ The Velvet Room", DOORS)),
    (True, "sure", show(FNL), show(FNL, "2026-11-27 19:45")),
    (True, "sure", show(FNL), show(FNL, "2026-11-27 19:25")),
    (True, "doubtful", show(FNL), show(FNL, "2026-11-27 18:30")),
    (True, "doubtful", show(FNL), show(FNL, "2026-11-27 18:00")),
    (True, "doubtful", show(FNL), show("Friday Night Laughs with Priya Nair", DOORS)),
    # The venue as two platforms write it.
    (True, "sure", show(FNL), show(FNL, venue="Velvet Room")),
    (True, "sure", show(FNL), show(FNL, venue="The Velvet Room, 12 Swan Street")),
    (True, "sure", show(FNL), show(FNL, venue="The Velvet Room Melbourne", city="")),
    (True, "sure", show(FNL), show(FNL, venue="The Velvett Room")),
    (True, "sure", show(FNL), show(FNL, venue="THE VELVET ROOM (upstairs)", city="Melbourne CBD")),
    (True, "sure", show(FNL), show(FNL, venue="To be announced")),
    (True, "sure", show(FNL, venue="Town Hall"), show(FNL, venue="Melbourne Town Hall")),
    (True, "sure", show(FNL, venue="Online", city=""), show(FNL, venue="Zoom", city="")),
    (True, "doubtful", show(FNL), show(FNL, venue="", city="")),
    (True, "doubtful", show(FNL), show(FNL, city="Richmond")),
    (True, "doubtful", show(FNL), show(FNL, venue="TBA", city="Richmond")),
    (True, "doubtful", show(FNL), show(FNL, venue="القاعة المخملية", city="")),
    (True, "doubtful", show("Comedy Night"), show("Comedy Night", venue="TBC")),
    # The same instant told by two clocks; nights that end late.
    (True, "sure", show(FNL), show(FNL, "2026-11-27 18:30", zone="Australia/Brisbane")),
    (True, "sure", show(FNL), show(FNL, "2026-11-27 08:30", zone="UTC")),
    (True, "sure", show(FNL, "2026-11-28 00:15"), show(FNL, "2026-11-27 23:59")),
    (True, "sure", show("Cellar Late Set", "2026-10-04 01:45"), show("Cellar Late Set", "2026-10-04 03:00")),
    (False, "no", show(FNL), show(FNL, "2026-11-27 19:30", zone="Australia/Perth")),
    # Other shows of the same evening and place.
    (False, "no", show(FNL, DOORS), show(FNL, LATE)),
    (False, "no", show("Friday Laughs Early Show", DOORS), show("Friday Laughs Late Show", LATE)),
    (False, "doubtful", show(FNL), show("Friday Night Laughs (late show)", "2026-11-27 20:30")),
    (False, "doubtful", show("Velvet Gold Early Show"), show("Velvet Gold Late Show", "2026-11-27 20:00")),
    (False, "doubtful", show("Velvet Gold"), show("Velvet Gold Matinee", "2026-11-27 19:20")),
    (False, "doubtful", show("Open Mic Heat 1"), show("Open Mic Heat 2")),
    (False, "doubtful", show("Velvet Gold Part 1"), show("Velvet Gold Part 2", "2026-11-27 20:00")),
    (False, "doubtful", show("Laughing Stock presents Nina Osei"), show("Laughing Stock presents Tom Pike")),
    (False, "doubtful", show("Nina Osei: Loud"), show("Nina Osei: Quiet")),
    (False, "doubtful", show("Nina Osei: Loud"), show("Nina Osei: Loud – VIP meet and greet")),
    (False, "doubtful", show("Improv Lab Night"), show("Improv Lab Night: beginners workshop")),
    (False, "doubtful", show("Improv Lab Night"), show("Improv Lab Night for kids")),
    (False, "doubtful", show("Friday Night Laughs"), show("Saturday Night Laughs")),
    (False, "no", show("Nina Osei: Loud"), show("Tom Pike: Work in Progress")),
    (False, "no", show("Nina Osei"), show("Gina Odell")),
    (False, "doubtful", show("Comedy Night"), show("Comedy Night: Roast Battle")),
    (False, "doubtful", show("Mike Storm Hour"), show("Mick Storm Hour")),
    (False, "doubtful", show("Mark Storm Hour"), show("Marc Storm Hour")),
    (False, "doubtful", show("Nina Walton"), show("Nina Dalton")),
    (False, "no", show("The Velvet Room Live"), show("Comedy Live")),
    # Other nights.
    (False, "no", show(FNL), show(FNL, "2026-12-04 19:30")),
    (False, "no", show(FNL), show(FNL, "2026-11-28 19:30")),
    (False, "no", show(FNL, "2026-11-28 03:50"), show(FNL, "2026-11-28 04:10")),
    (False, "no", show(FNL), show(FNL, "2025-11-27 19:30")),
    # Other places.
    (False, "no", show(FNL), show(FNL, venue="Harbour Cellar", city="Sydney", zone="Australia/Sydney")),
    (False, "doubtful", show(FNL), show(FNL, venue="The Velvet Room", city="Sydney")),
    (False, "doubtful", show(FNL), show(FNL, venue="Town Hall")),
    (False, "no", show(FNL), show(FNL, DOORS, venue="Town Hall")),
    (False, "no", show(FNL), show("Friday Night Laughs with Priya Nair", venue="Town Hall")),
    (False, "doubtful", show(FNL, venue="Regent Main Hall"), show(FNL, venue="Regent Studio")),
    (False, "doubtful", show(FNL, venue="Carlton Studio 1"), show(FNL, venue="Carlton Studio 2")),
    (False, "doubtful", show(FNL, venue="Richmond Town Hall"), show(FNL, venue="Melbourne Town Hall")),
    (False, "doubtful", show(FNL), show(FNL, venue="Online", city="")),
    # Nothing to compare.
    (False, "doubtful", show("😂😂😂"), show("😂😂😂")),
    (False, "no", show(""), show("")),
    (False, "no", show("😂"), show(FNL)),
]
