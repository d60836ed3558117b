/* Regions: blocks that end together, cleanups in reverse, a limit, and no call to the allocator
 * once a thread has its chunks. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static catzilla_region_t *new_region(catzilla_memory_type_t type)
{
    catzilla_region_t *region = NULL;
    assert_int_equal(catzilla_region_create(type, &region), 0);
    assert_non_null(region);
    return region;
}

static void blocks_are_aligned_apart_and_of_the_class(void **state)
{
    enum { BLOCKS = 3000 };
    static unsigned char *block[BLOCKS];
    static size_t size[BLOCKS];
    uint64_t seed = 5;
    (void)state;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        catzilla_region_t *region = new_region(memory_class[class].type);
        size_t sum = 0;
        for (size_t i = 0; i < BLOCKS; i++) {
            size[i] = next_random(&seed) % (i % 50 == 0 ? 30000 : 200);
            block[i] = catzilla_region_alloc(region, size[i]);
            assert_non_null(block[i]);
            assert_int_equal((uintptr_t)block[i] % 16, 0);
            memset(block[i], (int)(i % 251), size[i]);
            sum += size[i] == 0 ? 16 : (size[i] + 15) / 16 * 16;
        }
        assert_int_equal(catzilla_region_used(region), sum);
        for (size_t i = 0; i < BLOCKS; i++)
            for (size_t at = 0; at < size[i]; at++)
                if (block[i][at] != i % 251)
                    fail_msg("block %zu of %zu bytes is overwritten at %zu", i, size[i], at);
        /* What it holds is the class's, and no other's. */
        assert_true(usage_of(memory_class[class].type) >= sum);
        assert_int_equal(usage_of(memory_class[class].type), usage_of_all());
        catzilla_region_destroy(region);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void reset_ends_the_blocks_and_keeps_one_chunk(void **state)
{
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    assert_int_equal(catzilla_region_used(region), 0);
    void *first = catzilla_region_alloc(region, 100);
    assert_non_null(first);
    for (int i = 0; i < 1000; i++)
        assert_non_null(catzilla_region_alloc(region, 1000));
    assert_non_null(catzilla_region_alloc(region, 1u << 20));
    const size_t full = usage_of(CATZILLA_MEMORY_REQUEST);
    assert_true(full > 2000000);
    catzilla_region_reset(region);
    assert_int_equal(catzilla_region_used(region), 0);
    assert_in_range(usage_of(CATZILLA_MEMORY_REQUEST), 0, 40000);
    assert_true(catzilla_region_high_water(region) >= 1000 * 1008 + (1u << 20));
    assert_non_null(catzilla_region_alloc(region, 100));
    catzilla_region_destroy(region);
    assert_int_equal(usage_of_all(), 0);
}

static void a_region_lives_in_its_first_chunk_and_keeps_it(void **state)
{
    (void)state;
    /* There the region is a block of its own. */
    if (under_address_sanitizer())
        skip();
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    const size_t empty = usage_of(CATZILLA_MEMORY_REQUEST);
    assert_int_equal(catzilla_region_used(region), 0);
    char *first = catzilla_region_alloc(region, 100);
    assert_in_range(first - (char *)region, sizeof(catzilla_region_t), 200);
    memset(first, 0xff, 100);
    size_t blocks = 1;
    while (usage_of(CATZILLA_MEMORY_REQUEST) == empty) {
        char *block = catzilla_region_alloc(region, 100);
        assert_non_null(block);
        memset(block, 0xff, 100);
        blocks++;
    }
    assert_int_equal(blocks, (8192 - (size_t)(first - ((char *)region - 16))) / 112 + 1);
    for (int round = 0; round < 2; round++) {
        assert_non_null(catzilla_region_alloc(region, 2000));
        assert_non_null(catzilla_region_alloc(region, 100000));
        catzilla_region_reset(region);
        assert_int_equal(usage_of(CATZILLA_MEMORY_REQUEST), empty);
        assert_ptr_equal(catzilla_region_alloc(region, 100), first);
    }
    catzilla_region_destroy(region);
    assert_int_equal(usage_of_all(), 0);
}

