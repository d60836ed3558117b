/* What the memory suites share: the allocator under test, the six classes as data, figures of the
 * process, threads that start together, and a fresh process for each test. */
#ifndef CATZILLA_TESTS_MEMORY_SUPPORT_H
#define CATZILLA_TESTS_MEMORY_SUPPORT_H

/* cmocka.h needs the first four before it, in this order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <catzilla/memory.h>
#include <stdbool.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Chooses the allocator that CATZILLA_TEST_ALLOCATOR names ("jemalloc" or "system"; unset: the
 * default), and ends the process with status 2 where that fails. Call it before anything else. */
void use_allocator_under_test(void);

/* Whether jemalloc is what CATZILLA_TEST_ALLOCATOR asks for, without touching the library. */
bool jemalloc_is_under_test(void);

/* One class by its functions; the general one answers to the untyped names. */
typedef struct memory_class {
    const char *name;
    catzilla_memory_type_t type;
    void *(*alloc)(size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
} memory_class_t;

#define MEMORY_CLASSES 6
extern const memory_class_t memory_class[MEMORY_CLASSES];

/* Live bytes of a class, and of all six. */
size_t usage_of(catzilla_memory_type_t type);
size_t usage_of_all(void);

/* A block of the host's own allocator, with memory before it that can be read: ThreadSanitizer's
 * has none before its first. Freed by catzilla_python_safe_free(). */
void *hosts_block(size_t size);

/* The five ids, for comparing. */
typedef struct arena_ids {
    unsigned id[5];
} arena_ids_t;
arena_ids_t arena_ids(void);
void assert_same_arena_ids(arena_ids_t now, arena_ids_t before);

/* Resident bytes of this process. They say nothing under a sanitizer or valgrind, which keep what
 * was freed: skip then. */
size_t resident_bytes(void);
bool resident_is_telling(void);

/* Whether AddressSanitizer checks every access. */
bool under_address_sanitizer(void);

/* Runs `fault` in a child that its end must not take along, with its stderr as `text`; returns its
 * wait status. */
int status_of_child(void (*fault)(void), char *text, size_t size);

/* Keeps the kernel from merging pages of this process into huge ones whenever it finds the time,
 * which would count as growth. Call it before the library maps anything. */
void keep_pages_small(void);

/* `full` in a plain build, a tenth of it (at least 1) where a sanitizer slows every access down. */
size_t scaled(size_t full);

uint64_t now_ms(void);

/* A small generator with its state in one word, so that a run can be repeated. */
uint64_t next_random(uint64_t *state);

/* Runs `body(context, index)` on `count` threads that start together, and joins them. Assertions
 * belong to the caller's thread, so a body counts its failures and returns them; the sum comes
 * back. */
size_t run_threads(size_t count, size_t (*body)(void *context, size_t index), void *context);

/* What `body(context)` writes to stdout and stderr; the caller frees it with libc's free. */
char *captured_output(void (*body)(void *context), void *context);

/* Runs each test in a process of its own, forked before anything touched the library, after
 * `prepare` (may be NULL). Returns what main returns. */
int run_isolated(const char *group, const struct CMUnitTest *tests, size_t count,
                 void (*prepare)(void));

#endif
