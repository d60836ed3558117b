/* The statistics: every field filled, counts and usage exact, totals that agree. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static catzilla_memory_stats_t stats_now(void)
{
    catzilla_memory_stats_t stats;
    catzilla_memory_get_stats(&stats);
    return stats;
}

static size_t usage_field(const catzilla_memory_stats_t *stats, catzilla_memory_type_t type)
{
    switch (type) {
    case CATZILLA_MEMORY_REQUEST:
        return stats->request_arena_usage;
    case CATZILLA_MEMORY_RESPONSE:
        return stats->response_arena_usage;
    case CATZILLA_MEMORY_CACHE:
        return stats->cache_arena_usage;
    case CATZILLA_MEMORY_STATIC:
        return stats->static_arena_usage;
    case CATZILLA_MEMORY_TASK:
        return stats->task_arena_usage;
    default:
        return usage_of(CATZILLA_MEMORY_GENERAL);
    }
}

static void every_field_is_filled(void **state)
{
    catzilla_memory_stats_t first;
    catzilla_memory_stats_t second;
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    void *block = catzilla_cache_alloc(4096);
    assert_non_null(block);
    /* What a call leaves alone differs between the two afterwards. */
    memset(&first, 0xaa, sizeof first);
    memset(&second, 0x55, sizeof second);
    catzilla_memory_get_stats(&first);
    catzilla_memory_get_stats(&second);
#define FIELD_IS_FILLED(field)                                                                     \
    do {                                                                                           \
        unsigned char untouched[sizeof first.field];                                               \
        memset(untouched, 0xaa, sizeof untouched);                                                 \
        assert_memory_not_equal(&first.field, untouched, sizeof untouched);                        \
        memset(untouched, 0x55, sizeof untouched);                                                 \
        assert_memory_not_equal(&second.field, untouched, sizeof untouched);                       \
    } while (0)
    FIELD_IS_FILLED(request_arena);
    FIELD_IS_FILLED(response_arena);
    FIELD_IS_FILLED(cache_arena);
    FIELD_IS_FILLED(static_arena);
    FIELD_IS_FILLED(task_arena);
    FIELD_IS_FILLED(allocated);
    FIELD_IS_FILLED(active);
    FIELD_IS_FILLED(metadata);
    FIELD_IS_FILLED(resident);
    FIELD_IS_FILLED(peak_allocated);
    FIELD_IS_FILLED(fragmentation_ratio);
    FIELD_IS_FILLED(allocation_count);
    FIELD_IS_FILLED(deallocation_count);
    FIELD_IS_FILLED(request_arena_usage);
    FIELD_IS_FILLED(response_arena_usage);
    FIELD_IS_FILLED(cache_arena_usage);
    FIELD_IS_FILLED(static_arena_usage);
    FIELD_IS_FILLED(task_arena_usage);
    FIELD_IS_FILLED(memory_efficiency_score);
    FIELD_IS_FILLED(cache_hits);
    FIELD_IS_FILLED(cache_misses);
#undef FIELD_IS_FILLED
    catzilla_free(block);
}

static void statistics_before_init_are_filled_too(void **state)
{
    catzilla_memory_stats_t stats;
    (void)state;
    memset(&stats, 0xaa, sizeof stats);
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocated, 0);
    assert_int_equal(stats.allocation_count, 0);
    assert_int_equal(stats.deallocation_count, 0);
}

static void jemallocs_own_figures_are_0_and_ratios_1_with_the_system_backend(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    void *block = catzilla_cache_alloc(1u << 20);
    assert_non_null(block);
    const catzilla_memory_stats_t stats = stats_now();
    if (jemalloc_is_under_test()) {
        assert_in_range(stats.active, stats.allocated, SIZE_MAX);
        assert_in_range(stats.resident, stats.active, SIZE_MAX);
        assert_int_not_equal(stats.metadata, 0);
        assert_true(stats.fragmentation_ratio == (double)stats.active / (double)stats.resident);
        assert_true(stats.memory_efficiency_score ==
                    (double)stats.allocated / (double)stats.resident);
    } else {
        assert_int_equal(stats.active, 0);
        assert_int_equal(stats.metadata, 0);
        assert_int_equal(stats.resident, 0);
        assert_true(stats.fragmentation_ratio == 1.0);
        assert_true(stats.memory_efficiency_score == 1.0);
    }
    catzilla_free(block);
}

