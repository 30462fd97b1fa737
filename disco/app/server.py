"""The server of `disco app`: routes, and nothing else. The disk is its state; two browsers see the same."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from disco.app.answers import FAULTS, body_of, event, file_of
from disco.app.asking import Asker, Costs, Helper
from disco.app.crew import Crew
from disco.app.gallery import Gallery
from disco.app.guard import COOKIE, KEYED, Guard, Password
from disco.app.one_run import FILMS, PICTURES, run_in
from disco.app.paths import OWN, UPLOADS, below, leads_out
from disco.app.progress import Progress
from disco.app.queue import FINISHED, Queue
from disco.app.refusal import Refusal
from disco.app.thumbs import prune, take_picture, thumb_of
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD
from disco.study.results import PAGE_FILE

#: What is handed out of the folder, by suffix.
SHOWN = (*PICTURES, *FILMS, ".json", ".jsonl", ".csv")
#: Seconds in which the queue is not looked at again, however many ask; and from one look of a page to the next.
FRESH = 0.4
#: Seconds after which a process that has loaded networks to find out costs lets go of them.
IDLE = 120.0
#: Seconds after which a run that was written is no longer one of a study at work.
SETTLED = 60.0
#: Bytes of small copies of pictures that are kept from one start to the next; bytes of pictures handed over, and the
#: seconds after which those beyond go.
THUMBS, HANDED_OVER, OLD = 256 << 20, 1 << 30, 30 * 86400.0
#: Pictures that are made small at once: more would slow what is rendered.
AT_ONCE = 2

#: A study's page says itself, in its own policy, that it loads nothing. A film is the one thing beside it.
REPORT_POLICY = (
    "default-src 'none'; img-src data:; media-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'self'; sandbox allow-scripts"
)
#: Its films are asked for from where the page is shut off: to a browser, that is another site.
REPORT_HEADERS = {"content-security-policy": REPORT_POLICY, "cross-origin-resource-policy": "cross-origin"}


class Server:
    """What the routes ask: the queue, the gallery, the helpers. folder: the app's, absolute."""

    def __init__(self, folder: Path, password: Password, workers: int | None, helper: Callable[..., Asker]) -> None:
        self.folder, self.password = folder, password
        self.queue, self.gallery, self.progress = Queue(folder), Gallery(folder), Progress(folder)
        self.planner, self.studies, self.pricer = (helper(folder, idle) for idle in (None, IDLE, IDLE))
        self.costs = Costs(self.pricer)
        self.crew = Crew(folder, self.queue, workers)
        self.ending = asyncio.Event()
        self._jobs: tuple[float, list[dict[str, Any]]] = (-math.inf, [])
        self._resting: asyncio.Task[None] | None = None
        self._looking, self._thumbing = asyncio.Lock(), asyncio.Semaphore(AT_ONCE)

    async def jobs(self) -> list[dict[str, Any]]:
        """The queue as the page has it."""
        async with self._looking:
            if time.monotonic() - self._jobs[0] > FRESH:
                found = await run_in_threadpool(self._read_jobs)
                self._jobs = time.monotonic(), found
            return self._jobs[1]

    def _read_jobs(self) -> list[dict[str, Any]]:
        return [self.progress.of(job) for job in self.queue.jobs()]

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        """Meanwhile workers render what the queue holds."""
        watching = asyncio.create_task(self.crew.watch())
        warming = asyncio.create_task(self.planner.ask("schema"))
        pruning = asyncio.create_task(run_in_threadpool(self._prune))
        try:
            yield
        finally:
            self.ending.set()
            for task in (watching, warming, pruning):
                task.cancel()
                with suppress(asyncio.CancelledError, Refusal):
                    await task
            for helper in (self.planner, self.studies, self.pricer):
                await helper.close()

    def _prune(self) -> None:
        """Let go of small copies that are made again when they are asked for, and of old pictures handed over."""
        prune(self.folder / OWN / "thumbs", THUMBS, 0.0)
        asked = " ".join(word for job in self.queue.jobs() if job.state != FINISHED for word in job.words)
        prune(self.folder / UPLOADS, HANDED_OVER, OLD, lambda file: file.name in asked)

    # The page

    async def page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        place = below(Path(str(resources.files("disco.app"))) / "page", name)
        if not place.is_file():
            raise Refusal(404, f"the page has no {name!r}")
        return FileResponse(place)

    async def login(self, request: Request) -> Response:
        said = await body_of(request)
        token = self.password.check(str(said.get("password", "")) if isinstance(said, dict) else "")
        answer = JSONResponse({"ok": True})
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
        return answer

    async def schema(self, request: Request) -> Response:
        return JSONResponse(await self.planner.ask("schema", request.query_params.get("preset")))

    # What a run would be

    async def outlook(self, request: Request) -> Response:
        said = await body_of(request)
        found = await self._planner_of(said).ask("outlook", said)
        if found["ok"] and said.get("costs") is True:
            found |= await self.costs.of(said)
        return JSONResponse(found)

    def _planner_of(self, said: Any) -> Asker:
        """Who plans what a page asks for: a study of thousands of cells keeps no other waiting."""
        return self.studies if isinstance(said, dict) and said.get("axes") else self.planner

    async def curve(self, request: Request) -> Response:
        return JSONResponse(await self.planner.ask("curve", await body_of(request)))

    async def keyframes(self, request: Request) -> Response:
        return JSONResponse(await self.planner.ask("keyframes", await body_of(request)))

    # The queue

    async def list_jobs(self, request: Request) -> Response:
        return JSONResponse({"jobs": await self.jobs()})

    async def add_job(self, request: Request) -> Response:
        said = await body_of(request)
        number = await run_in_threadpool(self.queue.number)
        fields = await self._planner_of(said).ask("job", {"asked": said, "number": number})
        job = await run_in_threadpool(lambda: self.queue.add(number, **fields))
        self._make_room()
        self._jobs = (-math.inf, [])
        return JSONResponse(await run_in_threadpool(self.progress.of, job), 201)

    def _make_room(self) -> None:
        """Let go of the networks that found out costs: a worker looks how much memory is free before it begins, and no
        steps are tried while it renders.
        """
        self._resting = asyncio.create_task(self.pricer.rest())

    async def change_job(self, request: Request) -> Response:
        number, said = request.path_params["number"], await body_of(request)
        do = said.get("do") if isinstance(said, dict) else None
        ways: dict[Any, Callable[[], Any]] = {
            "stop": lambda: self.queue.stop(number),
            "remove": lambda: self.queue.remove(number),
            "up": lambda: self.queue.move(number, -1),
            "down": lambda: self.queue.move(number, 1),
            "go_on": lambda: self.queue.go_on(number),
            "again": lambda: self.queue.again(number),
        }
        if do not in ways:
            raise Refusal(400, f"do must be one of {', '.join(ways)}")
        await run_in_threadpool(ways[do])
        if do in ("go_on", "again"):
            self._make_room()
        self._jobs = (-math.inf, [])
        return JSONResponse({"jobs": await self.jobs()})

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        """The queue whenever a job comes, goes or changes its state; and where those stand that are rendered."""
        shown: Any = None
        told: dict[str, Any] = {}
        yield "retry: 2000\n\n"
        while not self.ending.is_set():
            jobs = await self.jobs()
            states = [[job[name] for name in ("id", "state", "error", "folder", "made")] for job in jobs]
            if states != shown:
                shown = states
                yield event("jobs", {"jobs": jobs})
            for job in jobs:
                if job["state"] == "running" and told.get(job["id"]) != job:
                    told[job["id"]] = job
                    yield event("progress", job)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ending.wait(), FRESH)

    # The gallery

    async def runs(self, request: Request) -> Response:
        asked = request.query_params
        limit = asked.get("limit", "60")
        if not (limit.isdecimal() and len(limit) < 6):
            raise Refusal(400, "limit must be a number")
        given = (asked.get("after", ""), int(limit), asked.get("find", ""), asked.get("kind", ""))
        return JSONResponse(await run_in_threadpool(self.gallery.page, *given))

    async def run(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(run_in, self.folder, request.path_params["name"]))

    async def file(self, request: Request) -> Response:
        place = await run_in_threadpool(below, self.folder, request.path_params["name"])
        if place.suffix.lower() not in SHOWN or not place.is_file():
            raise Refusal(404, "there is no such picture, film or table")
        return await file_of(request, place)

    async def thumb(self, request: Request) -> Response:
        place = await run_in_threadpool(below, self.folder, request.path_params["name"])
        side = request.query_params.get("side", "256")
        if place.suffix.lower() not in PICTURES or not place.is_file() or not (side.isdecimal() and len(side) < 6):
            raise Refusal(404, "there is no such picture")
        async with self._thumbing:
            small = await run_in_threadpool(thumb_of, self.folder, place, int(side))
        return await file_of(request, small)

    async def report(self, request: Request) -> Response:
        """A study's page, written where there is none, or an older one than its newest cell."""
        path = request.scope["path"]
        keyed = KEYED.fullmatch(path)
        name = (keyed["study"] if keyed else path).removeprefix("/report/")
        study = await run_in_threadpool(below, self.folder, name)
        if await run_in_threadpool(leads_out, study, self.folder):
            raise Refusal(403, "this study has links that lead out of the folder")
        if keyed is None or not self.password.opens(path):  # or one that a server before had
            where = f"/report/{name.rstrip('/')}/"
            return RedirectResponse(f"{quote(where)}key={self.password.key_of(where)}/")
        inner = keyed["inner"]
        if not inner and await run_in_threadpool(is_stale, study):
            await self.pricer.ask("report", str(study))
        page = await run_in_threadpool(below, study, inner or PAGE_FILE)
        if (inner and page.suffix.lower() not in FILMS) or not page.is_file():
            raise Refusal(404, "there is no such page")
        return FileResponse(page, headers=REPORT_HEADERS)

    # What a page hands over

    async def take_settings(self, request: Request) -> Response:
        data, name = await request.body(), Path(request.headers.get("x-name", "settings.txt")).name[:80]
        place = self.folder / OWN / "imported"
        place.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place, suffix=Path(name).suffix[:8]) as file:
            file.write(data)
            file.flush()
            return JSONResponse(await self.planner.ask("import", {"path": file.name, "name": name}))

    async def upload(self, request: Request) -> Response:
        name, size = await run_in_threadpool(take_picture, self.folder, await request.body())
        return JSONResponse({"path": name, "size": size}, 201)


