"""A film before it is rendered, as one picture: the camera's way, its values, prompts and seeds over the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageDraw

from disco.animation.by_frame import numbers_of
from disco.animation.frames import CAMERA, Frame, prompts_of
from disco.animation.keyframes import parse_keyframes, values
from disco.animation.motion import Motion2D, Motion3D
from disco.animation.paths import places, views
from disco.animation.ways import Way, draw_way
from disco.letters import draw_text, shortened, text_width, wrapped
from disco.settings.config import Settings

WIDTH, LEFT, RIGHT, MARGIN = 1200, 210, 40, 28
PAPER, INK, GREY, RULE, LINE, KEY = "#ffffff", "#1b1b1f", "#6d6d76", "#e2e2e6", "#2f6fdb", "#d9480f"
#: Fills of the spans of prompts, in turns.
SPANS = ("#dfeafc", "#fdebd9")
#: Heights in pixels: of letters, of a lane of values, of the camera's way.
TITLE, TEXT, SMALL, LANE, WAY = 24, 15, 13, 76, 300

#: What camera settings are where they do nothing.
STILL = {"zoom": 1.0}


@dataclass
class Board:
    """The picture as it grows downwards. draws: what paints each part, at its height y."""

    frames: int
    y: int = MARGIN
    draws: list[tuple[Any, int]] = field(default_factory=list)

    def add(self, height: int, draw: Any) -> None:
        """A part of this height. draw: (pen, y) -> anything."""
        self.draws.append((draw, self.y))
        self.y += height

    def text(self, text: str, size: int, ink: str, lines: int = 3) -> None:
        for line in wrapped(text, size, WIDTH - 2 * MARGIN, lines):
            self.add(round(1.45 * size), lambda pen, y, line=line: draw_text(pen, (MARGIN, y), line, size, ink))

    def x(self, frame: float) -> int:
        """Where a frame is, from left to right."""
        return LEFT + round(frame * (WIDTH - LEFT - RIGHT) / max(1, self.frames - 1))

    @property
    def step(self) -> int:
        """From one frame that is named to the next: a round number, and at most 14 of them."""
        steps = (base * 10**power for power in range(7) for base in (1, 2, 5))
        return next(step for step in steps if self.frames / step <= 14)

    def painted(self) -> Image.Image:
        paper = Image.new("RGB", (WIDTH, self.y + MARGIN), PAPER)
        pen = ImageDraw.Draw(paper)
        for draw, y in self.draws:
            draw(pen, y)
        return paper


def storyboard(settings: Settings, frames: Sequence[Frame], size: tuple[int, int], facts: Sequence[str]) -> Image.Image:
    """The storyboard of a film, 1200 pixels wide.

    frames: all of them. size: width and height of a frame. facts: lines below the title.
    """
    board, film = Board(len(frames)), settings.animation
    spans = prompts_of(frames)
    board.text(spans[0][1] or "a film", TITLE, INK, 2)
    for fact in facts:
        board.text(fact, TEXT, GREY, 1)
    board.y += 14
    if way := _way_of(frames, size):
        board.add(WAY, lambda pen, y: draw_way(pen, (MARGIN, y, WIDTH - RIGHT, y + WAY - 24), way))
    lanes = {name: getattr(film, name) for name in CAMERA[film.animation_mode]} | numbers_of(film.by_frame)
    for name, given in lanes.items():
        series = values(name, given, len(frames), film.interp_spline)
        neutral = STILL.get(name, 0.0) if name in CAMERA[film.animation_mode] else None
        if any(value != neutral for value in series[1:] or series):
            _lane(board, name.rpartition(".")[2], given, series)
    if len(spans) > 1:
        _prompts(board, spans)
    if not all(frame.rendered for frame in frames):
        _rendered(board, frames)
    _row(board, "seed", [str(frame.settings.seed) for frame in frames])
    _axis(board, settings.output.fps)
    return board.painted()


def _way_of(frames: Sequence[Frame], size: tuple[int, int]) -> Way | None:
    """The way of the camera; None where there is none, or it stands still."""
    motions = [frame.motion for frame in frames if frame.motion is not None]
    if not motions or all(motion == type(motion)() for motion in motions):
        return None
    if isinstance(motions[0], Motion2D):
        return Way(views=views([m for m in motions if isinstance(m, Motion2D)], size[1], size[0]))
    return Way(places=places([m for m in motions if isinstance(m, Motion3D)]))


def _lane(board: Board, name: str, given: Any, series: Sequence[float]) -> None:
    """A setting's values over the frames, with a dot at every key."""
    low, high = min(series), max(series)
    keys = [frame for frame, _ in parse_keyframes(name, given) if frame < board.frames]

    def draw(pen: ImageDraw.ImageDraw, y: int) -> None:
        top, bottom = y + 8, y + LANE - 14

        def height(value: float) -> int:
            return round(bottom - (value - low) / (high - low) * (bottom - top)) if high > low else (top + bottom) // 2

        draw_text(pen, (MARGIN, (top + bottom) // 2 - 9), shortened(name, TEXT, 120), TEXT, INK)
        for value in {low, high}:
            pen.line((LEFT, height(value), WIDTH - RIGHT, height(value)), fill=RULE)
            told = f"{value:.4g}"
            draw_text(pen, (LEFT - 8 - text_width(told, SMALL), height(value) - 8), told, SMALL, GREY)
        points = [(board.x(frame), height(value)) for frame, value in enumerate(series)]
        if len(points) > 1:
            pen.line(points, fill=LINE, width=2, joint="curve")
        for frame in keys:
            x, middle = points[frame]
            pen.ellipse((x - 4, middle - 4, x + 4, middle + 4), fill=KEY)

    board.add(LANE, draw)


def _prompts(board: Board, spans: Sequence[tuple[int, str]]) -> None:
    """Which prompt holds from where to where."""

    def draw(pen: ImageDraw.ImageDraw, y: int) -> None:
        draw_text(pen, (MARGIN, y + 7), "prompt", TEXT, INK)
        ends = [frame for frame, _ in spans[1:]] + [board.frames - 1]
        for number, ((start, text), end) in enumerate(zip(spans, ends, strict=True)):
            left, right = board.x(start), max(board.x(end), board.x(start) + 6)
            pen.rectangle((left, y, right - 2, y + 32), fill=SPANS[number % len(SPANS)])
            draw_text(pen, (left + 6, y + 7), shortened(text, TEXT, max(0, right - left - 14)), TEXT, INK)

    board.add(48, draw)


def _rendered(board: Board, frames: Sequence[Frame]) -> None:
    """Which frames are rendered, and which are blended."""

    def draw(pen: ImageDraw.ImageDraw, y: int) -> None:
        draw_text(pen, (MARGIN, y), "rendered", TEXT, INK)
        wide = max(1, min(6, (WIDTH - LEFT - RIGHT) // (2 * len(frames))))
        for frame in frames:
            x = board.x(frame.number)
            box = (x - wide // 2, y, x - wide // 2 + wide, y + 18) if frame.rendered else (x, y + 13, x, y + 18)
            pen.rectangle(box, fill=LINE if frame.rendered else GREY)

    board.add(36, draw)


def _row(board: Board, name: str, texts: Sequence[str]) -> None:
    """Texts at the frames that are named, as many as there is room for."""

    def draw(pen: ImageDraw.ImageDraw, y: int) -> None:
        draw_text(pen, (MARGIN, y - 2), name, TEXT, INK)
        free = LEFT - 100
        for frame in range(0, board.frames, board.step):
            text = texts[frame]
            wide = text_width(text, SMALL)
            left = min(board.x(frame) - wide // 2, WIDTH - MARGIN // 2 - wide)
            if left > free:
                draw_text(pen, (left, y), text, SMALL, GREY)
                free = left + wide + 14

    board.add(30, draw)


def _axis(board: Board, fps: int) -> None:
    """The frames and, below, the seconds."""

    def draw(pen: ImageDraw.ImageDraw, y: int) -> None:
        pen.line((LEFT, y, WIDTH - RIGHT, y), fill=GREY)
        draw_text(pen, (MARGIN, y + 6), "frame", TEXT, INK)
        for frame in range(0, board.frames, board.step):
            x = board.x(frame)
            pen.line((x, y, x, y + 5), fill=GREY)
            for row, text in enumerate((str(frame), f"{frame / fps:.3g} s")):
                draw_text(pen, (x - text_width(text, SMALL) // 2, y + 8 + 18 * row), text, SMALL, GREY)

    board.add(46, draw)
