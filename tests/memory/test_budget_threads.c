/* Budgets under threads: a class at its limit fails no allocation of another, and no budget is
 * passed by more than what magazines hold. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

enum { THREADS = 8, HELD = 1000, WHOLE = MEMORY_CLASSES };

/* docs/budgets.md: what one thread's magazines of one class hold at most. */
#define MAGAZINES ((size_t)360 * 1000)

/* What a budget of so many classes may be passed by. */
static size_t allowance(size_t classes)
{
    return jemalloc_is_under_test() ? THREADS * classes * MAGAZINES : 0;
}

/* What the threads are to do, and what they saw. */
typedef struct contest {
    size_t rounds;
    size_t favourite; /* the class of every other block; WHOLE: all are asked alike */
    atomic_size_t served[MEMORY_CLASSES], refused[MEMORY_CLASSES], misnamed;
    atomic_size_t most[MEMORY_CLASSES + 1]; /* bytes that were seen live, by class and in all */
} contest_t;

static contest_t contest;

static size_t class_of_draw(uint64_t draw)
{
    if (contest.favourite == WHOLE)
        return draw % MEMORY_CLASSES;
    if (draw % 2 == 0)
        return contest.favourite;
    return (contest.favourite + 1 + draw / 2 % (MEMORY_CLASSES - 1)) % MEMORY_CLASSES;
}

static void note_refusal(size_t class)
{
    catzilla_memory_refusal_t refusal;
    catzilla_memory_last_refusal(&refusal);
    atomic_fetch_add(&contest.refused[class], 1);
    if (refusal.code != CATZILLA_ERR_BUDGET || refusal.of != memory_class[class].type)
        atomic_fetch_add(&contest.misnamed, 1);
}

static void note_most(size_t of, size_t live)
{
    size_t most = atomic_load(&contest.most[of]);
    while (live > most && !atomic_compare_exchange_weak(&contest.most[of], &most, live))
        continue;
}

/* A class's figure is never above what is charged to it, whatever others do meanwhile. The classes
 * are read one after the other, so that their sum may be off by what moved between them. */
static size_t note_live(void)
{
    size_t sum = 0;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        size_t live = 0;
        if (catzilla_memory_get_arena_stats(memory_class[class].type, &live, NULL) != 0)
            return 1;
        note_most(class, live);
        sum += live;
    }
    note_most(WHOLE, sum);
    return 0;
}

/* Together the threads want to hold 29 MB, half of it in the favourite class: more than any budget
 * here and its allowance. */
static size_t contend(void *context, size_t index)
{
    void *held[HELD] = {NULL};
    uint64_t seed = index;
    size_t failures = 0;
    (void)context;
    for (size_t i = 0; i < contest.rounds; i++) {
        const uint64_t draw = next_random(&seed);
        const size_t at = draw % HELD;
        const size_t class = class_of_draw(draw >> 40);
        catzilla_free(held[at]);
        held[at] = memory_class[class].alloc((size_t)64 << (draw >> 16) % 9);
        if (held[at] == NULL)
            note_refusal(class);
        else
            atomic_fetch_add(&contest.served[class], 1);
        if (i % 64 == 0)
            failures += note_live();
    }
    for (size_t at = 0; at < HELD; at++)
        catzilla_free(held[at]);
    return failures;
}

static void run_contest(size_t favourite)
{
    memset(&contest, 0, sizeof contest);
    contest.rounds = scaled(30000);
    contest.favourite = favourite;
    assert_int_equal(run_threads(THREADS, contend, NULL), 0);
    assert_int_equal(atomic_load(&contest.misnamed), 0);
    assert_int_equal(usage_of_all(), 0);
    /* What the threads left for each other counts for nobody, but is no use in other sizes. */
    catzilla_memory_thread_idle();
}

static void assert_kept(size_t of, size_t budget, size_t classes)
{
    const size_t most = atomic_load(&contest.most[of]);
    const size_t moved = of == WHOLE ? MIB : 0;
    if (most > budget + allowance(classes) + moved)
        fail_msg("%s: %zu bytes were live, its budget is %zu and the allowance %zu",
                 of == WHOLE ? "the whole" : memory_class[of].name, most, budget,
                 allowance(classes));
    /* It was used up, or the rest says nothing. */
    assert_in_range(most, budget / 2, SIZE_MAX);
}

