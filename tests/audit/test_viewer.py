from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from browsing import chromium, opened
from command import at_once, omr_judge, read_jsonl, start, wait_until, write_jsonl
from PIL import Image
from provider_server import ProviderServer, longer_wins

pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'omr-judge[view]'")
pytest.importorskip("starlette", reason="starlette is not installed: pip install 'omr-judge[view]'")

EVERYWHERE = "0.0.0.0"  # noqa: S104 - asked for, to see the warning
LABEL = {"item": "q1", "criterion": "overall", "winner": "a", "order": "forward", "reader": "JS", "time": "now"}


class Answered(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


def ask(url: str, body: object = None, **headers: str) -> Answered:
    content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, content, {"content-type": "application/json", **named})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return Answered(
                answer.status, answer.read(), {name.lower(): value for name, value in answer.headers.items()}
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answered(error.code, error.read(), dict(error.headers))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a judged run, and one that was imported."""
    folder = tmp_path_factory.mktemp("view")
    Image.linear_gradient("L").save(folder / "scan.png")
    for name in "ab":
        item = {"question": "Which?", "options": {"A": "x", "B": "y"}, "answer": "A", "model": f"model-{name}"}
        rows = [item | {"id": f"q{n}", "trace": f"{name} on {n}" * (n + (name == "b"))} for n in (1, 2)]
        write_jsonl(folder / f"{name}.jsonl", [rows[0] | {"image": "scan.png"}, rows[1]])
    said = [{"item": "i", "order": order, "verdict": "first"} for order in ("forward", "swapped")]
    write_jsonl(folder / "verdicts.jsonl", said)
    with ProviderServer(longer_wins) as server:
        judge = f"openai:m@{server.url}/v1"
        at_once(
            partial(omr_judge, "compare", "a.jsonl", "b.jsonl", "--judge", judge, "--name", "r", cwd=folder),
            partial(omr_judge, "import", "verdicts.jsonl", "--name", "i", cwd=folder),
        )
    return folder


@contextmanager
def viewing(folder: Path, run: str, *options: str) -> Iterator[tuple[str, str]]:
    """Serve a run by the real command; yield the address and what was said; Ctrl-C must end it well."""
    errors = folder / f"{run}.stderr"
    process = start("view", run, *options, cwd=folder, errors=errors)
    try:
        wait_until(lambda: "Ctrl-C" in errors.read_text() or process.poll() is not None)
        said = errors.read_text()
        (address,) = re.findall(r"http://\S+", said)
        yield address, said
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in {0, 130}, errors.read_text()
        assert "Traceback" not in errors.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[str]:
    with viewing(made, "r") as (address, said):
        assert "Warning" not in said
        yield address


def test_only_this_machine_under_the_random_token_and_its_own_name_is_answered(served: str) -> None:
    host, port, token = re.fullmatch(r"http://([^:]+):(\d+)/([\w-]{20,})/", served).groups()  # type: ignore[union-attr]
    assert host == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", int(port)), timeout=5)
    page = ask(served)
    assert page.status == 200
    assert {name: page.headers[name] for name in ("cache-control", "x-content-type-options", "referrer-policy")} == {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    assert not [name for name in page.headers if name.startswith("access-control")]
    for elsewhere in ("", "labels", f"{token[:-1]}/", f"{token}x/labels"):
        assert ask(f"http://127.0.0.1:{port}/{elsewhere}").status == 404
    for name in ("evil.example", "127.0.0.1.evil.example", f"evil.example:{port}"):
        assert ask(served, Host=name).status == 400
    assert ask(served, Host=f"localhost:{port}").status == 200
    assert ask(f"{served}labels", Origin="http://evil.example").headers.get("access-control-allow-origin") is None


def test_original_images_are_served_and_refused_once_they_have_changed(made: Path, served: str) -> None:
    original = (made / "scan.png").read_bytes()
    answered = ask(f"{served}image/0/0")
    assert (answered.status, answered.body, answered.headers["content-type"]) == (200, original, "image/png")
    for nowhere in ("image/0/1", "image/1/0", "image/9/0"):
        assert ask(served + nowhere).status == 404
    assert ask(f"{served}image/0/../../labels").status == 404
    (made / "scan.png").write_bytes(original[:-1] + b"x")
    changed = ask(f"{served}image/0/0")
    (made / "scan.png").write_bytes(original)
    assert changed.status == 410
    assert b"changed since the run began" in changed.body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (LABEL | {"item": "q9"}, {}, 422),
        (LABEL | {"criterion": "beauty"}, {}, 422),
        (LABEL | {"winner": "first"}, {}, 422),
        (LABEL | {"more": 1}, {}, 422),
        (LABEL | {"draw": "random-s0-n2", "weight": 1.0}, {}, 422),
        (LABEL | {"draw": "packet-0123456789ab"}, {}, 422),
        (LABEL | {"weight": 5.0}, {}, 422),
        (LABEL | {"reader": ""}, {}, 422),
        (LABEL | {"reader": "x" * 81}, {}, 422),
        (LABEL | {"reader": "J\u202eS"}, {}, 422),
        (b"[", {}, 422),
        (LABEL, {"content_type": "text/plain"}, 415),
        (LABEL | {"reason": "x" * 70_000}, {}, 413),
    ],
)
def test_what_is_no_label_of_this_run_is_refused_and_nothing_is_written(
    made: Path,
    served: str,
    body: object,
    headers: dict[str, str],
    status: int,
) -> None:
    before = read_jsonl(made / "runs/r/labels.jsonl") if (made / "runs/r/labels.jsonl").exists() else []
    assert ask(f"{served}labels", body, **headers).status == status
    after = read_jsonl(made / "runs/r/labels.jsonl") if (made / "runs/r/labels.jsonl").exists() else []
    assert after == before


def test_labels_made_in_the_page_are_in_the_run_folder_at_once_and_there_again_after_a_reload(
    made: Path, served: str
) -> None:
    path = made / "runs/r/labels.jsonl"
    before = len(read_jsonl(path)) if path.exists() else 0
    with chromium() as browser, opened(browser, served, "#item=q1") as page:
        page.click(".picture")
        width = "image => image.decode().then(() => image.naturalWidth)"
        assert page.locator("#zoom img").evaluate(width) == 256, "the original, not the thumbnail"
        page.keyboard.press("Escape")
        page.click("#label-mode")
        page.click("#blind-mode")
        assert page.locator("#download").count() == 0
        page.fill("#reader", "JS")
        page.locator("#reader").blur()
        criteria = page.locator(".label-panel fieldset").evaluate_all("all => all.map(one => one.dataset.criterion)")
        for number, criterion in enumerate(criteria, start=1):
            page.wait_for_selector(f'fieldset.asked[data-criterion="{criterion}"]')
            page.keyboard.press("2")
            page.wait_for_selector(f'[data-criterion="{criterion}"] [aria-pressed="true"]')
            assert len(read_jsonl(path)) == before + number
        page.reload()
        page.wait_for_selector("body[data-ready]")
        assert page.locator("#progress").inner_text() == "1 of 2 pairs labelled"
    kept = read_jsonl(path)[before:]
    assert all(len(label.pop("seal")) == 8 for label in kept)
    assert [(one["criterion"], one["winner"], one["order"], one["reader"]) for one in kept] == [
        (criterion, "b", "forward", "JS") for criterion in criteria
    ]
    assert all(one["time"].endswith("+00:00") for one in kept)
    assert json.loads(ask(f"{served}labels").body)[before:] == [
        {"reason": "", "draw": None, "weight": None, **one} for one in kept
    ]


@pytest.mark.slow
def test_other_interfaces_are_warned_of_an_imported_run_is_served_and_a_taken_port_is_refused(made: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = omr_judge("view", "i", "--port", port, cwd=made, code=3)
    assert "cannot listen: Address already in use" in refused.stderr
    with viewing(made, "i", "--host", EVERYWHERE) as (address, said):
        assert said.startswith(f"Warning: everybody who can reach {EVERYWHERE}")
        local = address.replace(EVERYWHERE, "127.0.0.1")
        assert ask(local, Host="any.name.example").status == 200
        assert ask(f"{local}image/0/0").status == 404
        with chromium() as browser, opened(browser, local, "#item=i") as page:
            assert "Only the judgments of this item are known" in page.locator("#item").inner_text()
            assert page.locator(".criterion > header .badge").inner_text() == "split"
            page.locator(".exchange summary").first.click()
            assert "What was sent is not known" in page.locator(".exchange").first.inner_text()


def test_without_its_packages_view_says_what_to_install(made: Path) -> None:
    without = "import sys; sys.modules['uvicorn'] = None; sys.argv = ['omr-judge', 'view', 'r']"
    code = f"{without}; from judge.cli import main; main()"

    done = subprocess.run([sys.executable, "-c", code], cwd=made, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 3
    assert "pip install 'omr-judge[view]'" in done.stderr
