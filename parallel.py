"""Tasks in worker processes, each of which may lead to further tasks.

A task is a tuple (function, argument, ...) of things that can be pickled.
"""

import collections
import concurrent.futures
import os
import threading
import time

import errors

_SECONDS_BETWEEN_LOOKS = 1.0


def run(tasks, num_workers, follow):
    """Yields the result of every task; `follow(result)` names the tasks it leads to.

    One worker means this process. Raises what a task raised, after stopping the others,
    or InputError if the system killed a worker.
    """
    if num_workers == 1:
        yield from _run_here(collections.deque(tasks), follow)
        return
    with concurrent.futures.ProcessPoolExecutor(
            num_workers, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        running = {pool.submit(*task) for task in tasks}
        try:
            while running:
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    running.update(pool.submit(*task) for task in follow(result))
                    yield result
        except concurrent.futures.process.BrokenProcessPool:
            raise errors.InputError(
                "a worker was killed, probably because memory ran out; run the same "
                "command with --resume and fewer --num_workers")
        finally:
            for future in running:
                future.cancel()


def _run_here(tasks, follow):
    while tasks:
        function, *arguments = tasks.popleft()
        result = function(*arguments)
        tasks.extend(follow(result))
        yield result


def _end_with(parent):
    """A worker must not outlive a parent that was killed: a resumed run has its own."""
    def watch():
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