/* Blocks of 64 KiB until one is refused, of one class or of all in turn. */
static void assert_all_can_be_had(size_t of, size_t budget)
{
    static void *block[256];
    size_t count = 0;
    for (; count < COUNT_OF(block); count++) {
        block[count] = memory_class[of == WHOLE ? count % MEMORY_CLASSES : of].alloc(65536);
        if (block[count] == NULL)
            break;
    }
    assert_int_equal(count, budget / 65536);
    while (count > 0)
        catzilla_free(block[--count]);
}

static void each_class_at_its_limit_fails_no_other(void **state)
{
    (void)state;
    for (size_t limited = 0; limited < MEMORY_CLASSES; limited++) {
        assert_int_equal(catzilla_memory_set_budget(memory_class[limited].type, MIB), 0);
        run_contest(limited);
        for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
            const size_t refused = atomic_load(&contest.refused[class]);
            if ((refused > 0) != (class == limited) || atomic_load(&contest.served[class]) == 0)
                fail_msg("%s at its limit: %zu refused of %s", memory_class[limited].name, refused,
                         memory_class[class].name);
        }
        assert_kept(limited, MIB, 1);
        assert_all_can_be_had(limited, MIB);
        assert_int_equal(catzilla_memory_set_budget(memory_class[limited].type, SIZE_MAX), 0);
    }
}

static void all_classes_at_their_limits_keep_each_its_own(void **state)
{
    (void)state;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        assert_int_equal(
            catzilla_memory_set_budget(memory_class[class].type, (1 + class) * MIB / 4), 0);
    run_contest(WHOLE);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        assert_true(atomic_load(&contest.refused[class]) > 0);
        assert_true(atomic_load(&contest.served[class]) > 0);
        assert_kept(class, (1 + class) * MIB / 4, 1);
        assert_all_can_be_had(class, (1 + class) * MIB / 4);
    }
}

static void the_total_budget_is_kept_by_all_classes_together(void **state)
{
    (void)state;
    catzilla_memory_set_total_budget(3 * MIB);
    run_contest(WHOLE);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        assert_true(atomic_load(&contest.refused[class]) > 0);
        assert_true(atomic_load(&contest.served[class]) > 0);
    }
    assert_kept(WHOLE, 3 * MIB, MEMORY_CLASSES);
    assert_all_can_be_had(WHOLE, 3 * MIB);
}

/* docs/budgets.md: how many blocks of a size a thread keeps. A region's chunks are left out here.
 */
static const struct {
    size_t size, blocks;
} magazine[] = {
    {8, 32},    {16, 32},  {32, 32},  {48, 32},  {64, 32},   {80, 32},   {96, 32},   {112, 32},
    {128, 32},  {160, 32}, {192, 32}, {224, 32}, {256, 32},  {320, 32},  {384, 32},  {448, 32},
    {512, 32},  {640, 24}, {768, 24}, {896, 24}, {1024, 24}, {1280, 10}, {1536, 10}, {1792, 10},
    {2048, 10}, {2560, 6}, {3072, 6}, {3584, 6}, {4096, 6},
};

enum { IN_MAGAZINES = 29 * 32 };

/* The worst that can be: every thread's magazines are full when the budget is met, and are emptied
 * then. */
typedef struct overrun {
    size_t of; /* a class, or WHOLE */
    size_t budget, live;
    pthread_barrier_t step;
} overrun_t;

static size_t take_what_magazines_hold(size_t class, void **block)
{
    size_t taken = 0;
    for (size_t i = 0; i < COUNT_OF(magazine); i++)
        for (size_t j = 0; j < magazine[i].blocks; j++) {
            block[taken] = memory_class[class].alloc(magazine[i].size);
            if (block[taken] == NULL)
                return taken;
            taken++;
        }
    return taken;
}

static void free_blocks(void **block, size_t count)
{
    for (size_t i = 0; i < count; i++)
        catzilla_free(block[i]);
}

static bool is_budgeted(const overrun_t *overrun, size_t class)
{
    return overrun->of == WHOLE || overrun->of == class;
}

