from app.infra import tracing
from app.infra.metrics import statement_seconds


def observe_statement(label: str, seconds: float) -> None:
    """Tells the metrics and the trace under way of a statement that has just ended, well or not."""
    statement_seconds(label).observe(seconds)
    if tracing.spans is not None:
        tracing.spans.statement(label, seconds)
