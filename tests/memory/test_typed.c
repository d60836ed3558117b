/* The typed interface in its one shape, for every class alike. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const int no_class[] = {-1, 6, INT32_MAX};

static void typed_blocks_are_of_their_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        const catzilla_memory_type_t type = memory_class[i].type;
        void *block[] = {
            catzilla_memory_alloc(type, 100),          catzilla_memory_zalloc(type, 100),
            catzilla_memory_aligned(type, 64, 100),    catzilla_memory_realloc(type, NULL, 100),
            catzilla_memory_strdup(type, "text"),      catzilla_memory_strndup(type, "text", 2),
            catzilla_memory_alloc(type, 3u << 20),     catzilla_memory_zalloc(type, 3u << 20),
            catzilla_memory_aligned(type, 8192, 5000), catzilla_memory_alloc(type, 0),
        };
        for (size_t j = 0; j < COUNT_OF(block); j++) {
            assert_non_null(block[j]);
            if (catzilla_memory_class_of(block[j]) != (int)i)
                fail_msg("%s, way %zu: class %d", memory_class[i].name, j,
                         catzilla_memory_class_of(block[j]));
            memory_class[(i + j) % MEMORY_CLASSES].free(block[j]);
        }
        assert_int_equal(usage_of_all(), 0);
    }
}

static void a_class_out_of_range_is_refused_with_einval(void **state)
{
    (void)state;
    void *kept = catzilla_cache_alloc(64);
    assert_non_null(kept);
    for (size_t i = 0; i < COUNT_OF(no_class); i++) {
        const catzilla_memory_type_t type = (catzilla_memory_type_t)no_class[i];
#define REFUSES(call)                                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_null(call);                                                                         \
        assert_int_equal(errno, EINVAL);                                                           \
    } while (0)
        REFUSES(catzilla_memory_alloc(type, 8));
        REFUSES(catzilla_memory_zalloc(type, 8));
        REFUSES(catzilla_memory_aligned(type, 16, 8));
        REFUSES(catzilla_memory_realloc(type, kept, 8));
        REFUSES(catzilla_memory_strdup(type, "text"));
        REFUSES(catzilla_memory_strndup(type, "text", 2));
        REFUSES(catzilla_memory_promote(kept, type));
#undef REFUSES
    }
    assert_int_equal(catzilla_memory_class_of(kept), CATZILLA_MEMORY_CACHE);
    catzilla_free(kept);
    assert_int_equal(usage_of_all(), 0);
}

static void zalloc_gives_zeroes_where_a_dirty_block_lay(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        for (size_t size = 1; size < 70000; size += size / 2 + 3) {
            unsigned char *dirty = memory_class[i].alloc(size);
            assert_non_null(dirty);
            memset(dirty, 0xff, size);
            memory_class[i].free(dirty);
            unsigned char *clean = catzilla_memory_zalloc(memory_class[i].type, size);
            assert_non_null(clean);
            for (size_t at = 0; at < size; at++)
                if (clean[at] != 0)
                    fail_msg("%s: byte %zu of %zu is %u", memory_class[i].name, at, size,
                             clean[at]);
            catzilla_free(clean);
        }
}

static void aligned_blocks_are_aligned_and_apart(void **state)
{
    static const size_t size[] = {0, 1, 24, 100, 1000, 4096, 5000, 40000};
    (void)state;
    for (size_t alignment = 1; alignment <= 1u << 16; alignment *= 2)
        for (size_t i = 0; i < COUNT_OF(size); i++) {
            const catzilla_memory_type_t type = memory_class[i % MEMORY_CLASSES].type;
            char *first = catzilla_memory_aligned(type, alignment, size[i]);
            char *second = catzilla_memory_aligned(type, alignment, size[i]);
            assert_non_null(first);
            assert_non_null(second);
            assert_ptr_not_equal(first, second);
            if ((uintptr_t)first % alignment != 0 || (uintptr_t)second % alignment != 0)
                fail_msg("%zu bytes at %p, not a multiple of %zu", size[i], (void *)first,
                         alignment);
            memset(first, 'a', size[i]);
            memset(second, 'b', size[i]);
            for (size_t at = 0; at < size[i]; at++)
                assert_int_equal(first[at], 'a');
            assert_true(catzilla_memory_usable_size(first) >= size[i]);
            catzilla_free(first);
            catzilla_free(second);
        }
    assert_int_equal(usage_of_all(), 0);
}

static void an_alignment_that_is_no_power_of_two_is_refused(void **state)
{
    static const size_t alignment[] = {0, 3, 24, 4095, SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(alignment); i++) {
        errno = 0;
        assert_null(catzilla_memory_aligned(CATZILLA_MEMORY_TASK, alignment[i], 64));
        assert_int_equal(errno, EINVAL);
    }
    errno = 0;
    assert_null(catzilla_memory_aligned(CATZILLA_MEMORY_TASK, 64, SIZE_MAX - 10));
    assert_int_equal(errno, ENOMEM);
}

static void an_aligned_block_is_reallocated_with_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        char *block = catzilla_memory_aligned(CATZILLA_MEMORY_STATIC, 4096, 100);
        assert_non_null(block);
        memset(block, 'r', 100);
        block = catzilla_memory_realloc(memory_class[i].type, block, 100000);
        assert_non_null(block);
        for (size_t at = 0; at < 100; at++)
            assert_int_equal(block[at], 'r');
        catzilla_free(block);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void usable_size_is_what_may_be_written(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_usable_size(NULL), 0);
    for (size_t size = 0; size < 100000; size += size / 3 + 1) {
        char *block = catzilla_response_alloc(size);
        assert_non_null(block);
        const size_t usable = catzilla_memory_usable_size(block);
        assert_in_range(usable, size, size + size / 4 + 16);
        memset(block, 1, usable);
        catzilla_response_free(block);
    }
}

static void copies_of_text_end_in_nul(void **state)
{
    static const char text[] = "a text of some length";
    (void)state;
    char *whole = catzilla_memory_strdup(CATZILLA_MEMORY_CACHE, text);
    assert_string_equal(whole, text);
    static const struct {
        size_t length;
        const char *expected;
    } row[] = {{0, ""}, {1, "a"}, {6, "a text"}, {21, text}, {22, text}, {SIZE_MAX, text}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char *part = catzilla_memory_strndup(CATZILLA_MEMORY_CACHE, text, row[i].length);
        assert_string_equal(part, row[i].expected);
        catzilla_free(part);
    }
    /* The source need not end in NUL where the length says enough. */
    const char unended[4] = {'n', 'o', 'n', 'e'};
    char *copy = catzilla_memory_strndup(CATZILLA_MEMORY_TASK, unended, sizeof unended);
    assert_string_equal(copy, "none");
    catzilla_free(copy);
    catzilla_free(whole);
    errno = 0;
    assert_null(catzilla_memory_strdup(CATZILLA_MEMORY_CACHE, NULL));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(catzilla_memory_strndup(CATZILLA_MEMORY_CACHE, NULL, 3));
    assert_int_equal(errno, EINVAL);
}

