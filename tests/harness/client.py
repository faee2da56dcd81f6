"""GraphQL over HTTP, as a client sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: Json

    @property
    def data(self) -> Json:
        """The data of an answer without errors. Raises AssertionError when there are any."""
        assert not self.errors, self.errors
        data = self.body.get("data")
        assert isinstance(data, dict), (self.status, self.body)
        return data

    @property
    def errors(self) -> list[Json]:
        return list(self.body.get("errors") or [])

    @property
    def error(self) -> Json:
        """The one error of an answer. Raises AssertionError when there is none or more than one."""
        assert len(self.errors) == 1, self.body
        return self.errors[0]

    @property
    def code(self) -> str | None:
        code: str | None = self.error.get("extensions", {}).get("code")
        return code

    @property
    def extensions(self) -> Json:
        return dict(self.body.get("extensions") or {})

    @property
    def statements(self) -> list[str]:
        """The labels of the SQL statements behind the answer, in order; a development server tells them."""
        return list(self.extensions["statements"])


class Api:
    """`/graphql` of one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.AsyncClient(
            base_url=url,
            timeout=30,
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=2),
        )

    async def run(
        self,
        document: str,
        variables: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        operation: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        body: Json = {"query": document}
        if variables is not None:
            body["variables"] = dict(variables)
        if operation is not None:
            body["operationName"] = operation
        return await self.post(body, token=token, headers=headers)

    async def post(
        self, body: object, *, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any JSON body."""
        sent = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        response = await self.http.post("/graphql", json=body, headers=sent)
        try:
            decoded = response.json()
        except ValueError as error:
            raise AssertionError(f"{response.status_code} without JSON: {response.text[:2000]}") from error
        return Answer(response.status_code, response.headers, decoded)

    async def close(self) -> None:
        await self.http.aclose()
