"""What the policy of a page lets a library bring along."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from ingestd.metrics.exposition import Exposition
from ingestd.web.site import Site
from tests.web.world import HOST, World


def test_the_styles_of_a_library_are_allowed_by_their_hashes_where_they_are_used(
    world: World, tmp_path: Path
) -> None:
    for name in ("watch.html", "index.html"):
        (tmp_path / name).write_text("<title>A page</title>")
    nothing: Any = SimpleNamespace(serve=None, alive=None)
    app = Site(world.context, nothing, nothing, Exposition(bytes), tmp_path, 8080, ["127.0.0.1/32"]).app()

    async def get(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as http:
            return await http.get(path)

    def styles(path: str) -> str:
        policy = world.do(get(path)).headers["content-security-policy"]
        return next(part for part in policy.split("; ") if part.startswith("style-src "))

    assert styles("/watch/any") == "style-src 'self'"  # built without any
    (tmp_path / "styles.json").write_text(json.dumps({"watch.html": ["sha256-a=", "sha256-b="]}))
    assert styles("/watch/any") == "style-src 'self' 'sha256-a=' 'sha256-b='"
    assert styles("/") == "style-src 'self'"
