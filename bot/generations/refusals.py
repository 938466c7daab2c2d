"""Why a request is turned down before anything is spent. Each says it to the person; the ui offers the mended request.

::

    Refused
    ├── NotAllowedHere        this server is not on the operator's list, or may spend nothing
    ├── ServerPaused          the operator has paused this server
    ├── PersonalUseOff        the operator lets nobody use it outside of servers
    ├── MayNotPaintHere       the server's admins let this person, or this channel, not use /imagine
    ├── RightsUnknown         what they have set can't be read at the moment
    ├── NotForYou             a picture that is private, or stands elsewhere
    ├── MissingPermissions    the bot could not post the result in this channel
    ├── HouseRule             what this server's admins have set
    │   ├── Banned            this member may not use the bot here
    │   ├── ChannelNotAllowed, AgeRestrictedOnly, RoleNotAllowed
    │   ├── ModelNotAllowed, PrivateNotAllowed, TermBlocked
    │   └── SlowMode          too soon after this member's last request
    ├── TooManyAtOnce         this member has enough in work already
    ├── TooManyRunning        an admin's rule allows no more requests at the same time
    ├── OutOfBounds           an admin's rule allows no such model, resolution or count
    ├── QueueFull             the bot has enough waiting already
    ├── Restarting            the bot is being stopped
    ├── ServicePaused         the operator's account can't be used now
    └── DiskShort             there is no room for the result
    bot.credits.quotas.QuotaExceeded    a limit leaves less than it costs
    bot.rivya.catalogue.BadOption       the model can't take this
"""

from __future__ import annotations

from bot.credits.quota_rules import Bounds, LimitScope
from bot.errors import BotError
from bot.generations.states import FailureCode


class Refused(BotError):
    """Base: nothing was held, sent or charged."""

    code = "refused"


class NotAllowedHere(Refused):
    """The operator's list of servers does not have this one."""

    code = "not_allowed_here"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I am not switched on in this server. Its admins can ask the bot's operator."


class ServerPaused(Refused):
    """The operator has paused the server; also why what was not submitted there is given back."""

    code = FailureCode.SERVER_PAUSED

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "The bot's operator has paused me in this server. Its admins can ask when that ends; /about names whom."


class PersonalUseOff(Refused):
    """The operator gives nobody an allowance of their own."""

    code = "personal_use_off"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I paint in servers only. Use me in a server that I am a member of."


class MayNotPaintHere(Refused):
    """The server's admins have closed /imagine to this person or in this channel."""

    code = "may_not_paint_here"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "You may not use /imagine in this channel. The server's admins decide who may."


class RightsUnknown(Refused):
    """Discord does not say what the server's admins have set."""

    code = "rights_unknown"
    retryable = True

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I can't tell at the moment whether you may paint here. Use /imagine: that Discord itself checks."


class NotForYou(Refused):
    """A picture, or one of its references, that this person may not use here."""

    code = "not_for_you"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "That picture is not here for you. It is private, was removed, or stands somewhere else."


class MissingPermissions(Refused):
    """The bot could not post the result here; ``permissions`` in Discord's own words."""

    code = "missing_permissions"

    def __init__(self, permissions: tuple[str, ...]) -> None:
        super().__init__(", ".join(permissions))
        self.permissions = permissions

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        names = ", ".join(self.permissions)
        return f"I could not post the picture in this channel: I lack {names}. A moderator can give me that."


class HouseRule(Refused):
    """Base: this server's admins do not allow it."""

    code = "house_rule"


class Banned(HouseRule):
    """This member may not use the bot in this server; None: until the ban is lifted."""

    code = "banned"

    def __init__(self, reason: str, expires_at_ms: int | None) -> None:
        super().__init__("banned")
        self.reason = reason
        self.expires_at_ms = expires_at_ms

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "You can't use me in this server. Its moderators can lift that."


class ChannelNotAllowed(HouseRule):
    """Pictures are made in other channels of this server."""

    code = "channel_not_allowed"

    def __init__(self, channel_ids: tuple[int, ...]) -> None:
        super().__init__("channel")
        self.channel_ids = channel_ids

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I don't paint in this channel. This server has others for that."


class AgeRestrictedOnly(HouseRule):
    """Pictures are made in age-restricted channels only."""

    code = "age_restricted_only"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I don't paint in this channel. In this server I do so in age-restricted channels only."


class NotShownHere(AgeRestrictedOnly):
    """What others made is looked at in age-restricted channels only, too."""

    code = "not_shown_here"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I don't show that in this channel. In this server I do so in age-restricted channels only."