static void a_region_in_steady_state_makes_no_allocator_call(void **state)
{
    catzilla_memory_stats_t before;
    catzilla_memory_stats_t after;
    (void)state;
    /* There every block is one of the allocator's, so that each can be watched. */
    if (under_address_sanitizer())
        skip();
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    for (int round = 0; round < 2; round++) {
        catzilla_memory_get_stats(&before);
        for (int i = 0; i < 1000; i++) {
            for (size_t j = 0; j < 20; j++)
                assert_non_null(catzilla_region_alloc(region, 16 + j * 8));
            catzilla_region_reset(region);
        }
        catzilla_memory_get_stats(&after);
    }
    assert_int_equal(after.allocation_count, before.allocation_count);
    assert_int_equal(after.cache_misses, before.cache_misses);
    catzilla_region_destroy(region);
}

static void chunks_are_used_again_by_the_thread(void **state)
{
    catzilla_memory_stats_t before;
    catzilla_memory_stats_t after;
    (void)state;
    for (int i = 0; i < 100; i++) {
        if (i == 50)
            catzilla_memory_get_stats(&before);
        catzilla_region_t *region = new_region(CATZILLA_MEMORY_TASK);
        /* Three chunks, fewer than a thread keeps. */
        for (int j = 0; j < 20; j++)
            assert_non_null(catzilla_region_alloc(region, 1000));
        catzilla_region_destroy(region);
    }
    catzilla_memory_get_stats(&after);
    if (jemalloc_is_under_test()) {
        assert_true(after.cache_hits > before.cache_hits);
        assert_int_equal(after.cache_misses, before.cache_misses);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void zalloc_gives_zeroes_after_a_reset(void **state)
{
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 20000; size = size * 3 + 1) {
            unsigned char *block = catzilla_region_zalloc(region, size);
            assert_non_null(block);
            for (size_t at = 0; at < size; at++)
                assert_int_equal(block[at], 0);
            memset(block, 0xff, size);
        }
        catzilla_region_reset(region);
    }
    catzilla_region_destroy(region);
}

static void aligned_blocks_are_aligned_large_ones_too(void **state)
{
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_RESPONSE);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
        for (size_t size = 0; size < 50000; size = size * 4 + 9) {
            char *block = catzilla_region_aligned(region, alignment, size);
            assert_non_null(block);
            if ((uintptr_t)block % alignment != 0)
                fail_msg("%zu bytes at %p, not a multiple of %zu", size, (void *)block, alignment);
            memset(block, 1, size);
        }
    errno = 0;
    errno = 0;
    assert_null(catzilla_region_aligned(region, 3, 10));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(catzilla_region_aligned(region, 0, 10));
    assert_int_equal(errno, EINVAL);
    assert_null(catzilla_region_aligned(region, 64, SIZE_MAX - 70));
    catzilla_region_destroy(region);
    assert_int_equal(usage_of_all(), 0);
}

static void empty_blocks_have_addresses_of_their_own(void **state)
{
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_RESPONSE);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
        for (int i = 0; i < 8; i++) {
            char *first = catzilla_region_aligned(region, alignment, 0);
            char *second = catzilla_region_alloc(region, 0);
            if (first == second)
                fail_msg("empty blocks share an address, the first a multiple of %zu", alignment);
        }
    catzilla_region_destroy(region);
}

static void text_is_copied_and_printed_into_the_region(void **state)
{
    char long_text[9000];
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_RESPONSE);
    assert_string_equal(catzilla_region_strdup(region, "some text"), "some text");
    assert_string_equal(catzilla_region_strdup(region, ""), "");
    assert_string_equal(catzilla_region_strndup(region, "some text", 4), "some");
    assert_string_equal(catzilla_region_strndup(region, "some", SIZE_MAX), "some");
    errno = 0;
    assert_null(catzilla_region_strdup(region, NULL));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(catzilla_region_strndup(region, NULL, 4));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(catzilla_region_printf(region, "%s=%d%%", "n", 42), "n=42%");
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_string_equal(catzilla_region_printf(region, "%s", long_text), long_text);
    catzilla_region_destroy(region);
}

static void a_size_past_everything_is_refused(void **state)
{
    static const size_t size[] = {SIZE_MAX, SIZE_MAX - 14, SIZE_MAX - 15, SIZE_MAX - 16,
                                  (size_t)PTRDIFF_MAX + 1};
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    for (int filled = 0; filled < 2; filled++) {
        for (size_t i = 0; i < COUNT_OF(size); i++) {
            errno = 0;
            if (catzilla_region_alloc(region, size[i]) != NULL || errno != ENOMEM)
                fail_msg("%zu bytes: errno %d", size[i], errno);
        }
        assert_non_null(catzilla_region_alloc(region, 100));
    }
    assert_int_equal(catzilla_region_used(region), 2 * 112);
    catzilla_region_destroy(region);
}

