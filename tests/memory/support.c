/* What the memory suites share; see support.h. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* gcc defines macros, clang has a question. */
#if defined(__has_feature)
#define UNDER_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#define UNDER_THREAD_SANITIZER  __has_feature(thread_sanitizer)
#else
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER true
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER true
#endif
#endif
#ifndef UNDER_ADDRESS_SANITIZER
#define UNDER_ADDRESS_SANITIZER false
#endif
#ifndef UNDER_THREAD_SANITIZER
#define UNDER_THREAD_SANITIZER false
#endif

const memory_class_t memory_class[MEMORY_CLASSES] = {
    {"request", CATZILLA_MEMORY_REQUEST, catzilla_request_alloc, catzilla_request_realloc,
     catzilla_request_free},
    {"response", CATZILLA_MEMORY_RESPONSE, catzilla_response_alloc, catzilla_response_realloc,
     catzilla_response_free},
    {"cache", CATZILLA_MEMORY_CACHE, catzilla_cache_alloc, catzilla_cache_realloc,
     catzilla_cache_free},
    {"static", CATZILLA_MEMORY_STATIC, catzilla_static_alloc, catzilla_static_realloc,
     catzilla_static_free},
    {"task", CATZILLA_MEMORY_TASK, catzilla_task_alloc, catzilla_task_realloc, catzilla_task_free},
    {"general", CATZILLA_MEMORY_GENERAL, catzilla_malloc, catzilla_realloc, catzilla_free},
};

static const char *wanted_allocator(void)
{
    const char *name = getenv("CATZILLA_TEST_ALLOCATOR");
    return name == NULL ? "" : name;
}

bool jemalloc_is_under_test(void)
{
    return strcmp(wanted_allocator(), "system") != 0 && catzilla_memory_has_jemalloc();
}

void use_allocator_under_test(void)
{
    const char *name = wanted_allocator();
    int rc = 0;
    if (strcmp(name, "system") == 0)
        rc = catzilla_memory_set_allocator(CATZILLA_ALLOCATOR_MALLOC);
    else if (strcmp(name, "jemalloc") == 0)
        rc = catzilla_memory_set_allocator(CATZILLA_ALLOCATOR_JEMALLOC);
    else if (name[0] != '\0')
        rc = CATZILLA_ERR_INVALID;
    if (rc != 0) {
        fprintf(stderr, "CATZILLA_TEST_ALLOCATOR=%s: refused with %d\n", name, rc);
        exit(2);
    }
}

size_t usage_of(catzilla_memory_type_t type)
{
    size_t allocated = SIZE_MAX;
    assert_int_equal(catzilla_memory_get_arena_stats(type, &allocated, NULL), 0);
    return allocated;
}

size_t usage_of_all(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        sum += usage_of(memory_class[i].type);
    return sum;
}

arena_ids_t arena_ids(void)
{
    catzilla_memory_stats_t stats;
    catzilla_memory_get_stats(&stats);
    return (arena_ids_t){{stats.request_arena, stats.response_arena, stats.cache_arena,
                          stats.static_arena, stats.task_arena}};
}

void *hosts_block(size_t size)
{
    static void *below; /* stays, as a freed one may not be read either */
    char *one = catzilla_python_safe_alloc(size), *other = catzilla_python_safe_alloc(size);
    assert_non_null(one);
    assert_non_null(other);
    bool is_higher = (uintptr_t)one > (uintptr_t)other;
    below = is_higher ? other : one;
    assert_non_null(below);
    return is_higher ? one : other;
}

void assert_same_arena_ids(arena_ids_t now, arena_ids_t before)
{
    for (size_t i = 0; i < COUNT_OF(now.id); i++)
        if (now.id[i] != before.id[i])
            fail_msg("the %s arena was %u and is %u", memory_class[i].name, before.id[i],
                     now.id[i]);
}

size_t resident_bytes(void)
{
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    int fields = fscanf(statm, "%lu %lu", &size, &resident);
    fclose(statm);
    assert_int_equal(fields, 2);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

bool resident_is_telling(void)
{
    return !UNDER_ADDRESS_SANITIZER && !UNDER_THREAD_SANITIZER &&
           getenv("CATZILLA_TEST_VALGRIND") == NULL;
}

bool under_address_sanitizer(void)
{
    return UNDER_ADDRESS_SANITIZER;
}

void keep_pages_small(void)
{
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        abort();
}

size_t scaled(size_t full)
{
    if (resident_is_telling())
        return full;
    return full / 10 == 0 ? 1 : full / 10;
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t next_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

typedef struct thread_start {
    pthread_barrier_t *barrier;
    size_t (*body)(void *context, size_t index);
    void *context;
    size_t index;
    size_t failures;
} thread_start_t;

static void *thread_main(void *argument)
{
    thread_start_t *start = argument;
    pthread_barrier_wait(start->barrier);
    start->failures = start->body(start->context, start->index);
    return NULL;
}

#define MAX_THREADS 64

size_t run_threads(size_t count, size_t (*body)(void *context, size_t index), void *context)
{
    pthread_t thread[MAX_THREADS];
    thread_start_t start[MAX_THREADS];
    pthread_barrier_t barrier;
    size_t failures = 0;
    assert_in_range(count, 1, MAX_THREADS);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        start[i] = (thread_start_t){&barrier, body, context, i, 0};
        /* The others wait at the barrier for ever if one is missing, so there is no way back. */
        if (pthread_create(&thread[i], NULL, thread_main, &start[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(thread[i], NULL);
        failures += start[i].failures;
    }
    pthread_barrier_destroy(&barrier);
    return failures;
}

char *captured_output(void (*body)(void *context), void *context)
{
    FILE *sink = tmpfile();
    assert_non_null(sink);
    fflush(NULL);
    int saved_out = dup(STDOUT_FILENO);
    int saved_err = dup(STDERR_FILENO);
    assert_true(saved_out >= 0 && saved_err >= 0);
    dup2(fileno(sink), STDOUT_FILENO);
    dup2(fileno(sink), STDERR_FILENO);
    body(context);
    fflush(NULL);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    long length = lseek(fileno(sink), 0, SEEK_END);
    assert_true(length >= 0);
    rewind(sink);
    char *text = calloc(1, (size_t)length + 1);
    assert_non_null(text);
    size_t got = fread(text, 1, (size_t)length, sink);
    fclose(sink);
    assert_int_equal(got, length);
    return text;
}

int status_of_child(void (*fault)(void), char *text, size_t size)
{
    int channel[2];
    int status = 0;
    assert_int_equal(pipe(channel), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(channel[1], STDERR_FILENO);
        fault();
        _exit(0);
    }
    close(channel[1]);
    FILE *from = fdopen(channel[0], "r");
    assert_non_null(from);
    text[fread(text, 1, size - 1, from)] = '\0';
    fclose(from);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Whether the test passed in its child. */
static bool run_in_child(const char *group, struct CMUnitTest test, void (*prepare)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const struct CMUnitTest alone[] = {test};
        if (prepare != NULL)
            prepare();
        exit(cmocka_run_group_tests_name(group, alone, NULL, NULL));
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: ended by signal %d\n", test.name, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int run_isolated(const char *group, const struct CMUnitTest *tests, size_t count,
                 void (*prepare)(void))
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        if (!run_in_child(group, tests[i], prepare)) {
            fprintf(stderr, "failed: %s: %s\n", group, tests[i].name);
            failed++;
        }
    return failed == 0 ? 0 : 1;
}
