/* The contract under threads: one init, frees anywhere, statistics while others work. */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct init_race {
    int rc[16];
    arena_ids_t ids[16];
} init_race_t;

static size_t init_and_note_ids(void *context, size_t index)
{
    init_race_t *race = context;
    race->rc[index] = catzilla_memory_init();
    race->ids[index] = arena_ids();
    return 0;
}

static void init_from_16_threads_at_once_gives_all_the_same_arenas(void **state)
{
    init_race_t race;
    (void)state;
    run_threads(16, init_and_note_ids, &race);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(race.rc[i], 0);
        assert_same_arena_ids(race.ids[i], race.ids[0]);
    }
}

static size_t first_use(void *context, size_t index)
{
    const memory_class_t *class = &memory_class[index % MEMORY_CLASSES];
    (void)context;
    unsigned char *block = class->alloc(100);
    if (block == NULL)
        return 1;
    memset(block, 1, 100);
    class->free(block);
    return 0;
}

static void first_use_from_16_threads_at_once_serves_them_all(void **state)
{
    (void)state;
    assert_int_equal(run_threads(16, first_use, NULL), 0);
    assert_int_equal(usage_of_all(), 0);
}

/* Every thread allocates a row of each class; after a barrier each frees the row of its
 * neighbour, by the function of yet another class. */
enum { PAIR_THREADS = 8, PAIR_BLOCKS = 300 };

typedef struct exchange {
    pthread_barrier_t all_taken;
    unsigned char *block[PAIR_THREADS][MEMORY_CLASSES][PAIR_BLOCKS];
} exchange_t;

static size_t size_of_pair(size_t index)
{
    static const size_t size[] = {16, 64, 200, 1024, 4096, 20000};
    return size[index % COUNT_OF(size)];
}

static size_t take_then_free_the_neighbours(void *context, size_t index)
{
    exchange_t *exchange = context;
    size_t failures = 0;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < PAIR_BLOCKS; i++) {
            unsigned char *block = memory_class[class].alloc(size_of_pair(i));
            failures += block == NULL;
            if (block != NULL)
                memset(block, (int)(index + i), size_of_pair(i));
            exchange->block[index][class][i] = block;
        }
    pthread_barrier_wait(&exchange->all_taken);
    const size_t neighbour = (index + 1) % PAIR_THREADS;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < PAIR_BLOCKS; i++) {
            unsigned char *block = exchange->block[neighbour][class][i];
            if (block == NULL)
                continue;
            const unsigned char mark = (unsigned char)(neighbour + i);
            failures += block[0] != mark || block[size_of_pair(i) - 1] != mark;
            memory_class[(class + i) % MEMORY_CLASSES].free(block);
        }
    return failures;
}

static void every_free_takes_a_block_of_another_threads_alloc(void **state)
{
    static exchange_t exchange;
    catzilla_memory_stats_t stats;
    /* Often enough that an addition lost between two threads is seen. */
    const size_t rounds = scaled(100);
    (void)state;
    assert_int_equal(pthread_barrier_init(&exchange.all_taken, NULL, PAIR_THREADS), 0);
    for (size_t round = 0; round < rounds; round++)
        assert_int_equal(run_threads(PAIR_THREADS, take_then_free_the_neighbours, &exchange), 0);
    pthread_barrier_destroy(&exchange.all_taken);
    assert_int_equal(usage_of_all(), 0);
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocation_count, rounds * PAIR_THREADS * MEMORY_CLASSES * PAIR_BLOCKS);
    assert_int_equal(stats.deallocation_count, stats.allocation_count);
}

static void *leave_a_block(void *argument)
{
    unsigned char **left = argument;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        left[i] = memory_class[i].alloc(500);
        if (left[i] != NULL)
            memset(left[i], 'L', 500);
    }
    return NULL;
}

static void blocks_outlive_the_thread_that_took_them(void **state)
{
    (void)state;
    for (size_t round = 0; round < scaled(200); round++) {
        unsigned char *left[MEMORY_CLASSES] = {NULL};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, leave_a_block, left), 0);
        pthread_join(thread, NULL);
        for (size_t i = 0; i < MEMORY_CLASSES; i++) {
            assert_non_null(left[i]);
            assert_int_equal(left[i][499], 'L');
            catzilla_free(left[i]);
        }
    }
    assert_int_equal(usage_of_all(), 0);
}

/* Four threads keep at most this much alive each while four read statistics. */
enum { CHURN_SLOTS = 32, CHURN_SIZE = 4096 };

typedef struct churn {
    atomic_uint running; /* allocating threads that have not finished */
    size_t rounds;
    void (*disturb)(void); /* what the other half of the threads do meanwhile */
    atomic_size_t disturbances;
} churn_t;

