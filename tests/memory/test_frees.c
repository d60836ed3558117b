/* Any free takes any block: every allocating function with every freeing one. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct way_in {
    const char *name;
    void *(*take)(size_t size);
    catzilla_memory_type_t type;
} way_in_t;

static void *calloc_one(size_t size)
{
    return catzilla_calloc(1, size);
}
static void *realloc_null(size_t size)
{
    return catzilla_realloc(NULL, size);
}
static void *request_realloc_null(size_t size)
{
    return catzilla_request_realloc(NULL, size);
}
static void *response_realloc_null(size_t size)
{
    return catzilla_response_realloc(NULL, size);
}
static void *cache_realloc_null(size_t size)
{
    return catzilla_cache_realloc(NULL, size);
}
static void *static_realloc_null(size_t size)
{
    return catzilla_static_realloc(NULL, size);
}
static void *task_realloc_null(size_t size)
{
    return catzilla_task_realloc(NULL, size);
}
static void *promoted(size_t size)
{
    return catzilla_cache_realloc(catzilla_request_alloc(size), size);
}

static const way_in_t way_in[] = {
    {"malloc", catzilla_malloc, CATZILLA_MEMORY_GENERAL},
    {"calloc", calloc_one, CATZILLA_MEMORY_GENERAL},
    {"realloc(NULL)", realloc_null, CATZILLA_MEMORY_GENERAL},
    {"request_alloc", catzilla_request_alloc, CATZILLA_MEMORY_REQUEST},
    {"response_alloc", catzilla_response_alloc, CATZILLA_MEMORY_RESPONSE},
    {"cache_alloc", catzilla_cache_alloc, CATZILLA_MEMORY_CACHE},
    {"static_alloc", catzilla_static_alloc, CATZILLA_MEMORY_STATIC},
    {"task_alloc", catzilla_task_alloc, CATZILLA_MEMORY_TASK},
    {"request_realloc(NULL)", request_realloc_null, CATZILLA_MEMORY_REQUEST},
    {"response_realloc(NULL)", response_realloc_null, CATZILLA_MEMORY_RESPONSE},
    {"cache_realloc(NULL)", cache_realloc_null, CATZILLA_MEMORY_CACHE},
    {"static_realloc(NULL)", static_realloc_null, CATZILLA_MEMORY_STATIC},
    {"task_realloc(NULL)", task_realloc_null, CATZILLA_MEMORY_TASK},
    {"cache_realloc(request_alloc)", promoted, CATZILLA_MEMORY_CACHE},
};

/* From the smallest block to one that has pages of its own; each is a jemalloc size class, so that
 * usage counts the same on both backends. */
static const size_t size_table[] = {16, 64, 1024, 4096, 16384, 1u << 20};

static void check_pair(const way_in_t *in, const memory_class_t *out, size_t size)
{
    const size_t before = usage_of(in->type);
    unsigned char *block = in->take(size);
    if (block == NULL)
        fail_msg("%s(%zu) returned NULL", in->name, size);
    memset(block, 0x5a, size);
    if (usage_of(in->type) != before + size)
        fail_msg("%s(%zu) moved the usage of its class from %zu to %zu", in->name, size, before,
                 usage_of(in->type));
    out->free(block);
    if (usage_of(in->type) != before)
        fail_msg("%s(%zu), freed as %s, left %zu of %zu live bytes", in->name, size, out->name,
                 usage_of(in->type), before);
}

static void every_free_takes_a_block_of_every_alloc(void **state)
{
    (void)state;
    for (size_t in = 0; in < COUNT_OF(way_in); in++)
        for (size_t out = 0; out < MEMORY_CLASSES; out++)
            for (size_t i = 0; i < COUNT_OF(size_table); i++)
                check_pair(&way_in[in], &memory_class[out], size_table[i]);
    assert_int_equal(usage_of_all(), 0);
}

static void a_block_freed_by_another_class_returns_to_its_own(void **state)
{
    enum { BLOCKS = 200 };
    void *block[BLOCKS];
    (void)state;
    /* Enough of them that a thread cache that mixed the classes up would hand some out again. */
    for (size_t i = 0; i < BLOCKS; i++)
        assert_non_null(block[i] = catzilla_request_alloc(256));
    for (size_t i = 0; i < BLOCKS; i++)
        catzilla_static_free(block[i]);
    assert_int_equal(usage_of(CATZILLA_MEMORY_REQUEST), 0);
    assert_int_equal(usage_of(CATZILLA_MEMORY_STATIC), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        void *fresh = catzilla_static_alloc(256);
        assert_non_null(fresh);
        for (size_t j = 0; j < BLOCKS; j++)
            if (jemalloc_is_under_test())
                assert_ptr_not_equal(fresh, block[j]);
        catzilla_static_free(fresh);
    }
}

static void freeing_null_is_a_no_op(void **state)
{
    catzilla_memory_stats_t before;
    catzilla_memory_stats_t after;
    (void)state;
    catzilla_memory_get_stats(&before);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        memory_class[i].free(NULL);
    catzilla_python_safe_free(NULL);
    catzilla_memory_get_stats(&after);
    assert_int_equal(after.deallocation_count, before.deallocation_count);
    assert_int_equal(after.allocated, before.allocated);
}

static void free_keeps_errno(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(size_table); i++) {
        void *block = catzilla_task_alloc(size_table[i]);
        assert_non_null(block);
        errno = EXDEV;
        catzilla_task_free(block);
        assert_int_equal(errno, EXDEV);
    }
}

/* The whole point of these four: the host may release what they returned. */
static void a_hosts_free_takes_python_safe_blocks(void **state)
{
    (void)state;
    const size_t before = usage_of_all();
    unsigned char *block = catzilla_python_safe_alloc(100);
    assert_non_null(block);
    memset(block, 7, 100);
    free(block);

    block = catzilla_python_safe_calloc(10, 10);
    assert_non_null(block);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    free(block);

    block = catzilla_python_safe_realloc(NULL, 100);
    assert_non_null(block);
    memset(block, 7, 100);
    block = catzilla_python_safe_realloc(block, 100000);
    assert_non_null(block);
    assert_int_equal(block[99], 7);
    free(block);

    block = malloc(100);
    assert_non_null(block);
    catzilla_python_safe_free(block);
    assert_int_equal(usage_of_all(), before);
}

static void python_safe_calloc_refuses_a_product_that_overflows(void **state)
{
    (void)state;
    errno = 0;
    assert_null(catzilla_python_safe_calloc(SIZE_MAX / 2 + 2, 2));
    /* Valgrind's stand-in for calloc leaves errno alone. */
    if (getenv("CATZILLA_TEST_VALGRIND") == NULL)
        assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_free_takes_a_block_of_every_alloc),
        cmocka_unit_test(a_block_freed_by_another_class_returns_to_its_own),
        cmocka_unit_test(freeing_null_is_a_no_op),
        cmocka_unit_test(free_keeps_errno),
        cmocka_unit_test(a_hosts_free_takes_python_safe_blocks),
        cmocka_unit_test(python_safe_calloc_refuses_a_product_that_overflows),
    };
    return run_isolated("memory frees", tests, COUNT_OF(tests), use_allocator_under_test);
}
