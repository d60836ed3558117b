/* Choosing the allocator: free before the first use, fixed after it, and never an error for asking
 * again for what is in force. */
#include "support.h"

#include <string.h>

static catzilla_allocator_type_t wanted(void)
{
    return jemalloc_is_under_test() ? CATZILLA_ALLOCATOR_JEMALLOC : CATZILLA_ALLOCATOR_MALLOC;
}

static catzilla_allocator_type_t other(void)
{
    return jemalloc_is_under_test() ? CATZILLA_ALLOCATOR_MALLOC : CATZILLA_ALLOCATOR_JEMALLOC;
}

/* What asking for the other one costs once the choice is made. */
static int refusal(void)
{
    return catzilla_memory_has_jemalloc() ? CATZILLA_ERR_STATE : CATZILLA_ERR_UNSUPPORTED;
}

static void the_two_questions_about_jemalloc_agree(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_has_jemalloc(), catzilla_memory_jemalloc_available());
}

static void the_default_is_jemalloc_where_it_is_built_in(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), catzilla_memory_has_jemalloc()
                                                                  ? CATZILLA_ALLOCATOR_JEMALLOC
                                                                  : CATZILLA_ALLOCATOR_MALLOC);
}

static void a_choice_before_the_first_use_holds(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), wanted());
    catzilla_free(catzilla_malloc(64));
    assert_int_equal(catzilla_memory_get_current_allocator(), wanted());
}

static void a_choice_may_change_until_the_first_use(void **state)
{
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    assert_int_equal(catzilla_memory_set_allocator(other()), 0);
    assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), wanted());
}

static void after_init_the_same_succeeds_and_another_fails(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init_with_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_init_with_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_set_allocator(other()), refusal());
    assert_int_equal(catzilla_memory_init_with_allocator(other()), refusal());
    assert_int_equal(catzilla_memory_get_current_allocator(), wanted());
}

static void after_an_allocation_the_same_succeeds_and_another_fails(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
    void *block = catzilla_task_alloc(64);
    assert_non_null(block);
    assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
    assert_int_equal(catzilla_memory_set_allocator(other()), refusal());
    catzilla_free(block);
    assert_int_equal(catzilla_memory_set_allocator(other()), refusal());
}

static void a_cleanup_does_not_reopen_the_choice(void **state)
{
    (void)state;
    for (int cycle = 0; cycle < 3; cycle++) {
        assert_int_equal(catzilla_memory_init_with_allocator(wanted()), 0);
        catzilla_memory_cleanup();
        assert_int_equal(catzilla_memory_set_allocator(wanted()), 0);
        assert_int_equal(catzilla_memory_set_allocator(other()), refusal());
    }
}

static void jemalloc_is_unsupported_where_it_is_not_built_in(void **state)
{
    (void)state;
    if (catzilla_memory_has_jemalloc())
        skip();
    assert_int_equal(catzilla_memory_set_allocator(CATZILLA_ALLOCATOR_JEMALLOC),
                     CATZILLA_ERR_UNSUPPORTED);
    assert_int_equal(catzilla_memory_init_with_allocator(CATZILLA_ALLOCATOR_JEMALLOC),
                     CATZILLA_ERR_UNSUPPORTED);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), CATZILLA_ALLOCATOR_MALLOC);
}

static void an_allocator_out_of_range_is_refused(void **state)
{
    static const int type[] = {-1, 2, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(type); i++) {
        const catzilla_allocator_type_t wrong = (catzilla_allocator_type_t)type[i];
        assert_int_equal(catzilla_memory_set_allocator(wrong), CATZILLA_ERR_INVALID);
        assert_int_equal(catzilla_memory_init_with_allocator(wrong), CATZILLA_ERR_INVALID);
    }
    assert_int_equal(catzilla_memory_init(), 0);
}

static void every_error_code_has_a_text_of_its_own(void **state)
{
    static const int code[] = {0,
                               CATZILLA_ERR_STATE,
                               CATZILLA_ERR_UNSUPPORTED,
                               CATZILLA_ERR_NOMEM,
                               CATZILLA_ERR_INVALID,
                               CATZILLA_ERR_BUDGET,
                               CATZILLA_ERR_CORRUPT};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(code); i++) {
        const char *text = catzilla_memory_strerror(code[i]);
        assert_non_null(text);
        assert_int_not_equal(text[0], '\0');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, catzilla_memory_strerror(code[j]));
    }
    assert_non_null(catzilla_memory_strerror(-31));
    assert_non_null(catzilla_memory_strerror(INT32_MIN));
    assert_non_null(catzilla_memory_strerror(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_questions_about_jemalloc_agree),
        cmocka_unit_test(the_default_is_jemalloc_where_it_is_built_in),
        cmocka_unit_test(a_choice_before_the_first_use_holds),
        cmocka_unit_test(a_choice_may_change_until_the_first_use),
        cmocka_unit_test(after_init_the_same_succeeds_and_another_fails),
        cmocka_unit_test(after_an_allocation_the_same_succeeds_and_another_fails),
        cmocka_unit_test(a_cleanup_does_not_reopen_the_choice),
        cmocka_unit_test(jemalloc_is_unsupported_where_it_is_not_built_in),
        cmocka_unit_test(an_allocator_out_of_range_is_refused),
        cmocka_unit_test(every_error_code_has_a_text_of_its_own),
    };
    /* No allocator is chosen beforehand: that is what is tested. */
    return run_isolated("memory choice", tests, COUNT_OF(tests), NULL);
}
