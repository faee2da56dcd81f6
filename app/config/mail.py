"""The SMTP server, and who mail is from."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from app.config.environment import Environment
from app.config.fields import Port
from app.config.values import check_sender

WITHOUT_MAIL: Final = "no mail is sent, so nobody can reset a password or verify an address"


class Mail(Environment):
    smtp_host: str | None = Field(
        default=None, description="the SMTP server that mail goes out by", examples=["smtp.example.com"]
    )
    smtp_port: Port = Field(default=587, description="the SMTP port", examples=["587"])
    smtp_user: str | None = Field(default=None, description="the SMTP user", examples=["taskflow"])
    smtp_password: SecretStr | None = Field(
        default=None, description="the SMTP password", examples=["correct-horse-battery"]
    )
    smtp_from: Annotated[str, AfterValidator(check_sender)] = Field(
        default="TaskFlow <taskflow@localhost>",
        description="the sender of mail",
        examples=["TaskFlow <tasks@example.com>"],
    )

    @property
    def sends_mail(self) -> bool:
        """False in production without SMTP_HOST; in development without it the log shows the mail."""
        return self.smtp_host is not None or not self.is_production