static void promote_moves_to_the_class_and_keeps_the_bytes(void **state)
{
    (void)state;
    for (size_t from = 0; from < MEMORY_CLASSES; from++)
        for (size_t to = 0; to < MEMORY_CLASSES; to++) {
            char *block = memory_class[from].alloc(1024);
            assert_non_null(block);
            memset(block, 'p', 1024);
            char *moved = catzilla_memory_promote(block, memory_class[to].type);
            assert_non_null(moved);
            if (from == to)
                assert_ptr_equal(moved, block);
            assert_int_equal(catzilla_memory_class_of(moved), to);
            assert_int_equal(usage_of(memory_class[to].type), 1024);
            assert_int_equal(usage_of_all(), 1024);
            for (size_t at = 0; at < 1024; at++)
                assert_int_equal(moved[at], 'p');
            catzilla_free(moved);
        }
    errno = 0;
    assert_null(catzilla_memory_promote(NULL, CATZILLA_MEMORY_CACHE));
    assert_int_equal(errno, EINVAL);
}

static void free_sized_frees_whatever_it_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        void *own = memory_class[i].alloc(100);
        void *foreign = memory_class[i].alloc(100);
        errno = EXDEV;
        catzilla_memory_free_sized(memory_class[i].type, own, 100);
        catzilla_memory_free_sized(memory_class[(i + 1) % MEMORY_CLASSES].type, foreign, 100);
        catzilla_memory_free_sized(memory_class[i].type, NULL, 100);
        assert_int_equal(errno, EXDEV);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void the_recording_macros_are_the_functions(void **state)
{
    (void)state;
    char *block[] = {
        CATZILLA_MALLOC(10),
        CATZILLA_ALLOC(CATZILLA_MEMORY_TASK, 10),
        CATZILLA_ZALLOC(CATZILLA_MEMORY_TASK, 10),
        CATZILLA_ALIGNED(CATZILLA_MEMORY_TASK, 128, 10),
        CATZILLA_STRDUP(CATZILLA_MEMORY_TASK, "text"),
        CATZILLA_STRNDUP(CATZILLA_MEMORY_TASK, "text", 2),
    };
    assert_int_equal(block[2][9], 0);
    assert_int_equal((uintptr_t)block[3] % 128, 0);
    assert_string_equal(block[4], "text");
    assert_string_equal(block[5], "te");
    block[0] = CATZILLA_REALLOC(CATZILLA_MEMORY_CACHE, block[0], 20);
    assert_int_equal(catzilla_memory_class_of(block[0]), CATZILLA_MEMORY_CACHE);
    block[1] = CATZILLA_PROMOTE(block[1], CATZILLA_MEMORY_STATIC);
    assert_int_equal(catzilla_memory_class_of(block[1]), CATZILLA_MEMORY_STATIC);
    for (size_t i = 0; i < COUNT_OF(block); i++)
        CATZILLA_FREE(block[i]);
    CATZILLA_FREE(NULL);
    assert_int_equal(usage_of_all(), 0);
}

