"""The page at /docs is whole without any other host."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest


class References(HTMLParser):
    """Whatever a page would load or send to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = ""
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        self._in_script = tag == "script"

    def handle_data(self, data: str) -> None:
        self.inline += data if self._in_script else ""


@pytest.fixture
def page(client: httpx.Client) -> References:
    references = References()
    references.feed(client.get("/docs").text)
    return references


def test_it_loads_everything_from_this_server(client: httpx.Client, page: References) -> None:
    assert len(page.found) >= 4
    for path in page.found:
        assert re.match(r"/(?!/)", path), path
        assert client.get(path).status_code == 200, path
    assert not page.inline.strip()


def test_what_it_loads_refers_to_no_other_host(client: httpx.Client) -> None:
    assert "://" not in client.get("/docs").text + client.get("/docs/start.js").text
    assert "validatorUrl: null" in client.get("/docs/start.js").text
    assert not re.findall(
        r"""(?:@import|url\(\s*["']?(?:https?:)?//)""", client.get("/docs/assets/swagger-ui.css").text
    )


def test_it_shows_the_description_of_this_server(client: httpx.Client) -> None:
    assert 'url: "/openapi.json"' in client.get("/docs/start.js").text
    assert client.get("/openapi.json").json()["info"]["title"] == "Olhar"


def test_its_policy_holds_the_browser_to_that(client: httpx.Client) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["default-src"] == "'self'"
    assert parts["frame-ancestors"] == "'none'"
    assert "script-src" not in parts  # so that of default-src holds: no script inside the page
    assert not re.search(r"\w\.\w|\*|https?:", policy)


def test_fastapis_pages_that_load_scripts_from_elsewhere_are_not_served(client: httpx.Client) -> None:
    assert client.get("/redoc").status_code == 404
    assert client.get("/docs/oauth2-redirect").status_code == 404


@pytest.mark.parametrize(
    "path", ["/docs/assets/none.js", "/docs/assets/../docs.py", "/docs/assets/%2e%2e/core.py"]
)
def test_nothing_else_of_the_package_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_is_not_described_as_a_route(client: httpx.Client) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/docs")]
