/* The mix on two threads, blocks handed from one thread to another, and what threads hold back. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A lap ends for all threads at once, so that each has company for the whole of what is timed. */
typedef struct racer {
    /* In lines of its own, and those that are fetched with them. */
    _Alignas(256) pthread_t thread;
    pthread_barrier_t *start;
    unsigned cpu;
    size_t steps;
    uint64_t wall, cpu_time;
    bench_mix_t mix;
} racer_t;

static void *race(void *argument)
{
    racer_t *racer = argument;
    bench_pin(racer->cpu);
    bench_thread_start();
    bench_mix_fill(&racer->mix, 1 + racer->cpu);
    bench_mix_run(&racer->mix, BENCH_STEPS);
    pthread_barrier_wait(racer->start);
    uint64_t wall = bench_wall_ns(), cpu = bench_thread_ns();
    bench_mix_run(&racer->mix, racer->steps);
    racer->cpu_time = bench_thread_ns() - cpu;
    racer->wall = bench_wall_ns() - wall;
    pthread_barrier_wait(racer->start);
    bench_mix_release(&racer->mix);
    return NULL;
}

typedef struct speed {
    double wall, cpu; /* steps a nanosecond, all threads together */
} speed_t;

static speed_t race_run(unsigned threads, size_t steps)
{
    static racer_t racer[2];
    pthread_barrier_t start;
    speed_t speed = {0, 0};
    pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        racer[i].start = &start;
        racer[i].cpu = i;
        racer[i].steps = steps;
        if (pthread_create(&racer[i].thread, NULL, race, &racer[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(racer[i].thread, NULL);
        speed.wall += (double)steps / (double)racer[i].wall;
        speed.cpu += (double)steps / (double)racer[i].cpu_time;
    }
    pthread_barrier_destroy(&start);
    return speed;
}

/* `cpu` leaves out the time in which another program had the processor. */
int bench_scaling(size_t steps)
{
    speed_t one = race_run(1, steps), two = race_run(2, steps);
    printf("{\"wall\": %.3f, \"cpu\": %.3f}\n", two.wall / one.wall, two.cpu / one.cpu);
    return 0;
}

enum { BATCH = 256, RING = 8 };

/* Batches go round a ring: the producer fills those that are empty, the consumer empties the
 * others. */
static struct {
    _Atomic size_t filled, emptied;
    void *block[RING][BATCH];
    uint64_t consumer_ns;
    size_t batches;
} ring;

static void ring_wait(_Atomic size_t *count, size_t until)
{
    while (atomic_load_explicit(count, memory_order_acquire) < until)
        sched_yield();
}

static void *consume(void *argument)
{
    (void)argument;
    bench_pin(1);
    bench_thread_start();
    for (size_t i = 0; i < ring.batches; i++) {
        ring_wait(&ring.filled, i + 1);
        void **block = ring.block[i % RING];
        uint64_t start = bench_thread_ns();
        for (size_t j = 0; j < BATCH; j++)
            bench_peer.release[j % BENCH_CLASSES](block[j]);
        ring.consumer_ns += bench_thread_ns() - start;
        atomic_store_explicit(&ring.emptied, i + 1, memory_order_release);
    }
    return NULL;
}

/* Only the calls are timed, not the waiting, which is the machine's. */
int bench_handover(size_t blocks)
{
    bench_random_t random = {1};
    uint16_t size[BATCH];
    pthread_t consumer;
    uint64_t producer_ns = 0;
    ring.batches = blocks / BATCH;
    for (size_t i = 0; i < BATCH; i++)
        size[i] = (uint16_t)(32 + bench_below(&random, 1024));
    bench_pin(0);
    if (pthread_create(&consumer, NULL, consume, NULL) != 0)
        abort();
    for (size_t i = 0; i < ring.batches; i++) {
        ring_wait(&ring.emptied, i < RING ? 0 : i - RING + 1);
        void **block = ring.block[i % RING];
        uint64_t start = bench_thread_ns();
        for (size_t j = 0; j < BATCH; j++) {
            block[j] = bench_peer.alloc[j % BENCH_CLASSES](size[j]);
            *(size_t *)block[j] = j;
        }
        producer_ns += bench_thread_ns() - start;
        atomic_store_explicit(&ring.filled, i + 1, memory_order_release);
    }
    pthread_join(consumer, NULL);
    double count = (double)(ring.batches * BATCH);
    printf("{\"ns\": %.3f, \"alloc_ns\": %.3f, \"free_ns\": %.3f}\n",
           ((double)producer_ns + (double)ring.consumer_ns) / count, (double)producer_ns / count,
           (double)ring.consumer_ns / count);
    return 0;
}

typedef struct holder {
    pthread_t thread;
    pthread_barrier_t *barrier;
    bench_mix_t *mix;
} holder_t;

/* Works, frees all, waits while it counts as busy, goes idle, waits while it counts as idle. Half a
 * million steps touch every size class of the mix in every class. */
static void *hold(void *argument)
{
    holder_t *holder = argument;
    bench_thread_start();
    pthread_barrier_wait(holder->barrier);
    bench_mix_fill(holder->mix, 7);
    bench_mix_run(holder->mix, 8 * BENCH_STEPS);
    bench_mix_release(holder->mix);
    pthread_barrier_wait(holder->barrier);
    pthread_barrier_wait(holder->barrier);
    if (bench_peer.idle != NULL)
        bench_peer.idle();
    pthread_barrier_wait(holder->barrier);
    pthread_barrier_wait(holder->barrier);
    return NULL;
}

static void settle(void)
{
    if (bench_peer.trim != NULL)
        bench_peer.trim();
    struct timespec quiet = {2, 0}; /* for decay and for background threads */
    nanosleep(&quiet, NULL);
    if (bench_peer.trim != NULL)
        bench_peer.trim();
}

/* Resident bytes a thread after it freed all that it allocated, beyond those of a thread that did
 * nothing yet. Books are made beforehand, so that only the peer's memory is seen. */
int bench_caches(size_t threads)
{
    pthread_barrier_t barrier;
    holder_t *holder = bench_books(threads * sizeof *holder);
    bench_mix_t *mix = bench_books(threads * sizeof *mix);
    size_t tapes = BENCH_STEPS * sizeof *mix->tape * threads;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (size_t i = 0; i < threads; i++) {
        holder[i].barrier = &barrier;
        holder[i].mix = &mix[i];
        if (pthread_create(&holder[i].thread, NULL, hold, &holder[i]) != 0)
            abort();
    }
    size_t before = bench_resident();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    settle();
    size_t busy = bench_resident();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    settle();
    size_t idle = bench_resident();
    printf("{\"busy\": %.0f, \"idle\": %.0f}\n",
           ((double)busy - (double)before - (double)tapes) / (double)threads,
           ((double)idle - (double)before - (double)tapes) / (double)threads);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < threads; i++)
        pthread_join(holder[i].thread, NULL);
    return 0;
}
