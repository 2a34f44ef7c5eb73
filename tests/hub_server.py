"""A server that stands for the Hugging Face Hub: repositories of files on this machine, at one commit each."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

COMMIT = "c0ffee" + "0" * 34
_INFO = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>[^?]+)")


@dataclass
class HubServer:
    """Serve files by repository and name; `HF_ENDPOINT` is its address.

    Args:
        repos: the files of each repository.
        gated: repositories that want a token.
        lies: SHA-256 that are told of files, by name, instead of their own.
        asked: the calls that came.
        commit: at which they are.
    """

    repos: dict[str, dict[str, Path]]
    gated: frozenset[str] = frozenset()
    lies: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    commit: str = COMMIT

    def __enter__(self) -> Self:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def sha256(self, name: str, path: Path) -> str:
        return self.lies.get(name) or hashlib.sha256(path.read_bytes()).hexdigest()

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{call.command} {call.path}")
        found = _INFO.match(call.path) or _FILE.match(call.path)
        repo = found["repo"] if found else ""
        files = self.repos.get(repo)
        if found is None or files is None:
            self._refuse(call, 404, "RepoNotFound", "Repository not found")
        elif repo in self.gated and call.headers.get("authorization") != "Bearer hf-token-1":
            self._refuse(call, 403, "GatedRepo", f"Access to model {repo} is restricted")
        elif found["revision"] not in {"main", self.commit}:
            self._refuse(call, 404, "RevisionNotFound", "Invalid rev id")
        elif found.re is _INFO:
            told = [
                {"rfilename": name, "size": path.stat().st_size, "lfs": self._lfs(name, path)}
                for name, path in files.items()
            ]
            self._send(call, 200, json.dumps({"id": repo, "sha": self.commit, "siblings": told}).encode(), {})
        elif (path := files.get(found["file"])) is None:
            self._refuse(call, 404, "EntryNotFound", "Entry not found")
        else:
            headers = {"X-Repo-Commit": self.commit, "ETag": f'"{self.sha256(found["file"], path)}"'}
            self._send(call, 200, path.read_bytes(), headers)

    def _lfs(self, name: str, path: Path) -> dict[str, object]:
        return {"sha256": self.sha256(name, path), "size": path.stat().st_size, "pointerSize": 134}

    def _refuse(self, call: BaseHTTPRequestHandler, status: int, code: str, words: str) -> None:
        self._send(
            call, status, json.dumps({"error": words}).encode(), {"X-Error-Code": code, "X-Error-Message": words}
        )

    def _send(self, call: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        call.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            call.send_header(name, value)
        call.end_headers()
        if call.command == "GET":
            call.wfile.write(body)
