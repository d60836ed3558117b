"""A host process that loads Catzilla as an extension would. `host.py SCENE RESULT` plays one scene
and writes what it saw to the file RESULT as JSON, so that stdout and stderr stay free to be checked."""

import ctypes
import gc
import http.client
import json
import os
import random
import sys
import threading
from ctypes import byref, c_size_t, c_uint16, c_void_p, memset

import catzilla_library
from catzilla_library import Handler, Slice

ROUTES = 500


class Failed(Exception):
    """A call of the library returned an error."""


class Host:
    """The libraries and the callbacks that must outlive every instance."""

    def __init__(self):
        self.memory = catzilla_library.load_memory()
        self.check(self.memory.catzilla_memory_init())
        self.server = catzilla_library.load_server()
        self.handler = Handler(self.answer)
        self.ids = catzilla_library.arena_ids(self.memory)
        self.id_changes = 0

    def check(self, code):
        if code != 0:
            raise Failed(f"code {code}")

    def look_at_ids(self):
        if catzilla_library.arena_ids(self.memory) != self.ids:
            self.id_changes += 1

    def answer(self, request, response, _user_data):
        value = self.server.catzilla_request_param(request, b"id")
        if value.data is None:
            return self.server.catzilla_response_body(response, Slice(b"none", 4))
        return self.server.catzilla_response_body(response, value)

    def create(self):
        """An instance with its 500 routes."""
        instance = c_void_p()
        self.check(self.server.catzilla_server_create(None, byref(instance)))
        for i in range(ROUTES):
            pattern = f"/group{i % 20}/item{i}/{{id}}".encode()
            self.check(
                self.server.catzilla_server_route(instance, b"GET", pattern, self.handler, None)
            )
        self.look_at_ids()
        return instance

    def destroy(self, instance):
        self.server.catzilla_server_destroy(instance)
        self.look_at_ids()

    def serve_one(self, instance, i):
        """Runs the instance on a thread for one request."""
        self.check(self.server.catzilla_server_listen(instance))
        port = c_uint16()
        self.check(self.server.catzilla_server_port(instance, byref(port)))
        codes = []
        thread = threading.Thread(
            target=lambda: codes.append(self.server.catzilla_server_run(instance))
        )
        thread.start()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port.value, timeout=30)
            connection.request("GET", f"/group{i % 20}/item{i}/value{i}")
            reply = connection.getresponse()
            body = reply.read()
            connection.close()
        finally:
            self.check(self.server.catzilla_server_stop(instance))
            thread.join()
        self.check(codes[0])
        if reply.status != 200 or body != f"value{i}".encode():
            raise Failed(f"reply {reply.status} {body!r}")


class BackgroundTasks:
    """Threads that allocate and free in the task class until told to end."""

    def __init__(self, host, count):
        self.host = host
        self.done = threading.Event()
        self.failures = 0
        self.rounds = 0
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(count)]

    def work(self, seed):
        memory = self.host.memory
        draw = random.Random(seed)
        while not self.done.is_set():
            blocks = [memory.catzilla_task_alloc(draw.randrange(1, 8000)) for _ in range(50)]
            for block in blocks:
                if not block:
                    self.failures += 1
                    continue
                memset(block, 7, 1)
                memory.catzilla_task_free(block)
            self.rounds += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()


def settled_resident(host):
    """What is resident once everything unused has gone back; how much is unused is chance."""
    gc.collect()
    for of in range(6):
        host.check(host.memory.catzilla_memory_purge_arena(of))
    return catzilla_library.resident_bytes()


def memory_alone():
    """Blocks of every class through the memory library, without a server."""
    memory = catzilla_library.load_memory()
    names = ("request", "response", "cache", "static", "task")
    if memory.catzilla_memory_init() != 0:
        raise Failed("init")
    ids = catzilla_library.arena_ids(memory)
    for _ in range(100):
        blocks = [getattr(memory, f"catzilla_{name}_alloc")(1000) for name in names]
        if memory.catzilla_memory_init() != 0 or not all(blocks):
            raise Failed("round")
        memory.catzilla_memory_cleanup()
        for block in blocks:
            memory.catzilla_free(block)
    live = sum(catzilla_library.live_bytes(memory, of) for of in range(6))
    return {"ids": ids, "ids_at_end": catzilla_library.arena_ids(memory), "live": live}


def one_instance(host):
    """One instance, created and destroyed."""
    before = catzilla_library.live_bytes(host.memory, catzilla_library.STATIC)
    instance = host.create()
    during = catzilla_library.live_bytes(host.memory, catzilla_library.STATIC)
    host.destroy(instance)
    after = catzilla_library.live_bytes(host.memory, catzilla_library.STATIC)
    return {"before": before, "during": during, "after": after}


def fifty_in_turn(host):
    """50 instances one after another, every fifth of which serves a request."""
    resident = []
    for i in range(50):
        instance = host.create()
        if i % 5 == 0:
            host.serve_one(instance, i)
        host.destroy(instance)
        resident.append(settled_resident(host))
    return {"resident": resident}


def eight_at_once(host):
    """8 instances at a time on threads, while others come and go and tasks run behind them."""
    resident = []
    failures = []
    all_eight = threading.Barrier(8, timeout=60)

    def serve(i):
        try:
            instance = host.create()
            all_eight.wait()
            host.serve_one(instance, i)
            all_eight.wait()
            host.destroy(instance)
        except Exception as error:  # carried to the main thread, which reports it
            failures.append(repr(error))

    with BackgroundTasks(host, 3) as tasks:
        for _ in range(15):
            threads = [threading.Thread(target=serve, args=(i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for _ in range(4):
                host.destroy(host.create())
            for thread in threads:
                thread.join()
            resident.append(settled_resident(host))
    live = [catzilla_library.live_bytes(host.memory, of) for of in range(6)]
    return {
        "resident": resident,
        "failures": failures,
        "task_failures": tasks.failures,
        "task_rounds": tasks.rounds,
        "live": live,
    }


def exit_with_live_instances(host):
    """Leaves instances alive, some of them running on threads that nobody joins."""
    for i in range(4):
        instance = host.create()
        if i % 2 == 0:
            host.check(host.server.catzilla_server_listen(instance))
            thread = threading.Thread(
                target=host.server.catzilla_server_run, args=(instance,), daemon=True
            )
            thread.start()
    threading.Thread(target=BackgroundTasks(host, 0).work, args=(1,), daemon=True).start()
    return {"instances": 4}


SERVER_SCENES = {
    "one_instance": one_instance,
    "fifty_in_turn": fifty_in_turn,
    "eight_at_once": eight_at_once,
    "exit_with_live_instances": exit_with_live_instances,
}


def keep_the_host_steady():
    """Keeps out what would count as growth and is none of the library's: pages that the kernel merges
    into huge ones whenever it finds the time, and a heap of libc's for every thread of the host."""
    libc = ctypes.CDLL(None)
    pr_set_thp_disable = 41
    m_arena_max = -8
    if libc.prctl(pr_set_thp_disable, 1, 0, 0, 0) != 0 or libc.mallopt(m_arena_max, 1) != 1:
        raise Failed("the host's own memory")


def main():
    keep_the_host_steady()
    scene, result_path = sys.argv[1:]
    if scene == "memory_alone":
        result = memory_alone()
    else:
        host = Host()
        result = SERVER_SCENES[scene](host)
        host.look_at_ids()
        result["ids"] = host.ids
        result["id_changes"] = host.id_changes
    with open(result_path, "w", encoding="ascii") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
