/* Every block lies in its class, by its address and by what jemalloc says of it: under a mix of all
 * functions on 8 threads, on threads that come and go by the thousand, after fork, after a thread's
 * own exit handlers, and where no address range could be reserved. Links the unsealed archive where
 * jemalloc is built in, since its names are visible there. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int _rjem_mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length)
    __attribute__((weak));

/* The arena that each class's blocks are in; set by `learn_arenas`, empty on the system backend. */
static unsigned arena[MEMORY_CLASSES];

static unsigned arena_of(const void *block)
{
    unsigned id = UINT32_MAX;
    size_t length = sizeof id;
    if (_rjem_mallctl("arenas.lookup", &id, &length, &block, sizeof block) != 0)
        return UINT32_MAX;
    return id;
}

static void learn_arenas(void)
{
    assert_int_equal(catzilla_memory_init(), 0);
    if (!jemalloc_is_under_test())
        return;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        catzilla_memory_class_stats_t stats;
        assert_int_equal(
            catzilla_memory_get_class_stats(memory_class[i].type, &stats, sizeof stats), 0);
        arena[i] = stats.arena;
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(arena[i], arena[j]);
    }
}

/* Whether `block` is where a block of `class` belongs; asks jemalloc too when `thoroughly`. */
static bool is_in(const void *block, size_t class, bool thoroughly)
{
    if (block == NULL || catzilla_memory_class_of(block) != (int)class)
        return false;
    return !thoroughly || !jemalloc_is_under_test() || arena_of(block) == arena[class];
}

enum { SLOTS = 500 };

typedef struct mix {
    uint64_t seed;
    size_t steps;
    size_t misplaced;
    void *slot[SLOTS];
    unsigned char class[SLOTS];
} mix_t;

static size_t draw_size(uint64_t draw)
{
    if (draw % 512 == 0)
        return 20000 + (draw >> 16) % 300000;
    if (draw % 16 == 0)
        return 1024 + (draw >> 16) % 8192;
    return (draw >> 16) % 1056;
}

static void *take(uint64_t draw, size_t class, void *old)
{
    const catzilla_memory_type_t type = memory_class[class].type;
    const size_t size = draw_size(draw >> 24);
    switch ((draw >> 20) % 8) {
    case 0:
        return memory_class[class].realloc(old, size);
    case 1:
        memory_class[(draw >> 40) % MEMORY_CLASSES].free(old);
        return catzilla_memory_zalloc(type, size);
    case 2:
        catzilla_free(old);
        return catzilla_memory_aligned(type, (size_t)16 << (draw >> 48) % 8, size);
    case 3:
        return old == NULL ? memory_class[class].alloc(size) : catzilla_memory_promote(old, type);
    default:
        memory_class[(draw >> 40) % MEMORY_CLASSES].free(old);
        return memory_class[class].alloc(size);
    }
}

static void run_mix(mix_t *mix)
{
    for (size_t i = 0; i < mix->steps; i++) {
        const uint64_t draw = next_random(&mix->seed);
        const size_t at = draw % SLOTS;
        const size_t class = (draw >> 10) % MEMORY_CLASSES;
        /* What was there has stayed where it was. */
        if (mix->slot[at] != NULL && catzilla_memory_class_of(mix->slot[at]) != mix->class[at])
            mix->misplaced++;
        mix->slot[at] = take(draw, class, mix->slot[at]);
        mix->class[at] = (unsigned char)class;
        if (!is_in(mix->slot[at], class, i % 128 == 0))
            mix->misplaced++;
    }
}

static void end_mix(mix_t *mix)
{
    for (size_t at = 0; at < SLOTS; at++)
        catzilla_free(mix->slot[at]);
}

static size_t mix_on_a_thread(void *context, size_t index)
{
    mix_t mix = {.seed = index, .steps = *(const size_t *)context};
    run_mix(&mix);
    end_mix(&mix);
    return mix.misplaced;
}

static size_t mix_alone(uint64_t seed, size_t steps)
{
    mix_t mix = {.seed = seed, .steps = scaled(steps)};
    run_mix(&mix);
    end_mix(&mix);
    return mix.misplaced;
}

static void ten_million_operations_on_8_threads_misplace_nothing(void **state)
{
    size_t steps = scaled(10000000 / 8);
    (void)state;
    learn_arenas();
    assert_int_equal(run_threads(8, mix_on_a_thread, &steps), 0);
    /* And what the threads left behind is taken again here. */
    assert_int_equal(mix_alone(99, 100000), 0);
    assert_int_equal(usage_of_all(), 0);
}

static bool background_thread_is_on(void)
{
    bool on = false;
    size_t length = sizeof on;
    return jemalloc_is_under_test() &&
           _rjem_mallctl("background_thread", &on, &length, NULL, 0) == 0 && on;
}

/* What a forked child does, whose parent has jemalloc's thread or not; its status. */
static int check_in_child(bool background)
{
    size_t steps = 20000;
    if (mix_alone(7, 50000) != 0)
        return 1;
    if (background_thread_is_on() != background)
        return 3;
    return run_threads(4, mix_on_a_thread, &steps) == 0 ? 0 : 2;
}