static void null_is_a_no_op(void **state)
{
    (void)state;
    catzilla_memory_get_stats(NULL);
}

static void each_class_rises_by_what_was_allocated_and_returns(void **state)
{
    static const size_t size[] = {64, 1024, 4096, 65536, 1u << 20};
    void *block[COUNT_OF(size)];
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        size_t expected = 0;
        for (size_t j = 0; j < COUNT_OF(size); j++) {
            block[j] = memory_class[i].alloc(size[j]);
            assert_non_null(block[j]);
            expected += size[j];
            const catzilla_memory_stats_t stats = stats_now();
            /* This class alone, and the total with it. */
            for (size_t k = 0; k < MEMORY_CLASSES; k++)
                if (usage_field(&stats, memory_class[k].type) != (k == i ? expected : 0))
                    fail_msg("%s: %zu live bytes in %s", memory_class[i].name,
                             usage_field(&stats, memory_class[k].type), memory_class[k].name);
            assert_int_equal(stats.allocated, expected);
            assert_int_equal(usage_of(memory_class[i].type), expected);
        }
        for (size_t j = 0; j < COUNT_OF(size); j++)
            memory_class[i].free(block[j]);
        assert_int_equal(stats_now().allocated, 0);
    }
}

static void usage_counts_at_least_what_was_asked_for(void **state)
{
    (void)state;
    for (size_t size = 1; size < 100000; size += size / 3 + 1) {
        void *block = catzilla_response_alloc(size);
        assert_non_null(block);
        if (jemalloc_is_under_test())
            /* A size class wastes a quarter at most, and never less than the smallest step. */
            assert_in_range(usage_of(CATZILLA_MEMORY_RESPONSE), size, size + size / 4 + 16);
        else
            assert_int_equal(usage_of(CATZILLA_MEMORY_RESPONSE), size);
        catzilla_response_free(block);
        assert_int_equal(usage_of(CATZILLA_MEMORY_RESPONSE), 0);
    }
}

static void counts_are_exact(void **state)
{
    enum { BLOCKS = 1000 };
    static void *block[BLOCKS];
    (void)state;
    const catzilla_memory_stats_t before = stats_now();
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = memory_class[i % MEMORY_CLASSES].alloc(1 + i * 37 % 9000);
        assert_non_null(block[i]);
        assert_int_equal(stats_now().allocation_count, before.allocation_count + i + 1);
    }
    assert_int_equal(stats_now().deallocation_count, before.deallocation_count);
    for (size_t i = 0; i < BLOCKS; i++) {
        catzilla_free(block[i]);
        assert_int_equal(stats_now().deallocation_count, before.deallocation_count + i + 1);
    }
    assert_int_equal(stats_now().allocation_count, before.allocation_count + BLOCKS);
}

static void counts_after_random_reallocs_differ_by_the_live_blocks(void **state)
{
    enum { SLOTS = 64 };
    void *slot[SLOTS] = {NULL};
    uint64_t seed = 42;
    size_t live = 0;
    (void)state;
    for (size_t i = 0; i < scaled(100000); i++) {
        const uint64_t draw = next_random(&seed);
        const size_t at = draw % SLOTS;
        const memory_class_t *class = &memory_class[(draw >> 8) % MEMORY_CLASSES];
        if ((draw >> 16) % 3 == 0) {
            live -= slot[at] != NULL;
            class->free(slot[at]);
            slot[at] = NULL;
        } else {
            live += slot[at] == NULL;
            slot[at] = class->realloc(slot[at], (draw >> 24) % 20000);
            assert_non_null(slot[at]);
        }
    }
    const catzilla_memory_stats_t stats = stats_now();
    assert_int_equal(stats.allocation_count - stats.deallocation_count, live);
    for (size_t at = 0; at < SLOTS; at++)
        catzilla_free(slot[at]);
    assert_int_equal(usage_of_all(), 0);
    assert_int_equal(stats_now().allocation_count, stats_now().deallocation_count);
}

