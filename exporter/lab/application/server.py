"""The stand-in application: four metrics procedures over HTTP as tRPC serves them, single and in batches."""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.lab.application.dialects import Answer, ApplicationDialect, Envelope, answers
from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.ports import LOOPBACK, free_port

_TIMEOUT: Final = 5.0  # seconds for the server to come up
_STEP: Final = 0.01


class Application:
    """Serves the metrics of `telemetry` on 127.0.0.1; a context manager.

    `dialect` and `envelope` may be changed while it runs. After `stop` connections are refused; `start` uses the same
    port again. `token` is the bearer token that requests need; None for none.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        dialect: ApplicationDialect = ApplicationDialect.DEPLOYED,
        envelope: Envelope = Envelope.JSON,
        token: str | None = None,
    ) -> None:
        self.dialect = dialect
        self.envelope = envelope
        self.port = free_port()
        self._telemetry = telemetry
        self._token = token
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL of the procedures, such as http://127.0.0.1:3000/api/trpc."""
        return f"http://{LOOPBACK}:{self.port}{self.dialect.base}"

    def start(self) -> None:
        """Starts to serve. Raises: OSError when the port is in use."""
        listener = socket.create_server((LOOPBACK, self.port))
        # As Node does: without it the body of a response waits 40 ms until the client acknowledges the header.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        routes = [Route(f"{dialect.base}/{{procedure}}", self._answer) for dialect in ApplicationDialect]
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._serve, args=(self._server, listener), name="lab-application", daemon=True
        )
        self._thread.start()
        self._wait_until_started(self._server)

    def stop(self) -> None:
        """Closes the port and all connections within 2 s."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_TIMEOUT)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @staticmethod
    def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
        with listener:
            server.run(sockets=[listener])

    @staticmethod
    def _wait_until_started(server: uvicorn.Server) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not server.started:
            if time.monotonic() > deadline:
                raise OSError(f"the stand-in application did not start within {_TIMEOUT:.0f} s")
            time.sleep(_STEP)

    async def _answer(self, request: Request) -> JSONResponse:
        if not self._is_allowed(request):
            return JSONResponse(self.envelope.around_error("UNAUTHORIZED", 401, "a bearer token is needed"), 401)
        path = request.path_params["procedure"]
        known = answers(self.dialect, self._telemetry.figures(), utc_now())
        procedures = known if request.url.path == f"{self.dialect.base}/{path}" else {}
        if self.envelope is Envelope.BARE or request.query_params.get("batch") != "1":
            return JSONResponse(*self._one(procedures, path))
        results = [self._one(procedures, procedure) for procedure in path.split(",")]
        statuses = {status for _, status in results}
        # As in tRPC: the common status, or 207 (Multi-Status) when they differ.
        return JSONResponse([answer for answer, _ in results], statuses.pop() if len(statuses) == 1 else 207)

    def _one(self, procedures: Mapping[str, Callable[[], Answer]], procedure: str) -> tuple[Answer, int]:
        if procedure not in procedures:
            message = f'No procedure found on path "{procedure}"'
            return self.envelope.around_error("NOT_FOUND", 404, message), 404
        return self.envelope.around(procedures[procedure]()), 200

    def _is_allowed(self, request: Request) -> bool:
        if self._token is None:
            return True
        return secrets.compare_digest(
            request.headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()
        )