static void a_region_of_no_class_is_refused(void **state)
{
    static const int type[] = {-1, 6, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(type); i++) {
        catzilla_region_t *region = (catzilla_region_t *)&region;
        assert_int_equal(catzilla_region_create((catzilla_memory_type_t)type[i], &region),
                         CATZILLA_ERR_INVALID);
        assert_null(region);
    }
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_TASK, NULL), CATZILLA_ERR_INVALID);
    catzilla_region_reset(NULL);
    catzilla_region_destroy(NULL);
}

/* The order in which cleanups ran, and what they saw. */
static char trace[64];
static size_t traced;
static catzilla_region_t *traced_region;

static void note(void *data)
{
    trace[traced++] = *(const char *)data;
}

static void note_and_add_another(void *data)
{
    note(data);
    char *late = catzilla_region_strdup(traced_region, "z");
    assert_non_null(late);
    assert_int_equal(catzilla_region_add_cleanup(traced_region, note, late), 0);
}

static void cleanups_run_in_reverse_and_see_their_blocks(void **state)
{
    (void)state;
    for (int by_destroy = 0; by_destroy < 2; by_destroy++) {
        catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
        traced = 0;
        traced_region = region;
        for (char name = 'a'; name <= 'e'; name++) {
            char *block = catzilla_region_alloc(region, 1);
            assert_non_null(block);
            *block = name;
            assert_int_equal(catzilla_region_add_cleanup(
                                 region, name == 'c' ? note_and_add_another : note, block),
                             0);
            /* Far enough apart to lie in chunks of their own. */
            for (int i = 0; i < 9; i++)
                assert_non_null(catzilla_region_alloc(region, 1000));
        }
        if (by_destroy) {
            catzilla_region_destroy(region);
        } else {
            catzilla_region_reset(region);
            assert_int_equal(catzilla_region_used(region), 0);
        }
        assert_int_equal(traced, 6);
        assert_memory_equal(trace, "edczba", 6);
        if (!by_destroy) {
            catzilla_region_destroy(region);
            assert_int_equal(traced, 6);
        }
    }
    assert_int_equal(usage_of_all(), 0);
}

static void a_cancelled_cleanup_does_not_run(void **state)
{
    static char a = 'a';
    static char b = 'b';
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    traced = 0;
    assert_int_equal(catzilla_region_add_cleanup(region, NULL, &a), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_region_add_cleanup(region, note, &a), 0);
    assert_int_equal(catzilla_region_add_cleanup(region, note, &b), 0);
    assert_int_equal(catzilla_region_add_cleanup(region, note, &a), 0);
    assert_int_equal(catzilla_region_cancel_cleanup(region, note, &a), 0);
    catzilla_region_reset(region);
    assert_int_equal(traced, 2);
    assert_memory_equal(trace, "ba", 2);
    assert_int_equal(catzilla_region_cancel_cleanup(region, note, &b), CATZILLA_ERR_INVALID);
    catzilla_region_destroy(region);
    assert_int_equal(traced, 2);
}

static void a_limit_refuses_and_says_so(void **state)
{
    catzilla_memory_refusal_t refusal;
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_REQUEST);
    catzilla_region_set_limit(region, 10000);
    assert_non_null(catzilla_region_alloc(region, 9000));
    errno = 0;
    assert_null(catzilla_region_alloc(region, 2000));
    assert_int_equal(errno, ENOMEM);
    catzilla_memory_last_refusal(&refusal);
    assert_int_equal(refusal.code, CATZILLA_ERR_BUDGET);
    assert_int_equal(refusal.of, CATZILLA_MEMORY_REQUEST);
    assert_int_equal(refusal.limit, 10000);
    assert_int_equal(refusal.size, 2000);
    /* 9,000 bytes count as 9,008, so that 992 fit, to the byte. */
    assert_null(catzilla_region_alloc(region, 993));
    assert_non_null(catzilla_region_alloc(region, 992));
    assert_null(catzilla_region_alloc(region, 1));
    assert_int_equal(catzilla_region_used(region), 10000);
    catzilla_region_set_limit(region, SIZE_MAX);
    assert_non_null(catzilla_region_alloc(region, 100000));
    /* Lowered below what is in use: nothing more until it fits. */
    catzilla_region_set_limit(region, 50);
    assert_null(catzilla_region_alloc(region, 1));
    catzilla_region_reset(region);
    assert_non_null(catzilla_region_alloc(region, 48));
    assert_null(catzilla_region_alloc(region, 1));
    catzilla_region_set_limit(region, 0);
    catzilla_region_reset(region);
    assert_null(catzilla_region_alloc(region, 1));
    assert_null(catzilla_region_alloc(region, 0));
    catzilla_region_destroy(region);
    assert_int_equal(usage_of_all(), 0);
}

