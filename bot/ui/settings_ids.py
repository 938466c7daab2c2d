"""The custom ids of a server's settings, and of /setup; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

GALLERY_CHANNEL: Final = re.compile(r"nbb:server:gallery")
REPORTS_CHANNEL: Final = re.compile(r"nbb:server:reports")
NO_GALLERY: Final = re.compile(r"nbb:server:nogallery")
NO_REPORTS_CHANNEL: Final = re.compile(r"nbb:server:noreports")
SETTINGS_PAGE: Final = re.compile(r"nbb:set:page:(?P<page>[a-z]{1,12})")
"""Show a page of the settings in place; pages are ``bot.ui.settings_parts.Page``."""
SETTINGS_GO: Final = re.compile(r"nbb:set:go")
"""A select; its value is a page."""
SETTING_CHOICE: Final = re.compile(
    r"nbb:set:pick:(?P<name>channels|roles_allowed|roles_denied|models|default_model|slow_mode_s|log_channel_id|credits)"
)
"""A select; its values are what is set."""
SETTING_SWITCH: Final = re.compile(
    r"nbb:set:switch:(?P<name>age_restricted_only|private_allowed|log_private):(?P<value>[01])"
)
SETTING_CLEAR: Final = re.compile(r"nbb:set:clear:(?P<name>channels|roles_allowed|roles_denied|log_channel_id)")
ZONE: Final = re.compile(r"nbb:set:zone")
"""Open the form of the server's time zone."""
ZONE_FORM: Final = re.compile(r"nbb:form:zone")
WORDS: Final = re.compile(r"nbb:set:words")
"""Open the form of the blocked words."""
WORDS_FORM: Final = re.compile(r"nbb:form:words")

SETUP: Final = re.compile(r"nbb:setup")
"""Open the panel of /setup."""
SETUP_CHOICE: Final = re.compile(r"nbb:setup:pick:(?P<name>channels|credits|log)")
"""A select; its values are what is set."""
SETUP_CLEAR: Final = re.compile(r"nbb:setup:clear:(?P<name>channels|log)")


def gallery_channel() -> str:
    """Choose the gallery."""
    return "nbb:server:gallery"


def reports_channel() -> str:
    """Choose where reports go."""
    return "nbb:server:reports"


def no_gallery() -> str:
    """Close the gallery."""
    return "nbb:server:nogallery"


def no_reports_channel() -> str:
    """Send reports nowhere."""
    return "nbb:server:noreports"


def settings_page(page: str) -> str:
    """Show a page of the settings."""
    return f"nbb:set:page:{page}"


def settings_go() -> str:
    """Choose a page of the settings."""
    return "nbb:set:go"


def setting_choice(name: str) -> str:
    """Choose what a setting is."""
    return f"nbb:set:pick:{name}"


def setting_switch(name: str, *, on: bool) -> str:
    """Switch a setting on or off."""
    return f"nbb:set:switch:{name}:{int(on)}"


def setting_clear(name: str) -> str:
    """Take a setting back."""
    return f"nbb:set:clear:{name}"


def zone() -> str:
    """Open the form of the server's time zone."""
    return "nbb:set:zone"


def zone_form() -> str:
    """Say which time zone."""
    return "nbb:form:zone"


def words() -> str:
    """Open the form of the blocked words."""
    return "nbb:set:words"


def words_form() -> str:
    """Send the form of the blocked words."""
    return "nbb:form:words"


def setup() -> str:
    """Open the panel of /setup."""
    return "nbb:setup"


def setup_choice(name: str) -> str:
    """Choose one of the three things that /setup asks."""
    return f"nbb:setup:pick:{name}"


def setup_clear(name: str) -> str:
    """Take one of them back."""
    return f"nbb:setup:clear:{name}"
