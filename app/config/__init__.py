"""The configuration: one frozen Settings, read from the environment (and `.env`) once by `load_settings`."""

from app.config.database_address import DatabaseAddress
from app.config.loading import ConfigurationError, load_settings
from app.config.mail import WITHOUT_MAIL
from app.config.settings import Settings

__all__ = ["WITHOUT_MAIL", "ConfigurationError", "DatabaseAddress", "Settings", "load_settings"]