static void small_blocks_under_a_limit_fill_it_to_the_byte(void **state)
{
    (void)state;
    catzilla_region_t *region = new_region(CATZILLA_MEMORY_TASK);
    for (int round = 0; round < 100; round++) {
        size_t blocks = 0;
        catzilla_region_set_limit(region, 100000);
        while (catzilla_region_alloc(region, 32) != NULL)
            blocks++;
        assert_int_equal(blocks, 100000 / 32);
        catzilla_region_reset(region);
    }
    catzilla_region_destroy(region);
}

static void read_after_reset(void)
{
    catzilla_region_t *region = NULL;
    if (catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) != 0)
        return;
    volatile char *block = catzilla_region_zalloc(region, 100);
    catzilla_region_reset(region);
    (void)block[50];
}

static void read_behind_a_block(void)
{
    catzilla_region_t *region = NULL;
    if (catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) != 0)
        return;
    volatile char *block = catzilla_region_zalloc(region, 100);
    catzilla_region_zalloc(region, 100);
    (void)block[112];
}

static void address_sanitizer_sees_each_block_alone(void **state)
{
    static void (*const fault[])(void) = {read_after_reset, read_behind_a_block};
    char text[4096];
    (void)state;
    if (!under_address_sanitizer())
        skip();
    for (size_t i = 0; i < COUNT_OF(fault); i++) {
        assert_int_not_equal(status_of_child(fault[i], text, sizeof text), 0);
        assert_non_null(strstr(text, "AddressSanitizer"));
    }
}

static void *end_it_elsewhere(void *region)
{
    if (catzilla_region_alloc(region, 100) == NULL)
        return region;
    catzilla_region_destroy(region);
    return NULL;
}

static void a_region_may_pass_to_another_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *failed = NULL;
        catzilla_region_t *region = new_region(CATZILLA_MEMORY_TASK);
        for (int j = 0; j < 30; j++)
            assert_non_null(catzilla_region_alloc(region, 2000));
        assert_int_equal(pthread_create(&thread, NULL, end_it_elsewhere, region), 0);
        pthread_join(thread, &failed);
        assert_null(failed);
    }
    assert_int_equal(usage_of_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_apart_and_of_the_class),
        cmocka_unit_test(reset_ends_the_blocks_and_keeps_one_chunk),
        cmocka_unit_test(a_region_lives_in_its_first_chunk_and_keeps_it),
        cmocka_unit_test(a_region_in_steady_state_makes_no_allocator_call),
        cmocka_unit_test(chunks_are_used_again_by_the_thread),
        cmocka_unit_test(zalloc_gives_zeroes_after_a_reset),
        cmocka_unit_test(aligned_blocks_are_aligned_large_ones_too),
        cmocka_unit_test(empty_blocks_have_addresses_of_their_own),
        cmocka_unit_test(text_is_copied_and_printed_into_the_region),
        cmocka_unit_test(a_size_past_everything_is_refused),
        cmocka_unit_test(a_region_of_no_class_is_refused),
        cmocka_unit_test(cleanups_run_in_reverse_and_see_their_blocks),
        cmocka_unit_test(a_cancelled_cleanup_does_not_run),
        cmocka_unit_test(a_limit_refuses_and_says_so),
        cmocka_unit_test(small_blocks_under_a_limit_fill_it_to_the_byte),
        cmocka_unit_test(address_sanitizer_sees_each_block_alone),
        cmocka_unit_test(a_region_may_pass_to_another_thread),
    };
    return run_isolated("memory regions", tests, COUNT_OF(tests), use_allocator_under_test);
}