static void a_refused_allocation_counts_nothing(void **state)
{
    (void)state;
    const catzilla_memory_stats_t before = stats_now();
    assert_null(catzilla_request_alloc(SIZE_MAX / 2 + 1));
    assert_null(catzilla_calloc(SIZE_MAX, SIZE_MAX));
    const catzilla_memory_stats_t after = stats_now();
    assert_int_equal(after.allocation_count, before.allocation_count);
    assert_int_equal(after.allocated, before.allocated);
}

static void the_peak_is_never_below_what_was_live(void **state)
{
    (void)state;
    void *block = catzilla_task_alloc(8u << 20);
    assert_non_null(block);
    const catzilla_memory_stats_t high = stats_now();
    assert_in_range(high.peak_allocated, 8u << 20, 16u << 20);
    catzilla_free(block);
    const catzilla_memory_stats_t low = stats_now();
    assert_int_equal(low.allocated, 0);
    assert_int_equal(low.peak_allocated, high.peak_allocated);
}

static void reset_zeroes_counts_and_keeps_usage(void **state)
{
    (void)state;
    void *block = catzilla_static_alloc(1024);
    assert_non_null(block);
    catzilla_free(catzilla_malloc(10));
    catzilla_memory_reset_stats();
    const catzilla_memory_stats_t stats = stats_now();
    assert_int_equal(stats.allocation_count, 0);
    assert_int_equal(stats.deallocation_count, 0);
    assert_int_equal(stats.static_arena_usage, 1024);
    assert_int_equal(stats.allocated, 1024);
    assert_in_range(stats.peak_allocated, 1024, SIZE_MAX);
    catzilla_free(block);
    assert_int_equal(stats_now().deallocation_count, 1);
    assert_int_equal(usage_of_all(), 0);
}

static void after_a_reset_the_peak_is_what_is_live(void **state)
{
    void *block[64];
    catzilla_memory_class_stats_t request;
    (void)state;
    /* Leaves blocks of every size in magazines. */
    for (size_t size = 16; size <= 4096; size += size / 8 + 8) {
        for (size_t i = 0; i < COUNT_OF(block); i++)
            assert_non_null(block[i] = catzilla_request_alloc(size));
        for (size_t i = 0; i < COUNT_OF(block); i++)
            catzilla_free(block[i]);
    }
    void *kept = catzilla_request_alloc(64);
    assert_non_null(kept);
    catzilla_memory_reset_stats();
    assert_int_equal(stats_now().peak_allocated, 64);
    assert_int_equal(
        catzilla_memory_get_class_stats(CATZILLA_MEMORY_REQUEST, &request, sizeof request), 0);
    assert_int_equal(request.live, 64);
    assert_int_equal(request.peak, 64);
    catzilla_free(kept);
}

static void arena_stats_take_null_for_either_figure(void **state)
{
    size_t allocated = SIZE_MAX;
    size_t active = SIZE_MAX;
    (void)state;
    void *block = catzilla_cache_alloc(4096);
    assert_non_null(block);
    assert_int_equal(catzilla_memory_get_arena_stats(CATZILLA_MEMORY_CACHE, NULL, NULL), 0);
    assert_int_equal(catzilla_memory_get_arena_stats(CATZILLA_MEMORY_CACHE, &allocated, NULL), 0);
    assert_int_equal(allocated, 4096);
    assert_int_equal(catzilla_memory_get_arena_stats(CATZILLA_MEMORY_CACHE, NULL, &active), 0);
    if (jemalloc_is_under_test())
        assert_in_range(active, 4096, 64u << 20);
    else
        assert_int_equal(active, 0);
    catzilla_free(block);
}