static void a_forked_child_misplaces_nothing(void **state)
{
    mix_t mix = {.seed = 3, .steps = 20000};
    int status = -1;
    (void)state;
    learn_arenas();
    run_mix(&mix);
    const bool background = background_thread_is_on();
    const pid_t child = fork();
    if (child == 0) {
        /* The blocks from before the fork are the child's as well. */
        end_mix(&mix);
        _exit(check_in_child(background));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run_mix(&mix);
    end_mix(&mix);
    assert_int_equal(mix.misplaced, 0);
    assert_int_equal(usage_of_all(), 0);
}

/* Debug mode goes its own way to jemalloc. */
static void a_forked_child_in_debug_mode_has_jemallocs_thread_too(void **state)
{
    int status = -1;
    (void)state;
    if (!jemalloc_is_under_test())
        skip();
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    void *block = catzilla_malloc(100);
    assert_true(background_thread_is_on());
    const pid_t child = fork();
    if (child == 0) {
        catzilla_free(catzilla_cache_alloc(100));
        _exit(background_thread_is_on() ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    catzilla_free(block);
}

static size_t fork_while_others_allocate(void *context, size_t index)
{
    if (index > 0)
        return mix_on_a_thread(context, index);
    for (uint64_t i = 0; i < 5; i++) {
        const pid_t child = fork();
        if (child == 0)
            _exit(mix_alone(i, 20000) == 0 ? 0 : 1);
        int status = -1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return 1;
    }
    return 0;
}

static void a_child_forked_amid_8_threads_allocates_in_all_classes(void **state)
{
    size_t steps = scaled(200000);
    (void)state;
    learn_arenas();
    /* A sanitizer's run time promises nothing for a child of many threads. */
    if (!resident_is_telling())
        skip();
    assert_int_equal(run_threads(8, fork_while_others_allocate, &steps), 0);
    assert_int_equal(usage_of_all(), 0);
}

static pthread_key_t late_key;
static size_t late_misplaced;

/* Runs when the thread ends, again and again, so that it also comes after this library's own end.
 */
static void allocate_late(void *value)
{
    const uintptr_t rounds = (uintptr_t)value;
    late_misplaced += mix_alone(rounds, 2000);
    if (rounds > 1)
        pthread_setspecific(late_key, (void *)(rounds - 1));
}

static void *end_late(void *argument)
{
    (void)argument;
    pthread_setspecific(late_key, (void *)3);
    late_misplaced += mix_alone(5, 2000);
    return NULL;
}

static void exit_handlers_of_a_thread_misplace_nothing(void **state)
{
    (void)state;
    learn_arenas();
    assert_int_equal(pthread_key_create(&late_key, allocate_late), 0);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, end_late, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(late_misplaced, 0);
    assert_int_equal(usage_of_all(), 0);
}

static void without_room_for_address_ranges_nothing_is_misplaced_either(void **state)
{
    /* Enough for a program, and for none of the ranges that are tried. */
    const struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    size_t steps = 20000;
    catzilla_memory_class_stats_t stats;
    (void)state;
    if (!jemalloc_is_under_test() || !resident_is_telling())
        skip();
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    learn_arenas();
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_CACHE, &stats, sizeof stats),
                     0);
    assert_int_equal(stats.partitioned, 0);
    assert_int_equal(mix_alone(11, 50000), 0);
    assert_int_equal(run_threads(4, mix_on_a_thread, &steps), 0);
    assert_int_equal(usage_of_all(), 0);
}

static void an_address_of_nobodys_is_of_no_class(void **state)
{
    static int of_the_program;
    int on_the_stack = 0;
    (void)state;
    learn_arenas();
    assert_int_equal(catzilla_memory_class_of(NULL), -1);
    assert_int_equal(catzilla_memory_class_of(&of_the_program), -1);
    assert_int_equal(catzilla_memory_class_of(&on_the_stack), -1);
    /* With a header before each block, that is read. */
    if (jemalloc_is_under_test()) {
        assert_int_equal(catzilla_memory_class_of((void *)16), -1);
        assert_int_equal(catzilla_memory_class_of((void *)(UINTPTR_MAX - 15)), -1);
    }
    void *hosts = hosts_block(100);
    assert_int_equal(catzilla_memory_class_of(hosts), -1);
    catzilla_python_safe_free(hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_million_operations_on_8_threads_misplace_nothing),
        cmocka_unit_test(a_forked_child_misplaces_nothing),
        cmocka_unit_test(a_forked_child_in_debug_mode_has_jemallocs_thread_too),
        cmocka_unit_test(a_child_forked_amid_8_threads_allocates_in_all_classes),
        cmocka_unit_test(exit_handlers_of_a_thread_misplace_nothing),
        cmocka_unit_test(without_room_for_address_ranges_nothing_is_misplaced_either),
        cmocka_unit_test(an_address_of_nobodys_is_of_no_class),
    };
    return run_isolated("memory segregation", tests, COUNT_OF(tests), use_allocator_under_test);
}
