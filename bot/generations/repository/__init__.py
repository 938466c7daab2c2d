"""All SQL of the generations, one module a noun."""

from bot.generations.repository.attempts import AttemptQueries, AttemptRow
from bot.generations.repository.deliveries import DeliveryQueries, DeliveryRow
from bot.generations.repository.drafts import DraftQueries, DraftRow
from bot.generations.repository.erasing import ErasingQueries, ForgettingRow, RemovalRow
from bot.generations.repository.gallery import GalleryQueries, GalleryRow
from bot.generations.repository.guilds import GuildQueries, GuildRow
from bot.generations.repository.memory import MemoryQueries
from bot.generations.repository.personal import PersonalQueries
from bot.generations.repository.pictures import PictureQueries, PictureRow
from bot.generations.repository.preferences import PreferenceQueries, PreferencesRow, StyleRow
from bot.generations.repository.references import ReferenceQueries, ReferenceRow
from bot.generations.repository.reports import ReportQueries, ReportRow, ReportState
from bot.generations.repository.requests import RequestQueries, RequestRow
from bot.generations.repository.tray import TrayQueries, TrayRow
from bot.generations.repository.usage import UsageQueries
from bot.storage import Connection

__all__ = [
    "AttemptRow",
    "DeliveryRow",
    "DraftRow",
    "ForgettingRow",
    "GalleryRow",
    "GenerationsRepository",
    "GuildRow",
    "PictureRow",
    "PreferencesRow",
    "ReferenceRow",
    "RemovalRow",
    "ReportRow",
    "ReportState",
    "RequestRow",
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
        self.gallery = GalleryQueries(connection)
        self.reports = ReportQueries(connection)
        self.preferences = PreferenceQueries(connection)
        self.memory = MemoryQueries(connection)
        self.erasing = ErasingQueries(connection)
        self.personal = PersonalQueries(connection)
        self.usage = UsageQueries(connection)