static void arena_stats_refuse_a_class_out_of_range(void **state)
{
    static const int type[] = {-1, 6, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(type); i++) {
        size_t allocated = 77;
        size_t active = 78;
        assert_int_equal(
            catzilla_memory_get_arena_stats((catzilla_memory_type_t)type[i], &allocated, &active),
            CATZILLA_ERR_INVALID);
        assert_int_equal(allocated, 77);
        assert_int_equal(active, 78);
    }
}

static int interruptions;

static void note_interruption(int signal)
{
    (void)signal;
    const ssize_t written = write(interruptions, "i", 1);
    (void)written;
}

/* Prints to a pipe that is full, while a timer interrupts. */
static void dump_into_a_full_pipe(void)
{
    const struct sigaction action = {.sa_handler = note_interruption};
    const struct itimerval often = {{0, 5000}, {0, 5000}};
    const int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (flags < 0 || fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) != 0)
        _exit(1);
    while (write(STDERR_FILENO, "x", 1) == 1)
        continue;
    if (fcntl(STDERR_FILENO, F_SETFL, flags) != 0 || sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &often, NULL) != 0)
        _exit(2);
    catzilla_memory_dump_stats();
    _exit(0);
}

static void what_is_printed_survives_signals(void **state)
{
    static char text[1 << 20];
    int printed[2];
    int interrupted[2];
    size_t length = 0;
    int status = -1;
    (void)state;
    assert_int_equal(pipe(printed), 0);
    assert_int_equal(pipe(interrupted), 0);
    const pid_t child = fork();
    if (child == 0) {
        interruptions = interrupted[1];
        dup2(printed[1], STDERR_FILENO);
        close(printed[1]);
        dump_into_a_full_pipe();
    }
    assert_true(child > 0);
    close(printed[1]);
    close(interrupted[1]);
    /* By then the child has waited in its write for more than one of them. */
    for (int i = 0; i < 5; i++) {
        char byte;
        assert_int_equal(read(interrupted[0], &byte, 1), 1);
    }
    for (ssize_t got = 1; got > 0 && length < sizeof text - 1; length += (size_t)got) {
        got = read(printed[0], text + length, sizeof text - 1 - length);
        assert_true(got >= 0);
    }
    text[length] = '\0';
    close(printed[0]);
    close(interrupted[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        char line[64] = "\n";
        strcat(line, memory_class[i].name);
        strcat(line, " live_bytes=");
        if (strstr(text, line) == NULL)
            fail_msg("the %s class was not printed", memory_class[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_filled),
        cmocka_unit_test(statistics_before_init_are_filled_too),
        cmocka_unit_test(jemallocs_own_figures_are_0_and_ratios_1_with_the_system_backend),
        cmocka_unit_test(null_is_a_no_op),
        cmocka_unit_test(each_class_rises_by_what_was_allocated_and_returns),
        cmocka_unit_test(usage_counts_at_least_what_was_asked_for),
        cmocka_unit_test(counts_are_exact),
        cmocka_unit_test(counts_after_random_reallocs_differ_by_the_live_blocks),
        cmocka_unit_test(a_refused_allocation_counts_nothing),
        cmocka_unit_test(the_peak_is_never_below_what_was_live),
        cmocka_unit_test(reset_zeroes_counts_and_keeps_usage),
        cmocka_unit_test(after_a_reset_the_peak_is_what_is_live),
        cmocka_unit_test(what_is_printed_survives_signals),
        cmocka_unit_test(arena_stats_take_null_for_either_figure),
        cmocka_unit_test(arena_stats_refuse_a_class_out_of_range),
    };
    return run_isolated("memory statistics", tests, COUNT_OF(tests), use_allocator_under_test);
}
