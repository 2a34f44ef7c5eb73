"""Makes the quick start's input from source.toml: four images, our traces (a) and a small model's traces (b)."""

from __future__ import annotations

import argparse
import http.client
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
A_MODEL, B_MODEL = "omr-judge authors", "SmolLM2-135M-Instruct"
TASK = (
    "Explain step by step, in at most 80 words, how a doctor would think about this question, "
    "and end with the letter of the right option."
)
FIRST = ("warfarin-01", "blood-count-01")
"""what the README's first command compares: so few that it ends within a minute"""
LETTER = re.compile(r"\b(?i:answer|option)(?: is)?:? [(*]*([A-D])\b|\b([A-D])[).*]*$")

Row = dict[str, Any]
Point = tuple[float, float]
Span = tuple[float, float]
Namer = Callable[[float], str]


def main() -> None:
    """Write images, a.jsonl and b.jsonl beside this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    source_of_b = parser.add_mutually_exclusive_group(required=True)
    source_of_b.add_argument("--model", type=Path, metavar="FILE.gguf", help=f"generate b with {B_MODEL}")
    source_of_b.add_argument("--no-model", action="store_true", help="keep the traces that b.jsonl has")
    weights: Path | None = parser.parse_args().model

    items: list[Row] = tomllib.loads((HERE / "source.toml").read_text("utf-8"))["item"]
    texts = generate(weights, items) if weights else kept_traces()
    draw_images()
    write("a.jsonl", (row(item, A_MODEL, item["trace"], item["model_answer"]) for item in items))
    write("b.jsonl", (row(item, B_MODEL, texts[item["id"]], read_letter(texts[item["id"]])) for item in items))
    for side in ("a", "b"):
        lines = map(json.loads, (HERE / f"{side}.jsonl").read_text("utf-8").splitlines())
        write(f"first-{side}.jsonl", (line for line in lines if line["id"] in FIRST))


def row(item: Row, model: str, trace: str, model_answer: str | None) -> Row:
    """Join an item and a trace in one self-contained record; leave out what is unknown."""
    shown = {key: item[key] for key in ("question", "options", "answer", "reference_reasoning")}
    image = {"image": item["image"]} if "image" in item else {}
    final = {"model_answer": model_answer} if model_answer else {}
    subgroup = {"specialty": item["specialty"]}
    return {"id": item["id"], "model": model, **shown, **image, "subgroup": subgroup, "trace": trace, **final}


def write(name: str, rows: Iterable[Row]) -> None:
    """Write one record a line."""
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)
    (HERE / name).write_text(lines, "utf-8", newline="\n")


def kept_traces() -> dict[str, str]:
    """Read the traces of the present b.jsonl, by item."""
    rows = map(json.loads, (HERE / "b.jsonl").read_text("utf-8").splitlines())
    return {line["id"]: line["trace"] for line in rows}


def generate(weights: Path, items: Sequence[Row]) -> dict[str, str]:
    """Let the embedded model answer each item from its text alone; it cannot see images."""
    import xllamacpp  # noqa: PLC0415 - --no-model works without it

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.port, params.n_ctx, params.n_parallel, params.cache_ram_mib, params.verbosity = 0, 4096, 1, 0, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = ["examples"]
    server = xllamacpp.Server(params)
    return {item["id"]: ask(server.listening_address, item) for item in items}


def ask(address: str, item: Row) -> str:
    """Ask for one trace, greedily and without a prompt cache, so that a second run gives the same words."""
    # The options stand in one sentence: shown as a list, a model of this size only repeats them.
    options = "; ".join(f"{letter}: {text}" for letter, text in item["options"].items())
    prompt = f"{TASK}\n\n{item['question']} The options are {options}."
    body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 110, "temperature": 0, "seed": 0}
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
    headers = {"Authorization": "Bearer examples", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body | {"cache_prompt": False}), headers)
    reply = json.load(connection.getresponse())
    connection.close()
    return str(reply["choices"][0]["message"]["content"]).strip()


def read_letter(trace: str) -> str | None:
    """Read the last letter that follows "answer" or "option", or that ends the trace; None where there is none."""
    found = LETTER.findall(trace)
    return "".join(found[-1]) if found else None


SCALE = 4  # drawn four times too large, then shrunk: Pillow's own lines are jagged
INK, GREY, PALE, RED, BLUE = "#22303c", "#6b7885", "#dfe4e8", "#c0392b", "#2462a8"


class Chart:
    """A small picture with data coordinates inside a frame; x and y map left and bottom, right and top."""

    def __init__(self, size: tuple[int, int], frame: tuple[int, int, int, int], x: Span, y: Span) -> None:
        self.size, self.frame, self.x, self.y = size, frame, x, y
        self.image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), "white")
        self.draw = ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> Point:
        """Turn data coordinates into the large picture's pixels."""
        left, top, right, bottom = self.frame
        across, up = (x - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])
        return (left + across * (right - left)) * SCALE, (bottom - up * (bottom - top)) * SCALE

    def line(self, points: Iterable[Point], colour: str, width: float = 2, dash: int = 0) -> None:
        """Draw a line through the points; a dash spans that many points, and so does a gap."""
        path = [self.at(*point) for point in points]
        step = dash or len(path)
        for start in range(0, len(path), 2 * step):
            self.draw.line(path[start : start + step + 1], colour, round(width * SCALE), "curve")

    def text(self, point: Point, text: str, anchor: str, colour: str = GREY, shift: Point = (0, 0)) -> None:
        """Write a label at data coordinates, moved by a shift in pixels."""
        x, y = self.at(*point)
        place = (x + shift[0] * SCALE, y + shift[1] * SCALE)
        self.draw.text(place, text, colour, ImageFont.load_default(12 * SCALE), anchor)

    def mark(self, point: Point, shape: str, colour: str) -> None:
        """Draw an open circle, a cross or a filled dot."""
        (x, y), r, width = self.at(*point), 5 * SCALE, 2 * SCALE
        if shape == "cross":
            self.draw.line((x - r, y - r, x + r, y + r), colour, width)
            self.draw.line((x - r, y + r, x + r, y - r), colour, width)
        else:
            self.draw.ellipse((x - r, y - r, x + r, y + r), "white" if shape == "circle" else colour, colour, width)

    def grid(
        self, xs: Iterable[float], ys: Iterable[float], titles: Sequence[str], name_x: Namer = "{:g}".format
    ) -> None:
        """Draw labelled grid lines, the title of x below the frame and the title of y above it."""
        for x in xs:
            self.line([(x, self.y[0]), (x, self.y[1])], PALE, 1)
            self.text((x, self.y[0]), name_x(x), "mt", shift=(0, 7))
        for y in ys:
            self.line([(self.x[0], y), (self.x[1], y)], PALE, 1)
            self.text((self.x[0], y), f"{y:g}", "rm", shift=(-7, 0))
        self.text((self.x[1], self.y[0]), titles[0], "rt", INK, (0, 26))
        self.text((self.x[0], self.y[1]), titles[1], "lb", INK, (-26, -14))

    def save(self, path: Path) -> None:
        """Shrink, reduce to 64 colours and write the PNG."""
        small = self.image.resize(self.size, Image.Resampling.LANCZOS)
        small.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def draw_images() -> None:
    """Draw every image."""
    (HERE / "images").mkdir(exist_ok=True)
    charts = {"ecg-01": ecg(), "audiogram-01": audiogram(), "spirometry-01": spirometry(), "glucose-01": glucose()}
    for name, chart in charts.items():
        chart.save(HERE / "images" / f"{name}.png")


