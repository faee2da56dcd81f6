from pydantic_settings import SettingsConfigDict

from app.config.accounts import Accounts
from app.config.edge import Edge
from app.config.limits import Limits
from app.config.mail import WITHOUT_MAIL, Mail
from app.config.process import Process
from app.config.stores import Stores


# pydantic puts the last one's fields first: Edge, Stores and so on.
class Settings(Process, Mail, Limits, Accounts, Stores, Edge):
    """
    Everything an operator can set; each attribute is read from the variable of the same name in capitals
    (`environment` from NODE_ENV or APP_ENV). Use `load_settings`, which explains what is wrong.
    """

    model_config = SettingsConfigDict(defer_build=False)

    def warnings(self) -> list[str]:
        """What is allowed but switches something off."""
        if self.is_production and self.smtp_host is None:
            return [f"SMTP_HOST is not set: {WITHOUT_MAIL}."]
        return []