static void the_recording_macros_take_their_arguments_once(void **state)
{
    size_t size = 100;
    (void)state;
    catzilla_free(CATZILLA_MALLOC(size++));
    catzilla_free(CATZILLA_ALLOC(CATZILLA_MEMORY_TASK, size++));
    catzilla_free(CATZILLA_ZALLOC(CATZILLA_MEMORY_TASK, size++));
    catzilla_free(CATZILLA_ALIGNED(CATZILLA_MEMORY_TASK, 64, size++));
    void *block = CATZILLA_REALLOC(CATZILLA_MEMORY_TASK, NULL, size++);
    assert_int_equal(size, 105);
    CATZILLA_FREE_SIZED(CATZILLA_MEMORY_TASK, block, 104 + (size++ - 105));
    assert_int_equal(size, 106);
    assert_int_equal(usage_of_all(), 0);
}

static void keep_message(int level, const char *message, void *user_data)
{
    assert_int_equal(level, CATZILLA_MEMORY_LOG_ERROR);
    snprintf(user_data, 256, "%s", message);
}

static void a_hosts_block_is_recognised_reported_and_kept(void **state)
{
    char message[256] = "";
    (void)state;
    void *ours = catzilla_malloc(100);
    assert_non_null(ours);
    catzilla_memory_set_log(keep_message, message);
    /* Volatile, or the compiler finds out as well. */
    char *volatile hosts = hosts_block(100);
    strcpy(hosts, "kept");
    assert_int_equal(catzilla_memory_class_of(hosts), -1);
    catzilla_free(hosts);
    assert_non_null(strstr(message, "freed"));
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        message[0] = '\0';
        errno = 0;
        assert_null(memory_class[i].realloc(hosts, 200));
        assert_int_equal(errno, ENOMEM);
        assert_non_null(strstr(message, "resized"));
    }
    message[0] = '\0';
    assert_null(catzilla_memory_promote(hosts, CATZILLA_MEMORY_CACHE));
    assert_non_null(strstr(message, "resized"));
    assert_string_equal(hosts, "kept");
    catzilla_python_safe_free(hosts);
    assert_int_equal(usage_of_all(), usage_of(CATZILLA_MEMORY_GENERAL));
    catzilla_free(ours);
    assert_int_equal(usage_of_all(), 0);
    catzilla_memory_stats_t stats;
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocation_count, 1);
    assert_int_equal(stats.deallocation_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_blocks_are_of_their_class),
        cmocka_unit_test(a_class_out_of_range_is_refused_with_einval),
        cmocka_unit_test(zalloc_gives_zeroes_where_a_dirty_block_lay),
        cmocka_unit_test(aligned_blocks_are_aligned_and_apart),
        cmocka_unit_test(an_alignment_that_is_no_power_of_two_is_refused),
        cmocka_unit_test(an_aligned_block_is_reallocated_with_its_bytes),
        cmocka_unit_test(usable_size_is_what_may_be_written),
        cmocka_unit_test(copies_of_text_end_in_nul),
        cmocka_unit_test(promote_moves_to_the_class_and_keeps_the_bytes),
        cmocka_unit_test(free_sized_frees_whatever_it_is_told),
        cmocka_unit_test(the_recording_macros_are_the_functions),
        cmocka_unit_test(the_recording_macros_take_their_arguments_once),
        cmocka_unit_test(a_hosts_block_is_recognised_reported_and_kept),
    };
    return run_isolated("memory typed", tests, COUNT_OF(tests), use_allocator_under_test);
}