class GalleryNotAgeRestricted(AgeRestrictedOnly):
    """Pictures stand in age-restricted channels only, and the gallery is none."""

    code = "gallery_not_age_restricted"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return (
            "It can't be posted there. Pictures of this server stand in age-restricted channels only, and the gallery "
            "is none. Whoever manages the server can change that in Discord, or choose another one under /settings."
        )


class RoleNotAllowed(HouseRule):
    """This member has none of the roles that may, or one that may not (then ``role_ids`` is empty)."""

    code = "role_not_allowed"

    def __init__(self, role_ids: tuple[int, ...]) -> None:
        super().__init__("role")
        self.role_ids = role_ids

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "Your roles don't allow you to use me here. A moderator can change that."


class ModelNotAllowed(HouseRule):
    """This server uses other models: those of the ids ``allowed``."""

    code = "model_not_allowed"

    def __init__(self, model_label: str, allowed: frozenset[str]) -> None:
        super().__init__(model_label)
        self.model_label = model_label
        self.allowed = allowed

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return f"{self.model_label} is not used in this server. Its admins choose the models in /settings."


class PrivateNotAllowed(HouseRule):
    """Results are for everyone in the channel."""

    code = "private_not_allowed"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "There are no private pictures in this server. Everyone in the channel would see it."


class TermBlocked(HouseRule):
    """The prompt has a word that this server's admins blocked; ``term`` as they wrote it."""

    code = "term_blocked"

    def __init__(self, term: str) -> None:
        super().__init__("a blocked term")  # the log has no words of prompts
        self.term = term

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "The prompt has a word that this server blocks. Ask again without it."


class PostedTermBlocked(TermBlocked):
    """The prompt of a picture that is to be posted has such a word."""

    code = "posted_term_blocked"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "It can't be posted in this server. Its prompt has a word that is blocked here."


class SlowMode(HouseRule):
    """A member's requests must be some time apart; the next one may come at ``next_at_ms``."""

    code = "slow_mode"
    retryable = True

    def __init__(self, wait_s: int, next_at_ms: int) -> None:
        super().__init__(f"{wait_s} s")
        self.wait_s = wait_s
        self.next_at_ms = next_at_ms

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "This server is in slow mode. Please try again a little later."


class TooManyAtOnce(Refused):
    """The member has as many pictures in work as they may."""

    code = "too_many_at_once"

    def __init__(self, running: int, limit: int) -> None:
        super().__init__(f"{running} of {limit}")
        self.running = running
        self.limit = limit

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        now = "1 is now" if self.running == 1 else f"{self.running or 'none'} are now"
        return (
            f"At most {self.limit} of your pictures may be in work at the same time; {now}. "
            "Try again when one is done, or ask for fewer."
        )


class TooManyRunning(Refused):
    """The server's rules allow no more requests in work at the same time: the member, in a channel, or in all of it."""

    code = "too_many_running"
    retryable = True

    def __init__(self, scope: LimitScope, *, running: int, limit: int) -> None:
        super().__init__(f"{scope}: {running} of {limit}")
        self.scope = scope
        self.running = running
        self.limit = limit

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        place = {LimitScope.CHANNEL: "in this channel", LimitScope.GUILD: "in this server"}.get(self.scope, "here")
        mine = self.scope is LimitScope.MEMBER
        if not self.limit:
            whose = "you may" if mine else "nobody may"
            return f"By this server's quotas {whose} ask for pictures {place}. Its admins can change that."
        if self.limit == 1:
            most = f"Only one {'of your requests' if mine else 'request'} may be in work {place} at the same time"
        else:
            most = f"At most {self.limit} {'of your ' if mine else ''}requests may be in work {place} at the same time"
        now = "1 is now" if self.running == 1 else f"{self.running} are now"
        return f"{most}; {now}. Try again when one is done."


class OutOfBounds(Refused):
    """The server's rules allow no such model, resolution or number of pictures; ``sentences`` say which."""

    code = "out_of_bounds"

    def __init__(self, bounds: Bounds, sentences: tuple[str, ...]) -> None:
        super().__init__("; ".join(sentences), user_message=" ".join(sentences))
        self.bounds = bounds


class QueueFull(Refused):
    """The queue has reached its bound."""

    code = "queue_full"
    retryable = True

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "A great many pictures are waiting already. Please try again in a few minutes."


class Restarting(Refused):
    """The bot is being stopped; what is in work goes on after the next start."""

    code = "restarting"
    retryable = True

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I am being restarted just now. Please ask again in a minute."


class ServicePaused(Refused):
    """The operator must act first."""

    code = "service_paused"
    retryable = True

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return (
            "The image service can't be used right now; the bot's operator has to look at it. "
            "It goes on by itself then."
        )


class DiskShort(Refused):
    """No room for the result."""

    code = "disk_short"
    retryable = True

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "The bot is short of room for new pictures. Please try again later; its operator can see why."
