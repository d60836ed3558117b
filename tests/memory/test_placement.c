/* Where blocks lie, asked of jemalloc itself: every block is in its class's arena, whoever freed
 * the one that was there before it. Links the unsealed archive, in which jemalloc's names are
 * visible. */
#include "support.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int _rjem_mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);

static unsigned arena_of(const void *block)
{
    unsigned arena = UINT32_MAX;
    size_t length = sizeof arena;
    if (_rjem_mallctl("arenas.lookup", &arena, &length, &block, sizeof block) != 0)
        return UINT32_MAX;
    return arena;
}

/* The arena of each class by the statistics; the general one's by a block of it. */
static void expected_arenas(unsigned arena[MEMORY_CLASSES])
{
    const arena_ids_t ids = arena_ids();
    void *general = catzilla_malloc(64);
    for (size_t i = 0; i < COUNT_OF(ids.id); i++)
        arena[i] = ids.id[i];
    arena[CATZILLA_MEMORY_GENERAL] = arena_of(general);
    catzilla_free(general);
}

static void the_general_class_has_an_arena_of_its_own(void **state)
{
    unsigned arena[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    expected_arenas(arena);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(arena[i], arena[j]);
}

static void each_arena_is_named_after_its_class(void **state)
{
    unsigned arena[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    expected_arenas(arena);
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        /* jemalloc fills 32 bytes that the caller points to. */
        char name[32] = "";
        char *filled = name;
        char asked[64];
        char expected[64];
        size_t length = sizeof filled;
        snprintf(asked, sizeof asked, "arena.%u.name", arena[i]);
        snprintf(expected, sizeof expected, "catzilla_%s", memory_class[i].name);
        assert_int_equal(_rjem_mallctl(asked, &filled, &length, NULL, 0), 0);
        assert_string_equal(name, expected);
    }
}

/* A mix of classes, sizes and frees by the wrong function. Returns how many blocks lay elsewhere.
 */
static size_t misplaced_in_a_mix(const unsigned arena[MEMORY_CLASSES], uint64_t seed, size_t rounds)
{
    enum { SLOTS = 2000 };
    static _Thread_local void *slot[SLOTS];
    size_t misplaced = 0;
    for (size_t i = 0; i < rounds; i++) {
        const uint64_t draw = next_random(&seed);
        const size_t at = draw % SLOTS;
        const size_t class = (draw >> 12) % MEMORY_CLASSES;
        const size_t size =
            (draw >> 20) % 64 == 0 ? 5000 + (draw >> 32) % 100000 : 32 + (draw >> 32) % 1024;
        if ((draw >> 16) % 4 == 0) {
            slot[at] = memory_class[class].realloc(slot[at], size);
        } else {
            memory_class[(draw >> 28) % MEMORY_CLASSES].free(slot[at]);
            slot[at] = memory_class[class].alloc(size);
        }
        misplaced += slot[at] == NULL || arena_of(slot[at]) != arena[class];
    }
    for (size_t at = 0; at < SLOTS; at++) {
        catzilla_free(slot[at]);
        slot[at] = NULL;
    }
    return misplaced;
}

static void every_block_of_a_mix_lies_in_its_arena(void **state)
{
    unsigned arena[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    expected_arenas(arena);
    assert_int_equal(misplaced_in_a_mix(arena, 1, 200000), 0);
    assert_int_equal(usage_of_all(), 0);
}

static size_t mix_on_a_thread(void *context, size_t index)
{
    return misplaced_in_a_mix(context, index, 50000);
}

static void every_block_lies_in_its_arena_on_8_threads_and_after_them(void **state)
{
    unsigned arena[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    expected_arenas(arena);
    assert_int_equal(run_threads(8, mix_on_a_thread, arena), 0);
    assert_int_equal(misplaced_in_a_mix(arena, 99, 50000), 0);
    assert_int_equal(usage_of_all(), 0);
}

static void every_block_lies_in_its_arena_after_fork(void **state)
{
    unsigned arena[MEMORY_CLASSES];
    int status = -1;
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    expected_arenas(arena);
    assert_int_equal(misplaced_in_a_mix(arena, 2, 20000), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(misplaced_in_a_mix(arena, 3, 50000) != 0);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(misplaced_in_a_mix(arena, 4, 20000), 0);
}

static uint64_t arena_count(void)
{
    unsigned count = 0;
    size_t length = sizeof count;
    assert_int_equal(_rjem_mallctl("arenas.narenas", &count, &length, NULL, 0), 0);
    return count;
}

static void ten_thousand_cycles_make_six_arenas_in_all(void **state)
{
    (void)state;
    const uint64_t before = arena_count();
    for (size_t i = 0; i < scaled(10000); i++) {
        assert_int_equal(catzilla_memory_init(), 0);
        catzilla_free(memory_class[i % MEMORY_CLASSES].alloc(100));
        catzilla_memory_cleanup();
        if (arena_count() != before + MEMORY_CLASSES)
            fail_msg("cycle %zu: %ju arenas, %ju before the first", i, (uintmax_t)arena_count(),
                     (uintmax_t)before);
    }
}

static size_t init_on_a_thread(void *context, size_t index)
{
    (void)context;
    if (index % 2 == 0)
        return catzilla_memory_init() != 0;
    void *block = memory_class[index % MEMORY_CLASSES].alloc(100);
    catzilla_free(block);
    return block == NULL;
}

static void init_and_first_use_from_16_threads_make_six_arenas_in_all(void **state)
{
    (void)state;
    const uint64_t before = arena_count();
    assert_int_equal(run_threads(16, init_on_a_thread, NULL), 0);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(arena_count(), before + MEMORY_CLASSES);
}

static void usage_agrees_with_jemallocs_own_figures(void **state)
{
    void *block[MEMORY_CLASSES][40];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < COUNT_OF(block[class]); i++)
            assert_non_null(block[class][i] = memory_class[class].alloc(100 * (i + 1) * (i + 1)));
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < COUNT_OF(block[class]); i += 2)
            memory_class[class].free(block[class][i]);
    /* Returns what caches hold, which jemalloc counts as allocated. */
    catzilla_memory_cleanup();
    uint64_t epoch = 1;
    size_t length = sizeof epoch;
    assert_int_equal(_rjem_mallctl("epoch", &epoch, &length, &epoch, sizeof epoch), 0);
    const arena_ids_t ids = arena_ids();
    for (size_t class = 0; class < COUNT_OF(ids.id); class ++) {
        size_t sum = 0;
        static const char *const part[] = {"small", "large"};
        for (size_t i = 0; i < COUNT_OF(part); i++) {
            char name[64];
            size_t bytes = 0;
            length = sizeof bytes;
            snprintf(name, sizeof name, "stats.arenas.%u.%s.allocated", ids.id[class], part[i]);
            assert_int_equal(_rjem_mallctl(name, &bytes, &length, NULL, 0), 0);
            sum += bytes;
        }
        if (usage_of(memory_class[class].type) != sum)
            fail_msg("%s: %zu live bytes here, %zu in jemalloc", memory_class[class].name,
                     usage_of(memory_class[class].type), sum);
    }
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 1; i < COUNT_OF(block[class]); i += 2)
            memory_class[class].free(block[class][i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_general_class_has_an_arena_of_its_own),
        cmocka_unit_test(each_arena_is_named_after_its_class),
        cmocka_unit_test(every_block_of_a_mix_lies_in_its_arena),
        cmocka_unit_test(every_block_lies_in_its_arena_on_8_threads_and_after_them),
        cmocka_unit_test(every_block_lies_in_its_arena_after_fork),
        cmocka_unit_test(ten_thousand_cycles_make_six_arenas_in_all),
        cmocka_unit_test(init_and_first_use_from_16_threads_make_six_arenas_in_all),
        cmocka_unit_test(usage_agrees_with_jemallocs_own_figures),
    };
    return run_isolated("memory placement", tests, COUNT_OF(tests), use_allocator_under_test);
}
