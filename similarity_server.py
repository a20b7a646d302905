"""An HTTP service and a page over a fine-tuned model.

    python similarity_server.py [--port 8000] [--model_dir PATH]

Needs the packages of requirements-server.txt. Serves this machine alone unless --host
says otherwise. Stops when told by SIGTERM or Ctrl-C, after it has answered what it took.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import struct
import sys

import command_line
import errors
import model_flags

DRAIN_SECONDS = 0.5  # how long new requests are still taken after SIGTERM
BACKLOG = 2048
SO_ATTACH_FILTER = 26  # of Linux's socket.h; the socket module does not name it
KEY_VARIABLE = "ALBERT_API_KEY"


def _protocol(h11_impl, timeout):
    """uvicorn's protocol class, with a deadline for each request."""
    class Protocol(h11_impl.H11Protocol):
        """Closes connections on which a request does not come to its end in time."""
        deadline = None

        def connection_made(self, transport):
            super(Protocol, self).connection_made(transport)
            self._watch()

        def data_received(self, data):
            super(Protocol, self).data_received(data)
            self._watch()

        def connection_lost(self, exc):
            super(Protocol, self).connection_lost(exc)
            self._forget()

        def shutdown(self):
            # Who was just let in may be about to ask.
            self.loop.call_later(DRAIN_SECONDS, super(Protocol, self).shutdown)

        def _watch(self):
            whole = self.conn.their_state in (h11_impl.h11.DONE, h11_impl.h11.MUST_CLOSE)
            if whole:
                self._forget()
            elif self.deadline is None:
                # The application has answered 408 to a slow body by then.
                self.deadline = self.loop.call_later(
                    timeout + 2.0, self.transport.close)

        def _forget(self):
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

    return Protocol


def make_server(app, timeout):
    """The uvicorn.Server of an application; a request must come within the timeout."""
    import uvicorn
    from uvicorn.protocols.http import h11_impl

    class Server(uvicorn.Server):
        """Leaves signals to `serve`."""

        def install_signal_handlers(self):
            """What uvicorn 0.22 calls."""

        @contextlib.contextmanager
        def capture_signals(self):
            """What later ones call."""
            yield

    return Server(uvicorn.Config(
        app, http=_protocol(h11_impl, timeout), ws="none", lifespan="off",
        loop="asyncio", log_config=None, access_log=False, server_header=False,
        timeout_keep_alive=30))


def listen(host, port):
    """A bound socket; raises errors.InputError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise errors.InputError("Cannot listen at --host=%s --port=%d: %s." % (
            host, port, getattr(error, "strerror", None) or error))
    return listener


def refuse_new(listener):
    """Lets nobody else connect, and keeps those who are connected but not yet served:
    closing a socket at once would throw them out.

    Linux's socket filter does it; elsewhere they are thrown out.
    """
    if sys.platform == "linux":
        drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack(
            "HP", 1, ctypes.addressof(drop_all)))


async def serve(server, service, listener):
    """Serves until SIGTERM or SIGINT, then answers what is under way."""
    stop = asyncio.Event()
    loop = asyncio.get_event_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def wait_and_stop():
        await stop.wait()
        logging.info("Stopping.")
        service.is_stopping = True
        await asyncio.sleep(DRAIN_SECONDS)
        refuse_new(listener)
        await asyncio.sleep(DRAIN_SECONDS)
        server.should_exit = True

    stopping = loop.create_task(wait_and_stop())
    await server.serve(sockets=[listener])
    stopping.cancel()
    service.close()


def parser():
    """The flags of this program."""
    result = command_line.Parser(
        prog="similarity_server.py", description=__doc__.split("\n")[0])
    listening = result.add_argument_group("service")
    listening.add_argument("--host", default="127.0.0.1", help="where to listen "
                           "(%(default)s); 0.0.0.0 for other machines too")
    listening.add_argument("--port", type=int, default=8000, help="(%(default)s)")
    listening.add_argument("--api_key", default=os.environ.get(KEY_VARIABLE),
                           help="clients must send it; or the variable " + KEY_VARIABLE)
    listening.add_argument("--access_log", action="store_true", help="a line a request: "
                           "path, status, milliseconds; never what was asked")
    limits = result.add_argument_group("limits")
    limits.add_argument("--max_body_bytes", type=command_line.natural, default=1 << 20,
                        help="of a request (%(default)s)")
    limits.add_argument("--max_pairs", type=command_line.natural, default=1000,
                        help="pairs or texts of a request (%(default)s)")
    limits.add_argument("--max_characters", type=command_line.natural, default=5000,
                        help="of a text (%(default)s)")
    limits.add_argument("--timeout", type=float, default=20.0, help="seconds for a body "
                        "to come, and for an answer (%(default)s)")
    limits.add_argument("--batch_window_ms", type=float, default=2.0,
                        help="to wait for other requests (%(default)s)")
    model_flags.add(result)
    return result


def main():
    options = parser().parse_args()
    try:
        import service
    except ImportError as error:
        raise errors.InputError(
            "%s: install the service's packages, python -m pip install -r "
            "requirements-server.txt." % error)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    listener = listen(options.host, options.port)
    with model_flags.open_fine_tuned(options) as model:
        shared = service.Service(
            model, service.Limits(options.max_body_bytes, options.max_pairs,
                                  options.max_characters, options.timeout),
            options.api_key, options.batch_window_ms / 1000.0)
        server = make_server(service.make_app(shared, options.access_log), options.timeout)
        listener.listen(BACKLOG)
        logging.info("http://%s:%d/ (Ctrl-C stops)", *listener.getsockname()[:2])
        asyncio.get_event_loop().run_until_complete(serve(server, shared, listener))


if __name__ == "__main__":
    command_line.run(main)
