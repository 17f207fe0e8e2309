"""What a browser calls itself, in words for the person who uses it."""

#: The first that is in the name counts: many name others for compatibility.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "a Chromebook"),
    ("Windows", "Windows"),
    ("Macintosh", "a Mac"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """Such as “Chrome on Windows”; “A browser” where the name says nothing we know."""
    browser = next((word for mark, word in _BROWSERS if mark in user_agent), "A browser")
    system = next((word for mark, word in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
