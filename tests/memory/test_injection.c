/* Fault injection: in debug mode an allocation of a class fails when asked to, and everything else
 * goes on. */
#include "support.h"

#include <errno.h>
#include <string.h>

static void outside_debug_mode_nothing_is_injected(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_fail_after(CATZILLA_MEMORY_TASK, 0), CATZILLA_ERR_STATE);
    void *block = catzilla_task_alloc(10);
    assert_non_null(block);
    catzilla_free(block);
}

static void the_nth_allocation_of_the_class_fails_once(void **state)
{
    void *block[20];
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (long n = 0; n < 10; n++) {
            assert_int_equal(catzilla_memory_fail_after(memory_class[class].type, n), 0);
            for (long i = 0; i < 20; i++) {
                void *other = memory_class[(class + 1) % MEMORY_CLASSES].alloc(50);
                assert_non_null(other);
                catzilla_free(other);
                errno = 0;
                block[i] = memory_class[class].alloc(50);
                if ((block[i] == NULL) != (i == n))
                    fail_msg("%s: allocation %ld of %ld", memory_class[class].name, i, n);
                if (i == n)
                    assert_int_equal(errno, ENOMEM);
            }
            for (long i = 0; i < 20; i++)
                catzilla_free(block[i]);
        }
    assert_int_equal(usage_of_all(), 0);
}

static void every_way_to_allocate_can_fail(void **state)
{
    const catzilla_memory_type_t type = CATZILLA_MEMORY_CACHE;
    catzilla_region_t *region = NULL;
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    char *kept = catzilla_cache_alloc(100);
    assert_non_null(kept);
    memset(kept, 'k', 100);
    char *elsewhere = catzilla_request_alloc(100);
    assert_non_null(elsewhere);
#define FAILS(call)                                                                                \
    do {                                                                                           \
        assert_int_equal(catzilla_memory_fail_after(type, 0), 0);                                  \
        assert_null(call);                                                                         \
    } while (0)
    FAILS(catzilla_memory_zalloc(type, 10));
    FAILS(catzilla_memory_aligned(type, 64, 10));
    FAILS(catzilla_memory_strdup(type, "text"));
    FAILS(catzilla_memory_strndup(type, "text", 2));
    FAILS(catzilla_cache_realloc(NULL, 10));
    FAILS(catzilla_cache_realloc(kept, 100000));
    FAILS(catzilla_memory_promote(elsewhere, type));
#undef FAILS
    assert_int_equal(catzilla_memory_fail_after(type, 0), 0);
    assert_int_equal(catzilla_region_create(type, &region), CATZILLA_ERR_NOMEM);
    assert_null(region);
    for (size_t at = 0; at < 100; at++)
        assert_int_equal(kept[at], 'k');
    assert_int_equal(catzilla_memory_class_of(elsewhere), CATZILLA_MEMORY_REQUEST);
    catzilla_free(elsewhere);
    catzilla_free(kept);
    assert_int_equal(usage_of_all(), 0);
}

static void note(void *data)
{
    ++*(size_t *)data;
}

/* A region's block is refused as any other, and the region goes on as if it had not been asked for.
 */
static void every_way_to_take_from_a_region_can_fail(void **state)
{
    size_t kept = 0;
    size_t refused = 0;
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const catzilla_memory_type_t type = memory_class[class].type;
        catzilla_region_t *region = NULL;
        assert_int_equal(catzilla_region_create(type, &region), 0);
        char *text = catzilla_region_strdup(region, "kept");
        assert_non_null(text);
        assert_int_equal(catzilla_region_add_cleanup(region, note, &kept), 0);
        const size_t used = catzilla_region_used(region);
        const size_t live = usage_of(type);
#define FAILS(call)                                                                                \
    do {                                                                                           \
        assert_int_equal(catzilla_memory_fail_after(type, 0), 0);                                  \
        errno = 0;                                                                                 \
        if ((call) != NULL || errno != ENOMEM)                                                     \
            fail_msg("%s, %s: errno %d", memory_class[class].name, #call, errno);                  \
        assert_int_equal(catzilla_region_used(region), used);                                      \
        assert_int_equal(usage_of(type), live);                                                    \
    } while (0)
        FAILS(catzilla_region_alloc(region, 10));
        FAILS(catzilla_region_alloc(region, 100000));
        FAILS(catzilla_region_zalloc(region, 10));
        FAILS(catzilla_region_aligned(region, 8, 10));
        FAILS(catzilla_region_aligned(region, 256, 10));
        FAILS(catzilla_region_strdup(region, "text"));
        FAILS(catzilla_region_strndup(region, "text", 2));
        FAILS(catzilla_region_printf(region, "%d", 42));
#undef FAILS
        assert_int_equal(catzilla_memory_fail_after(type, 0), 0);
        assert_int_equal(catzilla_region_add_cleanup(region, note, &refused), CATZILLA_ERR_NOMEM);
        assert_int_equal(catzilla_region_cancel_cleanup(region, note, &refused),
                         CATZILLA_ERR_INVALID);
        assert_int_equal(catzilla_region_used(region), used);
        /* The next one has its turn again. */
        assert_string_equal(catzilla_region_printf(region, "%d", 42), "42");
        assert_string_equal(text, "kept");
        catzilla_region_destroy(region);
        assert_int_equal(kept, class + 1);
        assert_int_equal(refused, 0);
        assert_int_equal(usage_of_all(), 0);
    }
}

static void a_negative_number_takes_it_back(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    assert_int_equal(catzilla_memory_fail_after(CATZILLA_MEMORY_TASK, 0), 0);
    assert_int_equal(catzilla_memory_fail_after(CATZILLA_MEMORY_TASK, -1), 0);
    void *block = catzilla_task_alloc(10);
    assert_non_null(block);
    catzilla_free(block);
    assert_int_equal(catzilla_memory_fail_after((catzilla_memory_type_t)6, 0),
                     CATZILLA_ERR_INVALID);
}

/* Allocates five things, or none: what a caller with error paths does. */
static int build(void *part[5])
{
    memset(part, 0, 5 * sizeof *part);
    for (size_t i = 0; i < 5; i++) {
        part[i] = catzilla_malloc(10 * i);
        if (part[i] == NULL) {
            while (i-- > 0)
                catzilla_free(part[i]);
            return CATZILLA_ERR_NOMEM;
        }
    }
    return 0;
}

static void failing_each_allocation_in_turn_ends_when_the_run_succeeds(void **state)
{
    void *part[5];
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    long n = 0;
    for (; n < 100; n++) {
        assert_int_equal(catzilla_memory_fail_after(CATZILLA_MEMORY_GENERAL, n), 0);
        if (build(part) == 0)
            break;
        assert_int_equal(usage_of_all(), 0);
    }
    assert_int_equal(n, 5);
    for (size_t i = 0; i < 5; i++)
        catzilla_free(part[i]);
    assert_int_equal(usage_of_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_debug_mode_nothing_is_injected),
        cmocka_unit_test(the_nth_allocation_of_the_class_fails_once),
        cmocka_unit_test(every_way_to_allocate_can_fail),
        cmocka_unit_test(every_way_to_take_from_a_region_can_fail),
        cmocka_unit_test(a_negative_number_takes_it_back),
        cmocka_unit_test(failing_each_allocation_in_turn_ends_when_the_run_succeeds),
    };
    return run_isolated("memory injection", tests, COUNT_OF(tests), use_allocator_under_test);
}