def make_app(
    folder: Path,
    password: str | None = None,
    hosts: tuple[str, ...] = (),
    workers: int | None = None,
    helper: Callable[..., Asker] = Helper,
) -> Starlette:
    """The app of a folder, which is made where it is missing.

    password: what is asked for; None = nothing. hosts: names by which the server may be called. workers: how many
    render at once; None = one a GPU, or one. helper: makes who plans, as `disco.app.asking.Helper` is made.
    """
    folder = folder.resolve()
    (folder / OWN).mkdir(parents=True, exist_ok=True)
    asked = Password(password)
    server = Server(folder, asked, workers, helper)
    routes = [
        Route("/", server.page),
        Route("/page/{name:path}", server.page),
        Route("/login", server.login, methods=["POST"]),
        Route("/api/schema", server.schema),
        Route("/api/outlook", server.outlook, methods=["POST"]),
        Route("/api/curve", server.curve, methods=["POST"]),
        Route("/api/keyframes", server.keyframes, methods=["POST"]),
        Route("/api/jobs", server.list_jobs),
        Route("/api/jobs", server.add_job, methods=["POST"]),
        Route("/api/jobs/{number}", server.change_job, methods=["POST"]),
        Route("/api/events", server.events),
        Route("/api/runs", server.runs),
        Route("/api/run/{name:path}", server.run),
        Route("/api/import", server.take_settings, methods=["POST"]),
        Route("/api/uploads", server.upload, methods=["POST"]),
        Route("/files/{name:path}", server.file),
        Route("/thumbs/{name:path}", server.thumb),
        Route("/report/{name:path}", server.report),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, password=asked, hosts=hosts)],
        exception_handlers=FAULTS,
        lifespan=server.running,
    )
    app.state.server = server
    return app


def is_stale(study: Path) -> bool:
    """Whether a study's page is missing, or older than one of its runs; whoever renders it keeps it up himself."""
    page = study / PAGE_FILE
    if not page.is_file():
        return True
    records = (record for name in (RUN_RECORD, FILM_RECORD) for record in study.glob(f"*/{name}"))
    newest = max((record.stat().st_mtime for record in records), default=0.0)
    return page.stat().st_mtime < newest < time.time() - SETTLED
