/* All figures of a class: exact by a tape on 8 threads, the same as jemalloc's to the byte, and the
 * same in each way of writing them. Links the unsealed archive where jemalloc is built in. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int _rjem_mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length)
    __attribute__((weak));

static catzilla_memory_class_stats_t figures_of(size_t class)
{
    catzilla_memory_class_stats_t stats;
    assert_int_equal(
        catzilla_memory_get_class_stats(memory_class[class].type, &stats, sizeof stats), 0);
    return stats;
}

/* What a thread of the tape knows that it holds and did, by class. */
typedef struct ledger {
    size_t live[MEMORY_CLASSES];
    uint64_t taken[MEMORY_CLASSES], freed[MEMORY_CLASSES];
} ledger_t;

enum { THREADS = 8, SLOTS = 300 };

typedef struct tape {
    size_t steps;
    ledger_t ledger[THREADS];
    void *slot[THREADS][SLOTS]; /* left alive for the check, then freed by another thread */
} tape_t;

static void note_free(ledger_t *ledger, void *block)
{
    if (block == NULL)
        return;
    const int class = catzilla_memory_class_of(block);
    ledger->live[class] -= catzilla_memory_usable_size(block);
    ledger->freed[class]++;
}

static size_t play(void *context, size_t index)
{
    tape_t *tape = context;
    ledger_t *ledger = &tape->ledger[index];
    uint64_t seed = index;
    size_t failures = 0;
    for (size_t i = 0; i < tape->steps; i++) {
        const uint64_t draw = next_random(&seed);
        const size_t class = (draw >> 10) % MEMORY_CLASSES;
        void **place = &tape->slot[index][draw % SLOTS];
        note_free(ledger, *place);
        memory_class[(draw >> 16) % MEMORY_CLASSES].free(*place);
        *place = NULL;
        if ((draw >> 20) % 8 == 0)
            continue;
        const size_t size =
            (draw >> 20) % 256 == 1 ? 5000 + (draw >> 32) % 60000 : (draw >> 32) % 1200;
        *place = memory_class[class].alloc(size);
        failures += *place == NULL;
        ledger->live[class] += catzilla_memory_usable_size(*place);
        ledger->taken[class]++;
    }
    return failures;
}

static void check_against(const tape_t *tape)
{
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        ledger_t sum = {.live = {0}};
        for (size_t i = 0; i < THREADS; i++) {
            sum.live[class] += tape->ledger[i].live[class];
            sum.taken[class] += tape->ledger[i].taken[class];
            sum.freed[class] += tape->ledger[i].freed[class];
        }
        const catzilla_memory_class_stats_t stats = figures_of(class);
        if (stats.live != sum.live[class])
            fail_msg("%s: %zu live bytes, %zu told", memory_class[class].name, sum.live[class],
                     stats.live);
        assert_int_equal(stats.allocation_count, sum.taken[class]);
        assert_int_equal(stats.deallocation_count, sum.freed[class]);
        assert_true(stats.peak >= stats.live);
    }
}

static void figures_are_exact_after_ten_million_operations_on_8_threads(void **state)
{
    static tape_t tape;
    (void)state;
    tape.steps = scaled(10000000 / THREADS);
    assert_int_equal(run_threads(THREADS, play, &tape), 0);
    check_against(&tape);
    /* With nothing in caches, jemalloc's own count of bytes in blocks is the same. */
    catzilla_memory_thread_idle();
    check_against(&tape);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const catzilla_memory_class_stats_t stats = figures_of(class);
        assert_int_equal(stats.cached, 0);
        if (jemalloc_is_under_test())
            assert_int_equal(stats.in_use, stats.live);
    }
    for (size_t i = 0; i < THREADS; i++)
        for (size_t at = 0; at < SLOTS; at++)
            catzilla_free(tape.slot[i][at]);
    assert_int_equal(usage_of_all(), 0);
}

static size_t of_jemalloc(unsigned arena, const char *what)
{
    char name[64];
    size_t value = 0;
    size_t length = sizeof value;
    snprintf(name, sizeof name, "stats.arenas.%u.%s", arena, what);
    assert_int_equal(_rjem_mallctl(name, &value, &length, NULL, 0), 0);
    return value;
}

