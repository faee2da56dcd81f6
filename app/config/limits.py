"""What one request, one caller and one process may ask for (docs/limits.md)."""

from pydantic import Field

from app.config.environment import Environment


class Limits(Environment):
    rate_limit_window: int = Field(
        default=900_000, ge=1000, description="milliseconds in which requests count", examples=["900000"]
    )
    rate_limit_max: int = Field(
        default=100, ge=0, description="requests in a window; 0 sets no limit", examples=["100"]
    )
    rate_limit_points: int = Field(
        default=200_000,
        ge=0,
        description="points that a signed-in user's requests may cost in a window; 0 sets no limit, and"
        " neither does a RATE_LIMIT_MAX of 0",
        examples=["200000"],
    )
    max_tokens: int = Field(
        default=2_000, ge=100, le=100_000, description="tokens of a document", examples=["2000"]
    )
    max_depth: int = Field(
        default=15, ge=1, le=50, description="levels of fields in an operation", examples=["15"]
    )
    max_aliases: int = Field(
        default=30, ge=0, description="aliases in an operation; 0 sets no limit", examples=["30"]
    )
    max_root_fields: int = Field(
        default=20, ge=0, description="root fields of an operation; 0 sets no limit", examples=["20"]
    )
    max_directives: int = Field(
        default=50, ge=0, description="directives in an operation; 0 sets no limit", examples=["50"]
    )
    max_cost: int = Field(
        default=10_000,
        ge=0,
        description="cost of an operation in points; 0 sets no limit",
        examples=["10000"],
    )
    max_concurrent: int = Field(
        default=20,
        ge=0,
        description="operations that a caller may have under way in one server process; 0 sets no limit",
        examples=["20"],
    )
    batch_max: int = Field(
        default=0,
        ge=0,
        le=100,
        description="GraphQL requests taken in one HTTP request, as a JSON list; 0 takes no lists",
        examples=["10"],
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="open sockets and requests under way in one worker process",
        examples=["10000"],
    )
    max_connections_per_address: int = Field(
        default=1_000,
        ge=0,
        description="those of them from one client address; 0 sets no limit of its own",
        examples=["1000"],
    )
