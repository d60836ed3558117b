/* What threads keep for themselves: bounded, given back when idle and at their end, and never in
 * the way of a thousand of them. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static catzilla_memory_class_stats_t class_stats(size_t class)
{
    catzilla_memory_class_stats_t stats;
    assert_int_equal(
        catzilla_memory_get_class_stats(memory_class[class].type, &stats, sizeof stats), 0);
    return stats;
}

static size_t cached_in_all(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        sum += class_stats(i).cached;
    return sum;
}

/* Takes and frees blocks of every class and of every size up to 4 KiB, as a busy thread would. */
static size_t be_busy(size_t rounds)
{
    enum { BLOCKS = 64 };
    void *block[BLOCKS];
    size_t failures = 0;
    for (size_t round = 0; round < rounds; round++)
        for (size_t size = 16; size <= 4096; size += size / 8 + 8)
            for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
                for (size_t i = 0; i < BLOCKS; i++)
                    failures += (block[i] = memory_class[class].alloc(size)) == NULL;
                for (size_t i = 0; i < BLOCKS; i++)
                    memory_class[class].free(block[i]);
            }
    return failures;
}

static void *be_busy_and_end(void *argument)
{
    (void)argument;
    return (void *)be_busy(1);
}

static void run_a_busy_thread(void)
{
    pthread_t thread;
    void *failures = NULL;
    assert_int_equal(pthread_create(&thread, NULL, be_busy_and_end, NULL), 0);
    pthread_join(thread, &failures);
    assert_null(failures);
}

static void a_busy_thread_keeps_at_most_2_2_mb(void **state)
{
    (void)state;
    /* The first one fills what lies between threads, which no single thread keeps. */
    run_a_busy_thread();
    const size_t between = cached_in_all();
    assert_int_equal(be_busy(scaled(20)), 0);
    assert_in_range(cached_in_all(), 0, between + 2200000);
    assert_int_equal(usage_of_all(), 0);
}

static void an_idle_thread_keeps_at_most_210_kb(void **state)
{
    (void)state;
    assert_int_equal(be_busy(3), 0);
    catzilla_memory_thread_idle();
    assert_in_range(cached_in_all(), 0, 210000);
    size_t in_use = 0;
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        in_use += class_stats(i).in_use;
    assert_in_range(in_use, 0, 210000);
    /* And it goes on as before. */
    assert_int_equal(be_busy(1), 0);
}

static void threads_that_ended_leave_a_bounded_rest_that_idling_gives_back(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        run_a_busy_thread();
    assert_in_range(cached_in_all(), 0, 6000000);
    catzilla_memory_thread_idle();
    assert_int_equal(cached_in_all(), 0);
}

static void *take_a_little(void *argument)
{
    size_t failures = 0;
    (void)argument;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t size = 16; size < 5000; size *= 3) {
            void *block = memory_class[class].alloc(size);
            failures += block == NULL;
            catzilla_free(block);
        }
    return (void *)failures;
}

/* More than there are explicit caches in jemalloc (4,094), each of which may take one a class. */
static void ten_thousand_threads_in_turn_leave_nothing(void **state)
{
    size_t after_the_first_hundred = 0;
    const size_t threads = scaled(10000);
    (void)state;
    keep_pages_small();
    for (size_t i = 0; i < threads; i++) {
        pthread_t thread;
        void *failures = NULL;
        assert_int_equal(pthread_create(&thread, NULL, take_a_little, NULL), 0);
        pthread_join(thread, &failures);
        assert_null(failures);
        if (i == 100)
            after_the_first_hundred = resident_bytes();
    }
    assert_int_equal(usage_of_all(), 0);
    catzilla_memory_thread_idle();
    assert_int_equal(cached_in_all(), 0);
    if (resident_is_telling())
        assert_in_range(resident_bytes(), 0, after_the_first_hundred + (1u << 20));
}

typedef struct crowd {
    pthread_barrier_t all_there;
    pthread_barrier_t all_done;
} crowd_t;

static void *stay_a_while(void *argument)
{
    crowd_t *crowd = argument;
    size_t failures = (size_t)take_a_little(NULL);
    pthread_barrier_wait(&crowd->all_there);
    failures += (size_t)take_a_little(NULL);
    pthread_barrier_wait(&crowd->all_done);
    return (void *)failures;
}

static void a_thousand_threads_at_once_all_allocate(void **state)
{
    enum { THREADS = 1000 };
    static pthread_t thread[THREADS];
    const unsigned threads = (unsigned)scaled(THREADS);
    crowd_t crowd;
    pthread_attr_t small;
    (void)state;
    assert_int_equal(pthread_barrier_init(&crowd.all_there, NULL, threads), 0);
    assert_int_equal(pthread_barrier_init(&crowd.all_done, NULL, threads + 1), 0);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread[i], &small, stay_a_while, &crowd) != 0)
            abort();
    pthread_barrier_wait(&crowd.all_done);
    for (unsigned i = 0; i < threads; i++) {
        void *failures = NULL;
        pthread_join(thread[i], &failures);
        assert_null(failures);
    }
    pthread_attr_destroy(&small);
    assert_int_equal(usage_of_all(), 0);
    catzilla_memory_thread_idle();
    assert_int_equal(cached_in_all(), 0);
    /* What they held can be had again. */
    assert_int_equal(be_busy(1), 0);
}

static void cleanup_gives_back_what_the_thread_keeps(void **state)
{
    (void)state;
    assert_int_equal(be_busy(1), 0);
    catzilla_memory_cleanup();
    assert_int_equal(cached_in_all(), 0);
}

static void optimize_gives_back_what_the_thread_keeps(void **state)
{
    (void)state;
    assert_int_equal(be_busy(1), 0);
    catzilla_memory_optimize();
    assert_int_equal(cached_in_all(), 0);
}

static void free_twice(void)
{
    void *block = catzilla_cache_alloc(100);
    /* The fault is the point, so it is hidden from the compiler. */
    void *volatile again = block;
    catzilla_cache_free(block);
    catzilla_cache_free(again);
}

static void a_double_free_ends_the_process_and_names_the_class(void **state)
{
    char text[600];
    (void)state;
    /* On the system backend it is the system's, or the sanitizer's, to find. */
    if (!jemalloc_is_under_test())
        skip();
    const int status = status_of_child(free_twice, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "cache"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_thread_keeps_at_most_2_2_mb),
        cmocka_unit_test(an_idle_thread_keeps_at_most_210_kb),
        cmocka_unit_test(threads_that_ended_leave_a_bounded_rest_that_idling_gives_back),
        cmocka_unit_test(ten_thousand_threads_in_turn_leave_nothing),
        cmocka_unit_test(a_thousand_threads_at_once_all_allocate),
        cmocka_unit_test(cleanup_gives_back_what_the_thread_keeps),
        cmocka_unit_test(optimize_gives_back_what_the_thread_keeps),
        cmocka_unit_test(a_double_free_ends_the_process_and_names_the_class),
    };
    return run_isolated("memory magazines", tests, COUNT_OF(tests), use_allocator_under_test);
}
