/* The memory layer's first suite: the six cases that the layer before this one had to pass. It is
 * never edited, so that it goes on showing that old callers are served; new tests go beside it. */
#include "support.h"

#include <string.h>

static void init_and_cleanup_succeed(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    catzilla_memory_cleanup();
}

static void five_cycles_with_an_allocation_in_each_succeed(void **state)
{
    (void)state;
    for (int cycle = 0; cycle < 5; cycle++) {
        assert_int_equal(catzilla_memory_init(), 0);
        char *block = catzilla_malloc(256);
        assert_non_null(block);
        memset(block, cycle, 256);
        assert_int_equal(block[255], cycle);
        catzilla_free(block);
        catzilla_memory_cleanup();
    }
}

static void blocks_of_64_1024_and_4096_bytes_are_writable_and_apart(void **state)
{
    static const size_t size[] = {64, 1024, 4096};
    unsigned char *block[COUNT_OF(size)];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        block[i] = catzilla_malloc(size[i]);
        assert_non_null(block[i]);
        memset(block[i], 'a' + (int)i, size[i]);
    }
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        for (size_t at = 0; at < size[i]; at++)
            assert_int_equal(block[i][at], 'a' + i);
        catzilla_free(block[i]);
    }
    catzilla_memory_cleanup();
}

static void statistics_name_the_request_response_and_cache_arenas(void **state)
{
    catzilla_memory_stats_t stats;
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    void *block = catzilla_malloc(1024);
    assert_non_null(block);
    catzilla_memory_get_stats(&stats);
    assert_true(stats.allocated >= 1024);
    if (catzilla_memory_get_current_allocator() == CATZILLA_ALLOCATOR_JEMALLOC) {
        assert_int_not_equal(stats.request_arena, 0);
        assert_int_not_equal(stats.response_arena, 0);
        assert_int_not_equal(stats.cache_arena, 0);
    } else {
        assert_int_equal(stats.request_arena, 0);
        assert_int_equal(stats.response_arena, 0);
        assert_int_equal(stats.cache_arena, 0);
    }
    catzilla_free(block);
    catzilla_memory_cleanup();
}

static void request_response_and_cache_blocks_are_taken_and_freed(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    char *request = catzilla_request_alloc(512);
    char *response = catzilla_response_alloc(1024);
    char *cache = catzilla_cache_alloc(2048);
    assert_non_null(request);
    assert_non_null(response);
    assert_non_null(cache);
    memset(request, 'q', 512);
    memset(response, 'p', 1024);
    memset(cache, 'c', 2048);
    assert_int_equal(request[511], 'q');
    assert_int_equal(response[1023], 'p');
    assert_int_equal(cache[2047], 'c');
    catzilla_request_free(request);
    catzilla_response_free(response);
    catzilla_cache_free(cache);
    catzilla_memory_cleanup();
}

static void every_second_of_100_interleaved_blocks_is_freed_and_taken_again(void **state)
{
    enum { BLOCKS = 100 };
    unsigned char *block[BLOCKS];
    size_t size[BLOCKS];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        size[i] = 16 + 16 * (i % 10);
        block[i] = catzilla_malloc(size[i]);
        assert_non_null(block[i]);
        memset(block[i], (int)i, size[i]);
    }
    for (size_t i = 0; i < BLOCKS; i += 2)
        catzilla_free(block[i]);
    for (size_t i = 0; i < BLOCKS; i += 2) {
        block[i] = catzilla_malloc(size[i]);
        assert_non_null(block[i]);
        memset(block[i], (int)i, size[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(block[i][0], i);
        assert_int_equal(block[i][size[i] - 1], i);
        catzilla_free(block[i]);
    }
    catzilla_memory_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_and_cleanup_succeed),
        cmocka_unit_test(five_cycles_with_an_allocation_in_each_succeed),
        cmocka_unit_test(blocks_of_64_1024_and_4096_bytes_are_writable_and_apart),
        cmocka_unit_test(statistics_name_the_request_response_and_cache_arenas),
        cmocka_unit_test(request_response_and_cache_blocks_are_taken_and_freed),
        cmocka_unit_test(every_second_of_100_interleaved_blocks_is_freed_and_taken_again),
    };
    use_allocator_under_test();
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
