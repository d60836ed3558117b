/* Blocks kept for reuse, and what a look at one that waits is taken for. */
#include "http/pool.h"

#include <catzilla/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t live(void)
{
    catzilla_memory_stats_t stats;
    catzilla_memory_get_stats(&stats);
    return stats.request_arena_usage;
}

/* Where AddressSanitizer watches. */
static void expect_hidden(const char *block, size_t size, bool hidden)
{
#ifdef CZ_POOL_POISONS
    assert_int_equal(__asan_address_is_poisoned(block) != 0, hidden);
    assert_int_equal(__asan_address_is_poisoned(block + size - 1) != 0, hidden);
#else
    (void)block;
    (void)size;
    (void)hidden;
#endif
}

static void a_block_that_waits_is_nobodys(void **state)
{
    cz_pool_t pool;
    size_t size, again;
    (void)state;
    cz_pool_init(&pool, catzilla_request_alloc, catzilla_request_free, 65536);
    char *block = cz_pool_take(&pool, 1000, &size);
    assert_non_null(block);
    assert_int_equal(size, 1024);
    for (int i = 0; i < 2; i++) {
        expect_hidden(block, size, false);
        cz_pool_give(&pool, block, size);
        expect_hidden(block, size, true);
        assert_ptr_equal(cz_pool_take(&pool, 513, &again), block);
        assert_int_equal(again, size);
    }
    cz_pool_give(&pool, block, size);
    cz_pool_trim(&pool);
    assert_int_equal(live(), 0);
}

static void what_passes_the_limit_goes_back_at_once(void **state)
{
    cz_pool_t pool;
    size_t size;
    (void)state;
    cz_pool_init(&pool, catzilla_request_alloc, catzilla_request_free, 0);
    char *block = cz_pool_take(&pool, 1, &size);
    assert_non_null(block);
    cz_pool_give(&pool, block, size);
    assert_int_equal(live(), 0);
    assert_int_equal(pool.cached_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_waits_is_nobodys),
        cmocka_unit_test(what_passes_the_limit_goes_back_at_once),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