static void jemallocs_figures_are_its_own(void **state)
{
    void *block[MEMORY_CLASSES][20];
    (void)state;
    if (!jemalloc_is_under_test())
        skip();
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < 20; i++)
            assert_non_null(block[class][i] =
                                memory_class[class].alloc((class + 1) * (i + 1) * 300));
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        /* The call refreshes jemalloc's figures, and nothing happens between it and the reads. */
        const catzilla_memory_class_stats_t stats = figures_of(class);
        assert_int_equal(stats.in_use, of_jemalloc(stats.arena, "small.allocated") +
                                           of_jemalloc(stats.arena, "large.allocated"));
        assert_int_equal(stats.in_use, stats.live + stats.cached);
        assert_int_equal(stats.active, of_jemalloc(stats.arena, "pactive") * 4096);
        assert_int_equal(stats.dirty, of_jemalloc(stats.arena, "pdirty") * 4096);
        assert_int_equal(stats.mapped, of_jemalloc(stats.arena, "mapped"));
        assert_int_equal(stats.resident, of_jemalloc(stats.arena, "resident"));
        assert_int_equal(stats.metadata,
                         of_jemalloc(stats.arena, "base") + of_jemalloc(stats.arena, "internal"));
        assert_true(stats.partitioned == 0 || stats.partitioned == 1);
    }
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < 20; i++)
            catzilla_free(block[class][i]);
}

static void the_totals_are_the_sums(void **state)
{
    catzilla_memory_stats_t total;
    catzilla_memory_class_stats_t sum = {0};
    void *block[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_STATIC, 1 << 20), 0);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        assert_non_null(block[class] = memory_class[class].alloc(1000 * (class + 1)));
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const catzilla_memory_class_stats_t stats = figures_of(class);
        assert_int_equal(stats.budget, catzilla_memory_get_budget(memory_class[class].type));
        sum.live += stats.live;
        sum.active += stats.active;
        sum.resident += stats.resident;
        sum.metadata += stats.metadata;
        sum.allocation_count += stats.allocation_count;
        sum.region_chunks_new += stats.region_chunks_new;
    }
    catzilla_memory_get_stats(&total);
    assert_int_equal(total.allocated, sum.live);
    assert_int_equal(total.active, sum.active);
    assert_int_equal(total.resident, sum.resident);
    assert_int_equal(total.metadata, sum.metadata);
    assert_int_equal(total.allocation_count, sum.allocation_count);
    assert_int_equal(total.cache_misses, sum.region_chunks_new);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        catzilla_free(block[class]);
}

static void an_older_callers_struct_is_filled_as_far_as_it_goes(void **state)
{
    catzilla_memory_class_stats_t stats;
    (void)state;
    void *block = catzilla_cache_alloc(4096);
    memset(&stats, 0xaa, sizeof stats);
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_CACHE, &stats,
                                                     offsetof(catzilla_memory_class_stats_t, peak)),
                     0);
    assert_int_equal(stats.live, 4096);
    for (size_t at = offsetof(catzilla_memory_class_stats_t, peak); at < sizeof stats; at++)
        assert_int_equal(((unsigned char *)&stats)[at], 0xaa);
    catzilla_free(block);
    assert_int_equal(
        catzilla_memory_get_class_stats((catzilla_memory_type_t)6, &stats, sizeof stats),
        CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_CACHE, NULL, sizeof stats),
                     CATZILLA_ERR_INVALID);
}

typedef struct page {
    char text[65536];
    size_t length;
} page_t;

static void append(const char *text, size_t length, void *user_data)
{
    page_t *page = user_data;
    assert_true(page->length + length < sizeof page->text);
    memcpy(page->text + page->length, text, length);
    page->length += length;
    page->text[page->length] = '\0';
}

static const char *write_page(catzilla_memory_format_t format)
{
    static page_t page;
    page.length = 0;
    assert_int_equal(catzilla_memory_write_stats(format, append, &page), 0);
    return page.text;
}