static size_t churn_blocks(churn_t *churn, size_t index)
{
    void *slot[CHURN_SLOTS] = {NULL};
    uint64_t seed = index;
    size_t failures = 0;
    for (size_t i = 0; i < churn->rounds; i++) {
        const uint64_t draw = next_random(&seed);
        const size_t at = draw % CHURN_SLOTS;
        catzilla_free(slot[at]);
        slot[at] = memory_class[(draw >> 8) % MEMORY_CLASSES].alloc(1 + (draw >> 16) % CHURN_SIZE);
        failures += slot[at] == NULL;
    }
    for (size_t at = 0; at < CHURN_SLOTS; at++)
        catzilla_free(slot[at]);
    atomic_fetch_sub(&churn->running, 1);
    return failures;
}

static size_t read_statistics(churn_t *churn)
{
    /* A figure may be a moment old, so allow twice what four threads can hold; a negative one is
     * far above that. */
    const size_t most = (size_t)2 * 4 * CHURN_SLOTS * (CHURN_SIZE + CHURN_SIZE / 4);
    catzilla_memory_stats_t last = {0};
    size_t failures = 0;
    do {
        catzilla_memory_stats_t stats;
        catzilla_memory_get_stats(&stats);
        failures += stats.allocated > most || stats.request_arena_usage > most ||
                    stats.response_arena_usage > most || stats.cache_arena_usage > most ||
                    stats.static_arena_usage > most || stats.task_arena_usage > most;
        failures += stats.allocation_count < last.allocation_count ||
                    stats.deallocation_count < last.deallocation_count ||
                    stats.peak_allocated < last.peak_allocated;
        last = stats;
        atomic_fetch_add(&churn->disturbances, 1);
    } while (atomic_load(&churn->running) > 0);
    return failures;
}

static size_t churn_or_disturb(void *context, size_t index)
{
    churn_t *churn = context;
    if (index < 4)
        return churn_blocks(churn, index);
    if (churn->disturb == NULL)
        return read_statistics(churn);
    do {
        churn->disturb();
        atomic_fetch_add(&churn->disturbances, 1);
    } while (atomic_load(&churn->running) > 0);
    return 0;
}

static void check_churn(size_t threads, size_t rounds, void (*disturb)(void))
{
    churn_t churn = {.rounds = scaled(rounds), .disturb = disturb};
    atomic_init(&churn.running, 4);
    atomic_init(&churn.disturbances, 0);
    assert_int_equal(run_threads(threads, churn_or_disturb, &churn), 0);
    assert_true(atomic_load(&churn.disturbances) >= threads - 4);
    assert_int_equal(usage_of_all(), 0);
}

static void statistics_read_by_4_threads_are_monotone_and_never_negative(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    check_churn(8, 200000, NULL);
}

enum { COUNT_READS = 30000 };

typedef struct counting {
    atomic_bool moves; /* the other thread has begun */
    atomic_bool done;
} counting_t;

/* Thread 0 reads its counts while thread 1 moves blocks to and from its magazine. */
static size_t move_or_read_counts(void *context, size_t index)
{
    counting_t *counting = context;
    uint64_t allocated = 0;
    uint64_t freed = 0;
    size_t failures = 0;
    if (index == 1) {
        while (!atomic_load(&counting->done)) {
            void *block = catzilla_request_alloc(64);
            failures += block == NULL;
            catzilla_free(block);
            catzilla_memory_thread_idle();
            atomic_store(&counting->moves, true);
        }
        return failures;
    }
    while (!atomic_load(&counting->moves))
        sched_yield();
    for (size_t i = 0; i < scaled(COUNT_READS); i++) {
        catzilla_memory_class_stats_t stats;
        failures +=
            catzilla_memory_get_class_stats(CATZILLA_MEMORY_REQUEST, &stats, sizeof stats) != 0;
        failures += stats.allocation_count < allocated || stats.deallocation_count < freed;
        allocated = stats.allocation_count;
        freed = stats.deallocation_count;
    }
    atomic_store(&counting->done, true);
    return failures;
}

static void counts_never_run_backwards_while_blocks_move(void **state)
{
    catzilla_memory_class_stats_t stats;
    counting_t counting;
    (void)state;
    atomic_init(&counting.moves, false);
    atomic_init(&counting.done, false);
    assert_int_equal(run_threads(2, move_or_read_counts, &counting), 0);
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_REQUEST, &stats, sizeof stats),
                     0);
    /* Nor did a reader's moment leave one too many. */
    assert_true(stats.allocation_count > 0);
    assert_int_equal(stats.allocation_count, stats.deallocation_count);
    catzilla_memory_reset_stats();
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_REQUEST, &stats, sizeof stats),
                     0);
    assert_int_equal(stats.allocation_count, 0);
}

static void init_then_cleanup(void)
{
    catzilla_memory_init();
    catzilla_memory_cleanup();
}

static void cleanup_is_safe_while_others_allocate(void **state)
{
    (void)state;
    check_churn(6, 100000, init_then_cleanup);
}

static size_t clean_up(void *context, size_t index)
{
    (void)context;
    (void)index;
    catzilla_memory_cleanup();
    return 0;
}

/* Where another malloc serves the process, a sanitizer's, this is what starts glibc's own. */
static void cleanup_from_16_threads_at_once_is_safe(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(run_threads(16, clean_up, NULL), 0);
}

