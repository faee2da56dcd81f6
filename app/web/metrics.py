from starlette.requests import Request
from starlette.responses import Response

from app.infra.metrics import exposition
from app.web.state import AppState


async def metrics(request: Request[AppState]) -> Response:
    """All workers' metrics. For the monitoring network only: nginx refuses it to the world."""
    body, content_type = await exposition(request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