static size_t fill_and_empty_magazines(overrun_t *overrun)
{
    void *block[MEMORY_CLASSES][IN_MAGAZINES];
    size_t count[MEMORY_CLASSES] = {0};
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        if (is_budgeted(overrun, class))
            free_blocks(block[class], take_what_magazines_hold(class, block[class]));
    pthread_barrier_wait(&overrun->step);
    /* Here the budget is used up. */
    pthread_barrier_wait(&overrun->step);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        if (is_budgeted(overrun, class))
            count[class] = take_what_magazines_hold(class, block[class]);
    pthread_barrier_wait(&overrun->step);
    /* Here it is seen how much is live. */
    pthread_barrier_wait(&overrun->step);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        free_blocks(block[class], count[class]);
    return 0;
}

static size_t live_of(size_t of)
{
    size_t sum = 0;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        size_t live = 0;
        if ((of == WHOLE || of == class) &&
            catzilla_memory_get_arena_stats(memory_class[class].type, &live, NULL) == 0)
            sum += live;
    }
    return sum;
}

static size_t use_up(overrun_t *overrun)
{
    enum { MOST = 2000 };
    void *block[MOST];
    size_t count = 0;
    const size_t class = overrun->of == WHOLE ? 0 : overrun->of;
    pthread_barrier_wait(&overrun->step);
    for (size_t size = 65536; size >= 4096; size /= 16)
        while (count < MOST && (block[count] = memory_class[class].alloc(size)) != NULL)
            count++;
    const size_t used_up = live_of(overrun->of);
    pthread_barrier_wait(&overrun->step);
    pthread_barrier_wait(&overrun->step);
    overrun->live = live_of(overrun->of);
    void *late = memory_class[class].alloc(64);
    pthread_barrier_wait(&overrun->step);
    catzilla_free(late);
    free_blocks(block, count);
    return late != NULL || used_up > overrun->budget || used_up + 4096 < overrun->budget;
}

static size_t overrun_on_a_thread(void *context, size_t index)
{
    return index == 0 ? use_up(context) : fill_and_empty_magazines(context);
}

/* How far the budget of a class or of the whole can be passed: by no more than is documented, and
 * by nearly that. */
static void check_overrun(size_t of, size_t budget, size_t classes)
{
    overrun_t overrun = {.of = of, .budget = budget};
    size_t most = 0;
    assert_int_equal(pthread_barrier_init(&overrun.step, NULL, THREADS + 1), 0);
    /* A thread gathers its blocks twice a second, and then has fewer. */
    for (int attempt = 0; attempt == 0 || (attempt < 20 && most < allowance(classes) / 10 * 8);
         attempt++) {
        assert_int_equal(run_threads(THREADS + 1, overrun_on_a_thread, &overrun), 0);
        assert_in_range(overrun.live, 0, budget + allowance(classes));
        if (overrun.live > budget && overrun.live - budget > most)
            most = overrun.live - budget;
        assert_int_equal(usage_of_all(), 0);
        catzilla_memory_thread_idle();
    }
    assert_in_range(most, allowance(classes) / 10 * 8, allowance(classes));
    pthread_barrier_destroy(&overrun.step);
}

static void a_class_is_overrun_by_what_magazines_held_and_no_more(void **state)
{
    (void)state;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        assert_int_equal(catzilla_memory_set_budget(memory_class[class].type, 8 * MIB), 0);
        check_overrun(class, 8 * MIB, 1);
        assert_int_equal(catzilla_memory_set_budget(memory_class[class].type, SIZE_MAX), 0);
    }
}

static void the_whole_is_overrun_by_what_magazines_held_and_no_more(void **state)
{
    (void)state;
    catzilla_memory_set_total_budget(32 * MIB);
    check_overrun(WHOLE, 32 * MIB, MEMORY_CLASSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_at_its_limit_fails_no_other),
        cmocka_unit_test(all_classes_at_their_limits_keep_each_its_own),
        cmocka_unit_test(the_total_budget_is_kept_by_all_classes_together),
        cmocka_unit_test(a_class_is_overrun_by_what_magazines_held_and_no_more),
        cmocka_unit_test(the_whole_is_overrun_by_what_magazines_held_and_no_more),
    };
    return run_isolated("memory budgets on threads", tests, COUNT_OF(tests),
                        use_allocator_under_test);
}