static void purge_everything(void)
{
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        catzilla_memory_purge_arena(memory_class[i].type);
    catzilla_memory_optimize();
    catzilla_memory_auto_optimize();
}

static void purging_is_safe_while_others_allocate(void **state)
{
    (void)state;
    check_churn(6, 100000, purge_everything);
}

static void *use_first(void *unused)
{
    (void)unused;
    catzilla_free(catzilla_malloc(100));
    return NULL;
}

/* In a process of its own: forks while another thread starts the library, after `delay_us`. */
static int fork_during_the_first_use(unsigned delay_us)
{
    pthread_t thread;
    int status = 0;
    const pid_t starter = fork();
    if (starter != 0)
        return starter > 0 && waitpid(starter, &status, 0) == starter ? status : -1;
    if (pthread_create(&thread, NULL, use_first, NULL) != 0)
        _exit(1);
    usleep(delay_us);
    const pid_t child = fork();
    if (child == 0) {
        /* Ends the child that would wait for ever for a lock of a thread that is gone. */
        alarm(20);
        for (size_t i = 0; i < MEMORY_CLASSES; i++)
            memory_class[i].free(memory_class[i].alloc(100));
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        _exit(2);
    pthread_join(thread, NULL);
    _exit(status == 0 ? 0 : 3);
}

static void a_child_forked_during_the_first_use_may_allocate(void **state)
{
    (void)state;
    /* A sanitizer's own locks are not made for this. */
    if (!resident_is_telling())
        skip();
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(fork_during_the_first_use(i * 25), 0);
}

/* What a handler of an exiting thread allocates, of each class by every way. */
enum { LATE_BLOCKS = 40 };
static pthread_key_t late_key;
static void *late[MEMORY_CLASSES][LATE_BLOCKS], *late_grown[MEMORY_CLASSES];

static void allocate_late(void *unused)
{
    (void)unused;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        for (size_t i = 0; i < LATE_BLOCKS; i++) {
            const size_t size = i % 4 == 3 ? 20000 * i : 16 + i * 50;
            late[class][i] = i % 8 == 0
                                 ? catzilla_memory_aligned(memory_class[class].type, 256, size)
                                 : memory_class[class].alloc(size);
        }
        late_grown[class] = memory_class[class].realloc(late_grown[class], 300000);
    }
}

static void *exit_late(void *unused)
{
    (void)unused;
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        catzilla_free(memory_class[class].alloc(64));
        late_grown[class] = memory_class[class].alloc(100000);
        if (late_grown[class] != NULL)
            memset(late_grown[class], 'g', 100000);
    }
    return pthread_setspecific(late_key, &late_key) == 0 ? NULL : &late_key;
}

/* The host's key is made before the library's own, which is made at first use, and after that of
 * jemalloc, made when the library is loaded: handlers run in the order of their keys. */
static void a_handler_older_than_the_library_misplaces_nothing(void **state)
{
    pthread_t thread;
    void *failed = NULL;
    (void)state;
    assert_int_equal(pthread_key_create(&late_key, allocate_late), 0);
    assert_int_equal(pthread_create(&thread, NULL, exit_late, NULL), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const catzilla_memory_type_t type = memory_class[class].type;
        for (size_t i = 0; i < LATE_BLOCKS; i++) {
            assert_non_null(late[class][i]);
            assert_int_equal(catzilla_memory_class_of(late[class][i]), type);
        }
        assert_non_null(late_grown[class]);
        assert_int_equal(catzilla_memory_class_of(late_grown[class]), type);
        assert_int_equal(((char *)late_grown[class])[99999], 'g');
    }
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        for (size_t i = 0; i < LATE_BLOCKS; i++)
            catzilla_free(late[class][i]);
        catzilla_free(late_grown[class]);
    }
    assert_int_equal(usage_of_all(), 0);
    catzilla_memory_thread_idle();
    /* Where a figure wrapped, a budget would refuse everything from now on. */
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        assert_int_equal(usage_of(memory_class[class].type), 0);
        assert_int_equal(catzilla_memory_set_budget(memory_class[class].type, 1u << 20), 0);
        void *block = memory_class[class].alloc(100000);
        assert_non_null(block);
        catzilla_free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_older_than_the_library_misplaces_nothing),
        cmocka_unit_test(a_child_forked_during_the_first_use_may_allocate),
        cmocka_unit_test(init_from_16_threads_at_once_gives_all_the_same_arenas),
        cmocka_unit_test(first_use_from_16_threads_at_once_serves_them_all),
        cmocka_unit_test(every_free_takes_a_block_of_another_threads_alloc),
        cmocka_unit_test(blocks_outlive_the_thread_that_took_them),
        cmocka_unit_test(statistics_read_by_4_threads_are_monotone_and_never_negative),
        cmocka_unit_test(counts_never_run_backwards_while_blocks_move),
        cmocka_unit_test(cleanup_is_safe_while_others_allocate),
        cmocka_unit_test(cleanup_from_16_threads_at_once_is_safe),
        cmocka_unit_test(purging_is_safe_while_others_allocate),
    };
    return run_isolated("memory threads", tests, COUNT_OF(tests), use_allocator_under_test);
}
