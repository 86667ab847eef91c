"""A browser's name, coarse: enough for a person to know their own again."""

from __future__ import annotations

# The first that is in what the browser sends: many name others whom they are like.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def coarse_name(user_agent: str) -> str:
    """Such as Firefox on Linux; empty for what is unknown."""
    browser, system = (
        next((name for mark, name in known.items() if mark in user_agent), "")
        for known in (_BROWSERS, _SYSTEMS)
    )
    return " on ".join(name for name in (browser, system) if name)