/* The number behind `label` after the first place of `section` in `text`. */
static size_t number_in(const char *text, const char *section, const char *label)
{
    const char *at = strstr(text, section);
    assert_non_null(at);
    at = strstr(at, label);
    if (at == NULL)
        fail_msg("no %s after %s", label, section);
    return strtoull(at + strlen(label), NULL, 10);
}

static void every_format_tells_the_same_figures(void **state)
{
    (void)state;
    void *block[MEMORY_CLASSES];
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        assert_non_null(block[class] = memory_class[class].alloc(4096 * (class + 1)));
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const size_t live = figures_of(class).live;
        char name[64];
        snprintf(name, sizeof name, "\n%s ", memory_class[class].name);
        assert_int_equal(number_in(write_page(CATZILLA_MEMORY_TEXT), name, "live_bytes="), live);
        snprintf(name, sizeof name, "\"%s\":{", memory_class[class].name);
        assert_int_equal(number_in(write_page(CATZILLA_MEMORY_JSON), name, "\"live_bytes\":"),
                         live);
        snprintf(name, sizeof name, "catzilla_memory_live_bytes{class=\"%s\"} ",
                 memory_class[class].name);
        assert_int_equal(number_in(write_page(CATZILLA_MEMORY_PROMETHEUS), name, "} "), live);
    }
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        catzilla_free(block[class]);
}

/* The figures that every format gives of the whole, and which of them are sums. */
static const struct {
    const char *name;
    bool is_sum;
} of_the_whole[] = {
    {"live_bytes", true},
    {"charged_bytes", true},
    {"peak_bytes", false},
    {"budget_bytes", false},
};

static void the_whole_and_its_budget_are_in_every_format(void **state)
{
    enum { TOTAL = 3 << 20, GENERAL = 2 << 20 };
    void *block[MEMORY_CLASSES];
    (void)state;
    catzilla_memory_set_total_budget(TOTAL);
    assert_int_equal(catzilla_memory_set_budget(CATZILLA_MEMORY_GENERAL, GENERAL), 0);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        assert_non_null(block[class] = memory_class[class].alloc(1000 * (class + 1)));
    for (size_t i = 0; i < COUNT_OF(of_the_whole); i++) {
        const char *name = of_the_whole[i].name;
        char label[80];
        size_t sum = 0;
        snprintf(label, sizeof label, " %s=", name);
        const size_t in_text = number_in(write_page(CATZILLA_MEMORY_TEXT), "\ntotal ", label);
        for (size_t class = 0; of_the_whole[i].is_sum && class < MEMORY_CLASSES; class ++) {
            char line[80];
            snprintf(line, sizeof line, "\n%s ", memory_class[class].name);
            sum += number_in(write_page(CATZILLA_MEMORY_TEXT), line, label);
        }
        if (of_the_whole[i].is_sum)
            assert_int_equal(in_text, sum);
        snprintf(label, sizeof label, "\"%s\":", name);
        assert_int_equal(number_in(write_page(CATZILLA_MEMORY_JSON), "{\"allocator\"", label),
                         in_text);
        snprintf(label, sizeof label, "\ncatzilla_memory_total_%s ", name);
        assert_int_equal(number_in(write_page(CATZILLA_MEMORY_PROMETHEUS), "# ", label), in_text);
    }
    assert_int_equal(number_in(write_page(CATZILLA_MEMORY_TEXT), "\ntotal ", " budget_bytes="),
                     TOTAL);
    assert_int_equal(number_in(write_page(CATZILLA_MEMORY_TEXT), "\ngeneral ", " budget_bytes="),
                     GENERAL);
    assert_int_equal(number_in(write_page(CATZILLA_MEMORY_TEXT), "\ntotal ", " allocations_total="),
                     MEMORY_CLASSES);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        catzilla_free(block[class]);
}

