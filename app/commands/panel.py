from app.config import Settings
from app.infra.embedded import EmbeddedServers


def running_panel(settings: Settings, servers: EmbeddedServers | None, sign_in: str | None) -> str:
    """What somebody who has just started TaskFlow on this machine needs to know."""
    rows = [("GraphiQL", f"{settings.public_url}/graphql")]
    if sign_in is not None:
        rows.append(("Sign in", sign_in))
    rows.append(
        ("Data", str(servers.data_dir) if servers is not None else settings.database.url(masked=True))
    )
    rows.append(("Stop", "Ctrl-C"))
    if servers is not None:
        rows.append(("Start afresh", "make fresh, then make run"))
    lines = [f"{label:<14}{text}" for label, text in rows]
    width = max(map(len, lines))
    body = "\n".join(f"│  {line:<{width}}  │" for line in lines)
    title = "─ TaskFlow is running "
    return f"\n╭{title:─<{width + 4}}╮\n{body}\n╰{'─' * (width + 4)}╯\n"
