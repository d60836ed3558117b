/* Budgets: what is past one is refused, by class, in the whole and by region, and one class at its
 * limit leaves the others alone. */
#include "support.h"

#include <errno.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

/* What magazines may hold beyond the blocks that are live: the documented grain, a thread and
 * class. */
#define GRAIN ((size_t)360 * 1000)

static catzilla_memory_refusal_t last_refusal(void)
{
    catzilla_memory_refusal_t refusal;
    memset(&refusal, 0xaa, sizeof refusal);
    catzilla_memory_last_refusal(&refusal);
    return refusal;
}

/* Takes blocks of `size` until one is refused, at most `most`. */
static size_t take_until_refused(size_t class, size_t size, void **block, size_t most)
{
    size_t count = 0;
    while (count < most && (block[count] = memory_class[class].alloc(size)) != NULL)
        count++;
    return count;
}

static void free_all(void **block, size_t count)
{
    for (size_t i = 0; i < count; i++)
        catzilla_free(block[i]);
}

enum { MOST = 200000 };
static void *taken[MOST];

static void without_a_budget_there_is_none(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_get_total_budget(), SIZE_MAX);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_int_equal(catzilla_memory_get_budget(memory_class[i].type), SIZE_MAX);
    const catzilla_memory_refusal_t refusal = last_refusal();
    assert_int_equal(refusal.code, 0);
    assert_int_equal(refusal.of, 0);
    assert_int_equal(refusal.limit, 0);
    assert_int_equal(refusal.size, 0);
    catzilla_memory_last_refusal(NULL);
}

static void a_budget_that_is_used_up_refuses_and_names_itself(void **state)
{
    static const size_t size[] = {64, 100, 1024, 4096, 65000, 65536};
    (void)state;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const catzilla_memory_type_t type = memory_class[class].type;
        assert_int_equal(catzilla_memory_set_budget(type, 2 * MIB), 0);
        assert_int_equal(catzilla_memory_get_budget(type), 2 * MIB);
        for (size_t i = 0; i < COUNT_OF(size); i++) {
            const size_t count = take_until_refused(class, size[i], taken, MOST);
            if (usage_of(type) > 2 * MIB || usage_of(type) + GRAIN < 2 * MIB)
                fail_msg("%s, blocks of %zu: %zu of 2 MiB", memory_class[class].name, size[i],
                         usage_of(type));
            assert_int_equal(errno, ENOMEM);
            const catzilla_memory_refusal_t refusal = last_refusal();
            assert_int_equal(refusal.code, CATZILLA_ERR_BUDGET);
            assert_int_equal(refusal.of, type);
            assert_int_equal(refusal.limit, 2 * MIB);
            assert_int_equal(refusal.size, size[i]);
            /* The others notice nothing. */
            for (size_t other = 0; other < MEMORY_CLASSES; other++)
                if (other != class) {
                    void *block = memory_class[other].alloc(100000);
                    assert_non_null(block);
                    catzilla_free(block);
                }
            free_all(taken, count);
            assert_int_equal(usage_of(type), 0);
        }
        assert_int_equal(catzilla_memory_set_budget(type, SIZE_MAX), 0);
    }
}

static void a_large_block_fits_to_the_byte(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 2 * MIB), 0);
    void *whole = catzilla_cache_alloc(2 * MIB);
    assert_non_null(whole);
    assert_null(catzilla_cache_alloc(65536));
    catzilla_cache_free(whole);
    assert_null(catzilla_cache_alloc(2 * MIB + 1));
    void *half = catzilla_cache_alloc(MIB);
    assert_non_null(half);
    /* Growing past the limit is refused, and the block stays. */
    memset(half, 'h', MIB);
    errno = 0;
    assert_null(catzilla_cache_realloc(half, 3 * MIB));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(((char *)half)[MIB - 1], 'h');
    assert_int_equal(last_refusal().size, 3 * MIB);
    /* So is moving one in from another class. */
    void *foreign = catzilla_request_alloc(2 * MIB);
    assert_non_null(foreign);
    assert_null(catzilla_memory_promote(foreign, CATZILLA_MEMORY_CACHE));
    assert_int_equal(usage_of(CATZILLA_MEMORY_REQUEST), 2 * MIB);
    catzilla_free(foreign);
    catzilla_free(half);
    assert_int_equal(usage_of_all(), 0);
}