/* Takes and gives back as fast as it can, until told to stop. */
static size_t allocate_or_read_totals(void *context, size_t index)
{
    atomic_bool *done = context;
    size_t failures = 0;
    if (index > 0) {
        while (!atomic_load(done))
            catzilla_free(memory_class[index % MEMORY_CLASSES].alloc(20000));
        return 0;
    }
    for (size_t i = 0; i < scaled(2000); i++) {
        catzilla_memory_stats_t stats;
        size_t sum = 0;
        catzilla_memory_get_stats(&stats);
        failures += stats.allocated != stats.request_arena_usage + stats.response_arena_usage +
                                           stats.cache_arena_usage + stats.static_arena_usage +
                                           stats.task_arena_usage;
        const char *text = write_page(CATZILLA_MEMORY_TEXT);
        for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
            char line[80];
            snprintf(line, sizeof line, "\n%s ", memory_class[class].name);
            sum += number_in(text, line, " live_bytes=");
        }
        failures += number_in(text, "\ntotal ", " live_bytes=") != sum;
    }
    atomic_store(done, true);
    return failures;
}

static void totals_are_the_sums_of_what_is_told_while_others_allocate(void **state)
{
    atomic_bool done;
    (void)state;
    atomic_init(&done, false);
    /* Nothing of the general class, which the struct has no field for. */
    assert_int_equal(run_threads(4, allocate_or_read_totals, &done), 0);
}

/* A bracket for a bracket outside strings, nothing behind the object, and no raw control character.
 */
static void json_is_one_balanced_object(void **state)
{
    char open[32];
    size_t depth = 0;
    bool in_string = false;
    (void)state;
    const char *text = write_page(CATZILLA_MEMORY_JSON);
    assert_int_equal(text[0], '{');
    for (const char *at = text; *at != '\0'; at++) {
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
        if (*at == '"')
            in_string = !in_string;
        if (in_string)
            continue;
        if (*at == '{' || *at == '[') {
            assert_true(depth < sizeof open);
            open[depth++] = *at;
        }
        if (*at == '}' || *at == ']') {
            assert_true(depth > 0);
            assert_int_equal(open[--depth], *at == '}' ? '{' : '[');
            if (depth == 0)
                assert_int_equal(strspn(at + 1, "\n"), strlen(at + 1));
        }
        /* No comma before a closing bracket. */
        if (*at == ',')
            assert_null(strchr("}]", at[1]));
    }
    assert_int_equal(depth, 0);
    assert_false(in_string);
}

static void every_prometheus_line_is_a_comment_or_a_sample(void **state)
{
    (void)state;
    const char *line = write_page(CATZILLA_MEMORY_PROMETHEUS);
    size_t samples = 0;
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        if (strncmp(line, "# HELP catzilla_memory_", 23) != 0 &&
            strncmp(line, "# TYPE catzilla_memory_", 23) != 0) {
            const char *labels_end = strstr(line, "\"} ");
            char *rest;
            assert_int_equal(strncmp(line, "catzilla_memory_", 16), 0);
            const char *value =
                labels_end != NULL && labels_end < end ? labels_end + 3 : strchr(line, ' ') + 1;
            strtod(value, &rest);
            assert_ptr_equal(rest, end);
            samples++;
        }
        line = end + 1;
    }
    assert_true(samples >= 6 * 10);
}

static void a_format_or_writer_that_is_none_is_refused(void **state)
{
    page_t page = {.length = 0};
    (void)state;
    assert_int_equal(catzilla_memory_write_stats((catzilla_memory_format_t)3, append, &page),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_write_stats((catzilla_memory_format_t)-1, append, &page),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_write_stats(CATZILLA_MEMORY_TEXT, NULL, &page),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(page.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_exact_after_ten_million_operations_on_8_threads),
        cmocka_unit_test(jemallocs_figures_are_its_own),
        cmocka_unit_test(the_totals_are_the_sums),
        cmocka_unit_test(an_older_callers_struct_is_filled_as_far_as_it_goes),
        cmocka_unit_test(every_format_tells_the_same_figures),
        cmocka_unit_test(the_whole_and_its_budget_are_in_every_format),
        cmocka_unit_test(totals_are_the_sums_of_what_is_told_while_others_allocate),
        cmocka_unit_test(json_is_one_balanced_object),
        cmocka_unit_test(every_prometheus_line_is_a_comment_or_a_sample),
        cmocka_unit_test(a_format_or_writer_that_is_none_is_refused),
    };
    return run_isolated("memory figures", tests, COUNT_OF(tests), use_allocator_under_test);
}
