"""The page's files: what they may hold, how they are served, and that both languages say the same."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    FileOpenerSettings,
    LimitSettings,
    ObjectStoreSettings,
    PageSettings,
    PdfSettings,
    PreprocessSettings,
    SettingsError,
    StorageSettings,
    TritonSettings,
    load,
)
from preprocess_svc.main import bulk_url_of_page, make_app
from web_page.site import Site

STATIC = Path(__file__).resolve().parents[2] / "web_page" / "static"
MODULES = sorted(STATIC.glob("*.js"))
WORD = re.compile(r'^  "?([\w.]+)"?:\s+"((?:[^"\\]|\\.)*)",$', re.MULTILINE)


def make(*, host: str = "127.0.0.1", **page: object) -> FastAPI:
    return make_app(
        settings=PreprocessSettings(host=host),
        limits=LimitSettings(),
        triton=TritonSettings(),
        file_opener=FileOpenerSettings(),
        storage=StorageSettings(),
        pdf=PdfSettings(),
        page=PageSettings(**page),
        access=AccessSettings(),
        bulk=BulkSettings(),
        objects=ObjectStoreSettings(),
        documents=DocumentSettings(),
    )


async def get(app: FastAPI, path: str, *, host: str = "127.0.0.1:8000", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.get(path, headers=headers)


def words(language: str) -> dict[str, str]:
    return dict(WORD.findall((STATIC / f"words_{language}.js").read_text(encoding="utf-8")))


class TestServing:
    async def test_the_page_names_its_files_by_their_digest(self) -> None:
        app = make()
        page = await get(app, "/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        named = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', page.text))
        assert len(named) > 3
        for address in named:
            file = await get(app, address)
            assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")

    async def test_every_file_is_served_as_what_it_is(self) -> None:
        app, site = make(), Site.load()
        for name in site.files:
            answer = await get(app, f"/page/{site.digest}/{name}")
            assert answer.content == (STATIC / name).read_bytes()
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/svg+xml"}

    async def test_what_a_browser_has_is_not_sent_again(self) -> None:
        app = make()
        etag = (await get(app, "/")).headers["etag"]
        again = await get(app, "/", **{"If-None-Match": f'"other", W/{etag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert (await get(app, "/", **{"If-None-Match": '"other"'})).status_code == 200

    async def test_the_page_of_another_version_gets_files_that_are_not_kept(self) -> None:
        answer = await get(make(), "/page/0123456789abcdef/app.js")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")

    @pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2Fsite.py", "%2e%2e/site.py"])
    async def test_nothing_else_is_there(self, name: str) -> None:
        assert (await get(make(), f"/page/{Site.load().digest}/{name}")).status_code == 404

    async def test_it_can_be_switched_off(self) -> None:
        assert (await get(make(enabled=False), "/")).status_code == 404

    def test_the_digest_changes_with_any_file(self) -> None:
        site = Site.load()
        assert re.fullmatch("[0-9a-f]{16}", site.digest)
        assert site.digest == Site.load().digest


class TestThePolicy:
    async def policy(self, app: FastAPI, host: str = "127.0.0.1:8000") -> dict[str, str]:
        told = (await get(app, "/", host=host)).headers["content-security-policy"]
        return dict(directive.split(" ", 1) for directive in told.split("; "))

    async def test_nothing_runs_that_is_not_the_pages_own(self) -> None:
        policy = await self.policy(make())
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["img-src"] == "'self' blob:"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")

    @pytest.mark.parametrize(
        ("host", "listens_on", "connects"),
        [
            ("127.0.0.1:8000", "127.0.0.1", "'self' http://127.0.0.1:8001"),
            ("localhost:9000", "127.0.0.1", "'self' http://localhost:8001"),
            ("[::1]:8000", "::1", "'self' http://[::1]:8001"),
            # Behind a load balancer both are one origin; nobody may have the policy name another by a header.
            ("ocr.example.com", "0.0.0.0", "'self'"),  # noqa: S104
            ("ocr.example.com", "127.0.0.1", "'self'"),
            ("127.0.0.1", "0.0.0.0", "'self'"),  # noqa: S104
        ],
    )
    async def test_it_calls_the_bulk_api_where_that_is(self, host: str, listens_on: str, connects: str) -> None:
        assert (await self.policy(make(host=listens_on), host))["connect-src"] == connects

    @pytest.mark.parametrize(
        ("host", "connects"),
        [
            ("127.0.0.1:9100", "'self' http://127.0.0.1:9101"),
            ("localhost:9100", "'self' http://localhost:9101"),
            ("ocr.example.com", "'self'"),
        ],
    )
    @pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - the second as in a container
    async def test_or_at_the_port_of_this_machine_that_it_is_published_on(
        self, host: str, listens_on: str, connects: str
    ) -> None:
        assert (await self.policy(make(host=listens_on, bulk_port=9101), host))["connect-src"] == connects

    @pytest.mark.parametrize("port", ["0", "70000", "8001; img-src *"])
    def test_a_port_that_is_none_stops_the_start(self, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
        monkeypatch.setenv("OCR_PAGE_BULK_PORT", port)
        with pytest.raises(SettingsError, match="OCR_PAGE_BULK_PORT"):
            load(PageSettings)

    async def test_or_where_the_operator_says(self) -> None:
        app = make(bulk_url="https://bulk.example.com/ocr/", bulk_port=9101)
        assert (await self.policy(app))["connect-src"] == "'self' https://bulk.example.com"
        assert '<meta name="bulk-url" content="https://bulk.example.com/ocr">' in (await get(app, "/")).text

    @pytest.mark.parametrize("host", [None, "", "[", "127.0.0.1; script-src *", 'localhost"><script>'])
    def test_a_host_that_is_none_is_believed_nothing(self, host: str | None) -> None:
        for port, own_host in ((None, "127.0.0.1"), (8001, "0.0.0.0")):  # noqa: S104 - as in a container
            told = bulk_url_of_page(host, page=PageSettings(bulk_port=port), own_host=own_host)
            assert told in {"", "http://127.0.0.1:8001"}

    @pytest.mark.parametrize(
        "url", ["bulk.example.com", "https://a.example; img-src *", "https://a.example/ b", "javascript:1"]
    )
    def test_an_address_that_would_say_more_stops_the_start(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("OCR_PAGE_BULK_URL", url)
        with pytest.raises(SettingsError, match="OCR_PAGE_BULK_URL"):
            load(PageSettings)


class TestTheModules:
    @pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
    def test_text_is_only_ever_put_in_as_text(self, module: Path) -> None:
        code = module.read_text(encoding="utf-8")
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML", code
        )

    @pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda path: path.name)
    def test_nothing_comes_from_another_origin(self, file: Path) -> None:
        code = re.sub(r"^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        addresses = set(re.findall(r"\w+://[^\s\"')]+", code))
        assert addresses <= {"http://www.w3.org/2000/svg"}

    @pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
    def test_they_import_each_other_alone(self, module: Path) -> None:
        imported = re.findall(r'^(?:import|export) .*from "([^"]+)";', module.read_text(encoding="utf-8"), re.MULTILINE)
        assert all((STATIC / name.removeprefix("./")).is_file() and name.startswith("./") for name in imported)


class TestTheWords:
    def test_both_languages_say_the_same_things(self) -> None:
        english, japanese = words("en"), words("ja")
        assert len(english) > 150
        assert english.keys() == japanese.keys()
        assert all(japanese.values())
        places = re.compile(r"\{\w+\}")
        for key, sentence in english.items():
            assert sorted(set(places.findall(sentence))) == sorted(set(places.findall(japanese[key]))), key

    def test_every_sentence_that_is_asked_for_is_there(self) -> None:
        code = "\n".join(path.read_text(encoding="utf-8") for path in [*MODULES, STATIC / "index.html"])
        asked = set(re.findall(r'\bt\("([^"]+)"', code)) | set(re.findall(r'data-t(?:-label)?="([^"]+)"', code))
        asked |= {key for one in re.findall(r'\bt\([^()"`]* \? "([^"]+)" : "([^"]+)"', code) for key in one}
        assert len(asked) > 100
        assert asked <= words("en").keys()

    def test_no_sentence_is_left_over(self) -> None:
        code = "\n".join(
            path.read_text(encoding="utf-8")
            for path in [*MODULES, STATIC / "index.html"]
            if not path.name.startswith("words_")
        )
        made = {
            re.sub(r"\$\{(?:[^{}]|\{[^}]*\})*\}", "", found) for found in re.findall(r"`([\w.]+\.\$\{[^`]*)`", code)
        }
        left = {
            key
            for key in words("en")
            if f'"{key}"' not in code and not any(part and key.startswith(part) for part in made)
        }
        assert left == set()
