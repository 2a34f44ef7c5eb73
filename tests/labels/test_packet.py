"""The offline page: blinded, harmless, without connections, and filled in by keyboard in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs
from run_builder import A_WINS, B_WINS, MODELS, make_pair, make_run

from judge.errors import InputError, RunError
from judge.labels.draws import PacketKey
from judge.labels.import_labels import import_labels
from judge.labels.labels import labels_path, read_labels
from judge.labels.make_packet import PacketOptions, make_packet
from judge.schema import Image, Order, Winner

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202e![x](http://127.0.0.1:9/x.png)"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def content_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    content: dict[str, Any] = json.loads(text)
    return content


def image_in(folder: Path) -> Image:
    path = folder / "x.png"
    path.write_bytes(PIXEL)
    return Image(path=str(path), sha256=hashlib.sha256(PIXEL).hexdigest(), media_type="image/png")


def hostile_packet(folder: Path) -> tuple[Any, PacketKey, Path]:
    made = [make_pair(f"q{i}", text=HOSTILE, images=[image_in(folder)]) for i in range(4)]
    pairs = [structs.replace(pair, item=structs.replace(pair.item, id=f"secret-id-{i}")) for i, pair in enumerate(made)]
    run = make_run(folder / "run", {pair.item.id: A_WINS for pair in pairs}, pairs)
    page = folder / "packet.html"
    return run, make_packet(run, PacketOptions(3, ("overall", "knowledge")), page), page


def test_the_page_holds_the_sample_and_nothing_that_tells_the_models_apart(tmp_path: Path) -> None:
    run, key, path = hostile_packet(tmp_path)
    page = path.read_text(encoding="utf-8")
    content = content_of(page)
    assert not any(word in page for word in (*MODELS, "secret-id", '"forward"', '"swapped"', '"weight"', "model_a"))
    assert len({one.item for one in key.items}) == len(content["items"]) == 3
    for one, shown in zip(key.items, content["items"], strict=True):
        left = f"Left trace of q{one.item[-1]}."
        assert shown["traces"][0 if one.order is Order.FORWARD else 1].startswith(left)
        assert HOSTILE in shown["question"]
        assert shown["images"] == [f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"]
    assert content["draw"] == key.draw
    assert json.loads((run.path / "packets" / f"{key.draw}.json").read_bytes())["n_population"] == 4


def test_the_same_seed_draws_the_same_items_and_shuffles_the_traces_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {f"q{i}": B_WINS for i in range(60)})
    keys = [make_packet(run, PacketOptions(40, seed=seed), tmp_path / "p.html") for seed in (1, 1, 2)]
    items = [[one.item for one in key.items] for key in keys]
    orders = [[one.order for one in key.items] for key in keys]
    assert items[0] == items[1] != items[2]
    assert orders[0] != orders[1]
    assert {one.weight for one in keys[0].items} == {1.5}


def test_the_policy_allows_this_script_and_this_style_alone(tmp_path: Path) -> None:
    page = hostile_packet(tmp_path)[2].read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for element, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (text,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}';" in policy
    assert "http" not in page.replace("http-equiv", "").replace("http://127.0.0.1:9", "")


def test_an_image_that_changed_or_went_away_is_refused(tmp_path: Path) -> None:
    image = image_in(tmp_path)
    run = make_run(tmp_path / "run", {"q1": A_WINS}, [make_pair("q1", images=[image])])
    Path(image.path).write_bytes(PIXEL + b"x")
    with pytest.raises(RunError, match="changed since"):
        make_packet(run, PacketOptions(1), tmp_path / "p.html")
    Path(image.path).unlink()
    with pytest.raises(RunError, match="changed since"):
        make_packet(run, PacketOptions(1), tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()
    assert not (run.path / "packets").exists()


def test_a_run_whose_pairs_all_hold_the_same_text_has_nothing_to_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": None})
    run.write_manifest(run.manifest().model_copy(update={"identical": ("q1",)}))
    with pytest.raises(RunError, match="nothing to read"):
        make_packet(run, PacketOptions(1), tmp_path / "p.html")


def test_a_key_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    (run.path / "packets").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        make_packet(run, PacketOptions(1), tmp_path / "p.html")


def test_a_packet_replaces_a_packet_and_no_other_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    out = tmp_path / "p.html"
    out.write_bytes(b"")
    for _ in range(2):
        key = make_packet(run, PacketOptions(1), out)
        assert content_of(out.read_text(encoding="utf-8"))["draw"] == key.draw
    out.write_text("a page of mine")
    with pytest.raises(InputError, match="exists, and is no packet"):
        make_packet(run, PacketOptions(1), out)
    assert out.read_text() == "a page of mine"
    assert len(list((run.path / "packets").iterdir())) == 2, "no key of a page that was never written"


def test_two_windows_of_one_packet_do_not_overwrite_each_others_answers(browser: Browser, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    _, _, path = hostile_packet(tmp_path)
    window = browser.new_context()
    one, two = window.new_page(), window.new_page()
    one.goto(path.as_uri())
    two.goto(path.as_uri())
    one.check("input[name=overall][value=first]")
    sync_api.expect(two.locator("input[name=overall][value=first]")).to_be_checked()
    two.check("input[name=knowledge][value=tie]")
    sync_api.expect(one.locator("#progress")).to_have_text("1 of 3 (1 answered)")
    window.close()


def test_a_reader_fills_the_page_by_keyboard_and_the_answers_come_home(browser: Browser, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    run, key, path = hostile_packet(tmp_path)
    asked: list[str] = []
    dialogs: list[str] = []
    errors: list[str] = []
    page = browser.new_page(reduced_motion="reduce")
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    assert page.text_content("#progress") == "1 of 3 (0 answered)"
    shown = [page.text_content(f"#trace-{slot}") for slot in (1, 2)]
    assert shown == content_of(path.read_text(encoding="utf-8"))["items"][0]["traces"]
    assert page.evaluate("document.getElementById('trace-1').childElementCount") == 0
    assert page.locator("#item img").count() == 1
    page.keyboard.press("1")
    page.keyboard.press("t")
    assert page.text_content("#progress") == "2 of 3 (1 answered)"
    page.keyboard.press("2")
    page.fill("textarea >> nth=0", "1 clear mistake")
    page.reload()
    sync_api.expect(page.locator("#progress")).to_have_text("2 of 3 (1 answered)")
    assert page.input_value("textarea >> nth=0") == "1 clear mistake"
    page.keyboard.press("j")
    page.check("input[name=overall][value=cannot_judge]")
    page.keyboard.press("k")
    assert page.text_content("#progress") == "2 of 3 (1 answered)"
    page.click("#download")
    assert page.text_content("#note") == "Give your name or initials first."
    page.fill("#reader", "Dr. T")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "answers.json")
    assert page.text_content("#note") == "4 of 6 answers are in the file. Send it back."
    page.close()
    assert (dialogs, errors) == ([], [])
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    assert import_labels(run, [str(tmp_path / "answers.json")]).new == 4
    first, second = key.items[0], key.items[1]
    labels = {(label.item, label.criterion): label for label in read_labels(labels_path(run.path))}
    assert labels[first.item, "overall"].winner is (Winner.A if first.order is Order.FORWARD else Winner.B)
    assert labels[first.item, "knowledge"].winner is Winner.TIE
    said = labels[second.item, "overall"]
    assert said.winner is (Winner.B if second.order is Order.FORWARD else Winner.A)
    assert (said.reason, said.reader) == ("1 clear mistake", "Dr. T")
    assert labels[key.items[2].item, "overall"].winner is Winner.CANNOT_JUDGE
