import pytest

from app.domain.emails import parse_email


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("robin@example.com", "robin@example.com"),
        (" Robin@Example.com\n", "Robin@Example.com"),
        ("a.b+c_d'e@mail.example.co", "a.b+c_d'e@mail.example.co"),
        ("robin@localhost", "robin@localhost"),
        ("robin@xn--mnchen-3ya.de", "robin@xn--mnchen-3ya.de"),
        (f"{'x' * 64}@example.com", f"{'x' * 64}@example.com"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert parse_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "robin",
        "@example.com",
        "robin@",
        "robin@@example.com",
        "robin@-example.com",
        "robin@example-.com",
        "robin@example..com",
        "robin@example.com.",
        "rob in@example.com",
        "robin@exam ple.com",
        "robin@example.com\0",
        "robin@exampl\ud800.com",
        "röbin@example.com",
        "robin@münchen.de",
        "robin@example.com\nbcc:kim@example.com",
        f"{'x' * 65}@example.com",
        f"robin@{'x' * 64}.com",
        f"robin@{'x.' * 124}com",
        f"{'x' * 1_000_000}@example.com",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert parse_email(text) is None