static void a_budget_of_0_refuses_everything(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_TASK, 0), 0);
    for (size_t size = 0; size < 100000; size = size * 3 + 1)
        assert_null(catzilla_task_alloc(size));
    catzilla_region_t *region = NULL;
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_TASK, &region), CATZILLA_ERR_BUDGET);
    assert_null(region);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_TASK, SIZE_MAX), 0);
    void *block = catzilla_task_alloc(100);
    assert_non_null(block);
    catzilla_free(block);
}

static void a_tiny_budget_serves_what_fits(void **state)
{
    (void)state;
    /* Blocks of 64 count 64 on both backends. */
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_STATIC, 64), 0);
    for (int round = 0; round < 100; round++) {
        void *only = catzilla_static_alloc(64);
        assert_non_null(only);
        assert_null(catzilla_static_alloc(64));
        assert_null(catzilla_static_alloc(1));
        catzilla_static_free(only);
    }
    assert_null(catzilla_static_alloc(65));
    assert_int_equal(usage_of_all(), 0);
}

static void all_of_a_budget_is_used_and_freed_10000_times(void **state)
{
    static const size_t size[] = {64, 1024, 65536};
    size_t count[COUNT_OF(size)] = {0};
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, 65536), 0);
    for (size_t round = 0; round < scaled(10000); round++) {
        const size_t i = round % COUNT_OF(size);
        const size_t now = take_until_refused(0, size[i], taken, MOST);
        if (count[i] == 0)
            count[i] = now;
        if (now != count[i] || now * size[i] > 65536 || now == 0)
            fail_msg("round %zu: %zu blocks of %zu, %zu before", round, now, size[i], count[i]);
        free_all(taken, now);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void freed_bytes_are_usable_at_once_in_another_size(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, MIB), 0);
    for (int round = 0; round < 50; round++)
        for (size_t size = 64; size <= 65536; size *= 4) {
            const size_t count = take_until_refused(0, size, taken, MOST);
            /* Everything that was freed in other sizes is back, down to the last block. */
            if (count != MIB / size)
                fail_msg("round %d: %zu blocks of %zu", round, count, size);
            free_all(taken, count);
        }
}

static void a_lowered_budget_refuses_until_what_is_live_fits(void **state)
{
    (void)state;
    const size_t count = 64;
    for (size_t i = 0; i < count; i++)
        assert_non_null(taken[i] = catzilla_cache_alloc(65536));
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, MIB), 0);
    for (size_t live = count; live > 16; live--) {
        assert_null(catzilla_cache_alloc(65536));
        assert_null(catzilla_cache_alloc(16));
        catzilla_cache_free(taken[live - 1]);
    }
    /* 16 are live, which is the budget; one less leaves room. */
    assert_null(catzilla_cache_alloc(65536));
    catzilla_cache_free(taken[15]);
    assert_non_null(taken[15] = catzilla_cache_alloc(65536));
    free_all(taken, 16);
    assert_int_equal(usage_of_all(), 0);
}

static void shrinking_past_a_lowered_budget_leaves_no_refusal(void **state)
{
    static const size_t size[] = {4000, 100000, 2 * MIB};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        void *block = catzilla_cache_alloc(size[i]);
        assert_non_null(block);
        memset(block, 's', size[i]);
        assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 10), 0);
        for (size_t to = size[i]; to > 0; to /= 7) {
            errno = 0;
            block = catzilla_cache_realloc(block, to);
            assert_non_null(block);
            assert_int_equal(errno, 0);
            assert_int_equal(last_refusal().code, 0);
            assert_int_equal(((char *)block)[to - 1], 's');
        }
        assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, SIZE_MAX), 0);
        catzilla_free(block);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void the_total_budget_covers_all_classes(void **state)
{
    size_t count = 0;
    (void)state;
    catzilla_memory_set_total_budget(6 * MIB);
    assert_int_equal(catzilla_memory_get_total_budget(), 6 * MIB);
    while ((taken[count] = memory_class[count % MEMORY_CLASSES].alloc(65536)) != NULL)
        count++;
    assert_int_equal(count, 6 * MIB / 65536);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_null(memory_class[i].alloc(65536));
    assert_int_equal(last_refusal().code, CATZILLA_ERR_BUDGET);
    assert_int_equal(last_refusal().limit, 6 * MIB);
    /* What one class frees, another may have. */
    catzilla_free(taken[0]);
    assert_non_null(taken[0] = catzilla_static_alloc(65536));
    free_all(taken, count);
    catzilla_memory_set_total_budget(SIZE_MAX);
    assert_int_equal(usage_of_all(), 0);
}