def ecg() -> Chart:
    """Draw six seconds of atrial fibrillation on millimetre paper, after a calibration pulse of 1 mV."""
    left, right, bottom, top = -6, 150, -12, 20  # millimetres: 25 a second, 10 a millivolt
    chart = Chart((480, 124), (6, 22, 474, 118), (left, right), (bottom, top))
    for spacing, colour, width in ((1, "#fbe9e7", 0.5), (5, "#f0bdb8", 1.0)):
        for x in range(-(-left // spacing) * spacing, right + 1, spacing):
            chart.line([(x, bottom), (x, top)], colour, width)
        for y in range(-(-bottom // spacing) * spacing, top + 1, spacing):
            chart.line([(left, y), (right, y)], colour, width)
    chart.line([(-6, 0), (-5, 0), (-5, 10), (-1, 10), (-1, 0), (0, 0)], INK, 1.3)
    chart.line([(25 * t / 400, 10 * fibrillation(t / 400)) for t in range(2401)], INK, 1.3)
    chart.text((left, top), "II", "lb", INK, (0, -5))
    chart.text((right, top), "25 mm/s   10 mm/mV", "rb", shift=(0, -5))
    return chart


def fibrillation(second: float) -> float:
    """Compute lead II in millivolts: irregular QRS and T waves on a baseline of fibrillatory waves, no P wave."""
    waves = ((-0.08, -0.03, 0.009), (1.15, 0.0, 0.012), (-0.24, 0.032, 0.011), (0.2, 0.25, 0.045))  # Q, R, S, T
    beats = (0.24, 0.74, 1.48, 1.91, 2.52, 3.40, 3.87, 4.56, 5.12, 5.83)
    heart = sum(mv * math.exp(-(((second - r - at) / width) ** 2) / 2) for r in beats for mv, at, width in waves)
    tremble = sum(math.sin(2 * math.pi * hertz * second + hertz) for hertz in (5.1, 6.3, 7.9))
    return heart + 0.028 * tremble


def audiogram() -> Chart:
    """Draw both ears' thresholds with a notch at 4 kHz; right is a red circle, left a blue cross."""
    chart = Chart((420, 320), (46, 40, 404, 276), (6.6, 13.4), (90, -10))  # octaves above 1 Hz; louder is lower
    octaves = [math.log2(hertz) for hertz in (125, 250, 500, 1000, 2000, 3000, 4000, 6000, 8000)]
    titles = ("Frequency (kHz)", "Hearing level (dB HL)")
    chart.grid(octaves, range(-10, 91, 10), titles, lambda octave: f"{2**octave / 1000:g}")
    right, left = (10, 10, 10, 15, 20, 40, 60, 45, 25), (10, 5, 10, 10, 20, 35, 55, 40, 20)
    for losses, shape, colour in ((right, "circle", RED), (left, "cross", BLUE)):
        points = list(zip(octaves, losses, strict=True))
        chart.line(points, colour, 1.5)
        for point in points:
            chart.mark(point, shape, colour)
    for x, shape, colour, name in ((9.9, "circle", RED, "right ear"), (11.9, "cross", BLUE, "left ear")):
        chart.mark((x, -17), shape, colour)
        chart.text((x, -17), name, "lm", colour, (10, 0))
    return chart


def spirometry() -> Chart:
    """Draw a flow-volume loop whose expiratory limb is scooped, with the predicted loop dashed."""
    chart = Chart((420, 340), (46, 40, 404, 296), (0, 5), (-6, 10))
    chart.grid(range(6), range(-6, 11, 2), ("Volume (L)", "Flow (L/s)"))
    chart.line([(0, 0), (5, 0)], GREY, 1)
    chart.line(loop(capacity=4.4, peak=8.6, bend=0.95, inspiration=5.4), GREY, 1.5, dash=5)
    chart.line(loop(capacity=3.5, peak=4.3, bend=3.4, inspiration=4.6), BLUE, 2.5)
    chart.text((5, 10), "predicted (dashed)", "rt", GREY, (-8, 8))
    chart.text((5, 10), "measured", "rt", BLUE, (-8, 26))
    chart.text((5, 5), "expiration", "rm", INK, (-8, 0))
    chart.text((5, -5), "inspiration", "rm", INK, (-8, 0))
    return chart


def loop(*, capacity: float, peak: float, bend: float, inspiration: float) -> list[Point]:
    """Compute a closed loop; a bend above 1 scoops the expiratory limb."""
    rise = 0.09 * capacity
    part = [step / 200 for step in range(201)]
    up = [(rise * p, peak * math.sin(math.pi / 2 * p)) for p in part[::2]]
    down = [(rise + (capacity - rise) * p, peak * (1 - p) ** bend) for p in part]
    back = [(capacity * (1 - p), -inspiration * math.sin(math.pi * p) ** 0.7) for p in part]
    return up + down + back


def glucose() -> Chart:
    """Draw an oral glucose tolerance test: normal while fasting, raised but below 11.1 mmol/L at two hours."""
    chart = Chart((420, 300), (46, 40, 404, 256), (-8, 128), (2, 14))
    minutes = range(0, 121, 30)
    chart.grid(minutes, range(2, 15, 2), ("Minutes after 75 g of glucose", "Venous plasma glucose (mmol/L)"))
    points = list(zip(minutes, (5.3, 9.4, 11.3, 10.4, 9.3), strict=True))
    chart.line(points, BLUE, 2)
    for point in points:
        chart.mark(point, "dot", BLUE)
        chart.text(point, f"{point[1]}", "mb", INK, (0, -10))
    return chart


if __name__ == "__main__":
    main()
