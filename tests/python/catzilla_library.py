"""The shared libraries as a host process sees them: ctypes declarations, nothing more."""

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_double, c_int, c_size_t, c_uint, c_uint16
from ctypes import c_uint64, c_void_p

REQUEST, RESPONSE, CACHE, STATIC, TASK, GENERAL = range(6)


class MemoryStats(ctypes.Structure):
    """catzilla_memory_stats_t"""

    _fields_ = [
        ("request_arena", c_uint),
        ("response_arena", c_uint),
        ("cache_arena", c_uint),
        ("static_arena", c_uint),
        ("task_arena", c_uint),
        ("allocated", c_size_t),
        ("active", c_size_t),
        ("metadata", c_size_t),
        ("resident", c_size_t),
        ("peak_allocated", c_size_t),
        ("fragmentation_ratio", c_double),
        ("allocation_count", c_uint64),
        ("deallocation_count", c_uint64),
        ("request_arena_usage", c_size_t),
        ("response_arena_usage", c_size_t),
        ("cache_arena_usage", c_size_t),
        ("static_arena_usage", c_size_t),
        ("task_arena_usage", c_size_t),
        ("memory_efficiency_score", c_double),
        ("cache_hits", c_uint64),
        ("cache_misses", c_uint64),
    ]


class Slice(ctypes.Structure):
    """catzilla_slice_t"""

    _fields_ = [("data", c_char_p), ("size", c_size_t)]


Handler = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)


def _declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments


def load_memory():
    """libcatzilla-memory.so alone."""
    library = ctypes.CDLL(os.environ["CATZILLA_MEMORY_LIBRARY"])
    _declare(library, "catzilla_memory_init", c_int)
    _declare(library, "catzilla_memory_set_allocator", c_int, c_int)
    _declare(library, "catzilla_memory_get_current_allocator", c_int)
    _declare(library, "catzilla_memory_cleanup", None)
    _declare(library, "catzilla_memory_get_stats", None, POINTER(MemoryStats))
    _declare(
        library, "catzilla_memory_get_arena_stats", c_int, c_int, POINTER(c_size_t), POINTER(c_size_t)
    )
    _declare(library, "catzilla_memory_get_option", c_int, c_char_p, c_char_p, c_size_t)
    _declare(library, "catzilla_memory_purge_arena", c_int, c_int)
    _declare(library, "catzilla_free", None, c_void_p)
    for name in ("request", "response", "cache", "static", "task"):
        _declare(library, f"catzilla_{name}_alloc", c_void_p, c_size_t)
        _declare(library, f"catzilla_{name}_realloc", c_void_p, c_void_p, c_size_t)
        _declare(library, f"catzilla_{name}_free", None, c_void_p)
    _declare(library, "catzilla_python_safe_alloc", c_void_p, c_size_t)
    return library


def load_server():
    """libcatzilla.so, which brings the memory library with it."""
    library = ctypes.CDLL(os.environ["CATZILLA_LIBRARY"])
    _declare(library, "catzilla_server_create", c_int, c_void_p, POINTER(c_void_p))
    _declare(
        library, "catzilla_server_route", c_int, c_void_p, c_char_p, c_char_p, Handler, c_void_p
    )
    _declare(library, "catzilla_server_listen", c_int, c_void_p)
    _declare(library, "catzilla_server_port", c_int, c_void_p, POINTER(c_uint16))
    _declare(library, "catzilla_server_run", c_int, c_void_p)
    _declare(library, "catzilla_server_stop", c_int, c_void_p)
    _declare(library, "catzilla_server_destroy", None, c_void_p)
    _declare(library, "catzilla_request_param", Slice, c_void_p, c_char_p)
    _declare(library, "catzilla_response_body", c_int, c_void_p, Slice)
    _declare(library, "catzilla_strerror", c_char_p, c_int)
    return library


def stats(memory):
    """The statistics of now."""
    figures = MemoryStats()
    memory.catzilla_memory_get_stats(byref(figures))
    return figures


def arena_ids(memory):
    """The five ids, in the order of the classes."""
    figures = stats(memory)
    return (
        figures.request_arena,
        figures.response_arena,
        figures.cache_arena,
        figures.static_arena,
        figures.task_arena,
    )


def live_bytes(memory, of):
    """Live bytes of one class."""
    allocated = c_size_t()
    code = memory.catzilla_memory_get_arena_stats(of, byref(allocated), None)
    if code != 0:
        raise RuntimeError(f"arena stats of class {of}: {code}")
    return allocated.value


def resident_bytes():
    """What the process has resident."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