static void regions_count_by_their_chunks(void **state)
{
    catzilla_region_t *region = NULL;
    size_t blocks = 0;
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, MIB), 0);
    for (int round = 0; round < 20; round++) {
        assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region), 0);
        for (blocks = 0; catzilla_region_alloc(region, 1000) != NULL; blocks++)
            continue;
        assert_in_range(blocks * 1008, MIB - 200000, MIB);
        assert_int_equal(last_refusal().code, CATZILLA_ERR_BUDGET);
        catzilla_region_destroy(region);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void what_is_refused_raises_no_peak(void **state)
{
    catzilla_memory_stats_t stats;
    catzilla_memory_class_stats_t cache;
    (void)state;
    /* Refused by the system, and by the whole's budget, not the class's. */
    assert_null(catzilla_cache_alloc(SIZE_MAX / 8));
    catzilla_memory_set_total_budget(MIB);
    assert_null(catzilla_cache_alloc(16 * MIB));
    catzilla_memory_get_stats(&stats);
    assert_in_range(stats.peak_allocated, 0, MIB);
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_CACHE, &cache, sizeof cache),
                     0);
    assert_in_range(cache.peak, 0, MIB);
    catzilla_memory_set_total_budget(SIZE_MAX);
    void *block = catzilla_cache_alloc(2 * MIB);
    assert_non_null(block);
    catzilla_free(block);
    catzilla_memory_get_stats(&stats);
    assert_in_range(stats.peak_allocated, 2 * MIB, 3 * MIB);
}

static void a_class_out_of_range_has_no_budget(void **state)
{
    static const int type[] = {-1, 6, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(type); i++) {
        const catzilla_memory_type_t wrong = (catzilla_memory_type_t)type[i];
        assert_int_equal(catzilla_memory_set_budget(wrong, 1), CATZILLA_ERR_INVALID);
        assert_int_equal(catzilla_memory_get_budget(wrong), SIZE_MAX);
    }
}

typedef struct alarm_record {
    int calls;
    int of;
    size_t charged, budget;
} alarm_record_t;

static void note_alarm(int of, size_t charged, size_t budget, void *user_data)
{
    alarm_record_t *record = user_data;
    record->calls++;
    record->of = of;
    record->charged = charged;
    record->budget = budget;
    /* A callback may allocate. */
    catzilla_free(catzilla_malloc(100));
}

static void the_callback_tells_once_when_the_threshold_is_met(void **state)
{
    alarm_record_t record = {0};
    (void)state;
    assert_int_equal(catzilla_memory_set_budget_callback(note_alarm, 0, &record),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_set_budget_callback(note_alarm, 101, &record),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_set_budget_callback(note_alarm, 80, &record), 0);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_CACHE, 10 * 65536), 0);
    for (int round = 1; round <= 3; round++) {
        for (size_t i = 0; i < 10; i++) {
            assert_non_null(taken[i] = catzilla_cache_alloc(65536));
            assert_int_equal(record.calls, i < 7 ? round - 1 : round);
        }
        assert_int_equal(record.of, CATZILLA_MEMORY_CACHE);
        assert_int_equal(record.charged, 8 * 65536);
        assert_int_equal(record.budget, 10 * 65536);
        free_all(taken, 10);
    }
    assert_int_equal(catzilla_memory_set_budget_callback(NULL, 80, NULL), 0);
    for (size_t i = 0; i < 10; i++)
        assert_non_null(taken[i] = catzilla_cache_alloc(65536));
    assert_int_equal(record.calls, 3);
    free_all(taken, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_budget_there_is_none),
        cmocka_unit_test(a_budget_that_is_used_up_refuses_and_names_itself),
        cmocka_unit_test(a_large_block_fits_to_the_byte),
        cmocka_unit_test(a_budget_of_0_refuses_everything),
        cmocka_unit_test(a_tiny_budget_serves_what_fits),
        cmocka_unit_test(all_of_a_budget_is_used_and_freed_10000_times),
        cmocka_unit_test(freed_bytes_are_usable_at_once_in_another_size),
        cmocka_unit_test(a_lowered_budget_refuses_until_what_is_live_fits),
        cmocka_unit_test(shrinking_past_a_lowered_budget_leaves_no_refusal),
        cmocka_unit_test(the_total_budget_covers_all_classes),
        cmocka_unit_test(regions_count_by_their_chunks),
        cmocka_unit_test(what_is_refused_raises_no_peak),
        cmocka_unit_test(a_class_out_of_range_has_no_budget),
        cmocka_unit_test(the_callback_tells_once_when_the_threshold_is_met),
    };
    return run_isolated("memory budgets", tests, COUNT_OF(tests), use_allocator_under_test);
}
