"""What the mails say. One template for all, in plain text and in HTML, so that the two never disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Final

import jinja2

from app.domain.mail_readers import Reader
from app.domain.outbox import MailKind
from app.infra.mail import Letter

RESET_PATH: Final = "/account/reset-password"
VERIFY_PATH: Final = "/account/verify-email"


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    before: Sequence[str]
    action: str = ""
    path: str = ""
    after: Sequence[str] = ()


def write(kind: MailKind, reader: Reader, public_url: str) -> Letter:
    """The letter of that kind to `reader`; a link leads to a page of the app at `public_url`."""
    words, link = _WORDS[kind], reader.link
    after = list(words.after)
    if link is not None:
        after.insert(0, f"The link works once, until {link.expires_at.astimezone(UTC):%-d %B %Y, %H:%M} UTC.")
    told = {
        "subject": words.subject,
        "name": reader.name,
        "before": words.before,
        "action": words.action,
        "link": link and address(public_url, words.path, link.token),
        "after": after,
        "public_url": public_url,
    }
    templates = _templates()
    return Letter(
        words.subject,
        templates.get_template("letter.txt").render(told),
        templates.get_template("letter.html").render(told),
    )


def address(public_url: str, path: str, token: str) -> str:
    # In the fragment, which a browser sends to no server: it is in no log, and in no Referer.
    return f"{public_url}{path}#token={token}"


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


_WAS_NOT_YOU: Final = "If that was not you, reset your password at once: it signs everybody out."

_WORDS: Final = {
    MailKind.PASSWORD_RESET: _Words(
        "Reset your TaskFlow password",
        ["Somebody, hopefully you, asked to reset the password of your TaskFlow account."],
        "Choose a new password",
        RESET_PATH,
        ["If you did not ask for this, ignore this mail: your password stays as it is."],
    ),
    MailKind.PASSWORD_CHANGED: _Words(
        "Your TaskFlow password was changed",
        [
            "The password of your TaskFlow account was changed, and other devices were signed out.",
            _WAS_NOT_YOU,
        ],
    ),
    MailKind.EMAIL_VERIFICATION: _Words(
        "Verify your address for TaskFlow",
        ["Please show that this address is yours."],
        "Verify this address",
        VERIFY_PATH,
        ["If you have no TaskFlow account, ignore this mail."],
    ),
    MailKind.EMAIL_CHANGE: _Words(
        "Verify your new address for TaskFlow",
        ["You asked to use this address for your TaskFlow account. Until you verify it, the old one stays."],
        "Use this address",
        VERIFY_PATH,
        ["If you did not ask for this, ignore this mail."],
    ),
    MailKind.EMAIL_CHANGED: _Words(
        "Your TaskFlow address was changed",
        [
            "Your TaskFlow account has another email address now. This is the last mail to the old one.",
            "If that was not you, tell whoever runs this server at once.",
        ],
    ),
    MailKind.ACCOUNT_DELETED: _Words(
        "Your TaskFlow account was deleted",
        [
            "Your TaskFlow account was deleted, as you asked. What you wrote in workspaces that others go on"
            " using stays there, without your name.",
            "You can sign up again with this address at any time.",
        ],
    ),
}
