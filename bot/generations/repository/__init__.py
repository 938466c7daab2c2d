"""All SQL of the generations, one module a noun."""

from bot.generations.repository.attempts import AttemptQueries, AttemptRow
from bot.generations.repository.bans import BAN, NOBODY, BanQueries, BanRow
from bot.generations.repository.deliveries import DeliveryQueries, DeliveryRow
from bot.generations.repository.drafts import DraftQueries, DraftRow
from bot.generations.repository.erasing import ErasingQueries, ForgettingRow, RemovalRow
from bot.generations.repository.gallery import GalleryQueries, GalleryRow
from bot.generations.repository.guilds import GuildQueries, GuildRow
from bot.generations.repository.log_lines import LineKind, LogLineQueries, LogLineRow
from bot.generations.repository.memory import MemoryQueries
from bot.generations.repository.operator import (
    BookRow,
    DeskRow,
    GuildLimitsRow,
    NoticeRow,
    OperatorLogRow,
    OperatorQueries,
    ServerWorkRow,
)
from bot.generations.repository.personal import PersonalQueries
from bot.generations.repository.pictures import PictureQueries, PictureRow
from bot.generations.repository.preferences import PreferenceQueries, PreferencesRow, StyleRow
from bot.generations.repository.references import ReferenceQueries, ReferenceRow
from bot.generations.repository.refunds import BookedPicture, PaidPicture, RefundQueries
from bot.generations.repository.reports import ReportQueries, ReportRow, ReportState
from bot.generations.repository.requests import RequestQueries, RequestRow
from bot.generations.repository.rules import ChangeRow, RuleQueries, RulesRow
from bot.generations.repository.tray import TrayQueries, TrayRow
from bot.generations.repository.usage import BookedRow, UsageQueries
from bot.storage import Connection

__all__ = [
    "BAN",
    "NOBODY",
    "AttemptRow",
    "BanRow",
    "BookRow",
    "BookedPicture",
    "BookedRow",
    "ChangeRow",
    "DeliveryRow",
    "DeskRow",
    "DraftRow",
    "ForgettingRow",
    "GalleryRow",
    "GenerationsRepository",
    "GuildLimitsRow",
    "GuildRow",
    "LineKind",
    "LogLineRow",
    "NoticeRow",
    "OperatorLogRow",
    "PaidPicture",
    "PictureRow",
    "PreferencesRow",
    "ReferenceRow",
    "RemovalRow",
    "ReportRow",
    "ReportState",
    "RequestRow",
    "RulesRow",
    "ServerWorkRow",
    "StyleRow",
    "TrayRow",
]


class GenerationsRepository:
    """The queries of the generations by noun, all on one connection and so in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.requests = RequestQueries(connection)
        self.pictures = PictureQueries(connection)
        self.attempts = AttemptQueries(connection)
        self.references = ReferenceQueries(connection)
        self.deliveries = DeliveryQueries(connection)
        self.drafts = DraftQueries(connection)
        self.tray = TrayQueries(connection)
        self.guilds = GuildQueries(connection)
        self.rules = RuleQueries(connection)
        self.bans = BanQueries(connection)
        self.log_lines = LogLineQueries(connection)
        self.gallery = GalleryQueries(connection)
        self.refunds = RefundQueries(connection)
        self.reports = ReportQueries(connection)
        self.preferences = PreferenceQueries(connection)
        self.memory = MemoryQueries(connection)
        self.erasing = ErasingQueries(connection)
        self.personal = PersonalQueries(connection)
        self.usage = UsageQueries(connection)
        self.operator = OperatorQueries(connection)
