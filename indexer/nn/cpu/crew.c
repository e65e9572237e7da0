#include "indexer/nn/cpu/crew.h"

#include <pthread.h>
#include <sched.h> /* sched_yield */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* A helper looks for the next call so often, with a turn for others after each look, before it sleeps: some milliseconds. Whoever called looks
 * so often at the last pieces, which helpers are at, and gives no turn away: that of another program would last longer than a piece. */
#define LOOKS      2000
#define LAST_LOOKS 2000

/* What a processor should be told that waits. */
static void rest(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

struct gs_crew {
    pthread_t *threads; /* [helpers]  owned */
    size_t helpers;
    pthread_mutex_t lock; /* guards all below; the atomics are only looked at without it */
    pthread_cond_t called, finished;
    atomic_size_t next, pieces, done; /* the piece to be taken next, how many there are, how many are done */
    atomic_bool closes;
    void (*work)(void *context, size_t piece);
    void *context;
};

/* Does one piece; false when all are taken. */
static bool take_piece(gs_crew *c)
{
    pthread_mutex_lock(&c->lock);
    bool taken = c->next < c->pieces;
    size_t piece = taken ? c->next++ : 0;
    void (*work)(void *, size_t) = c->work;
    void *context = c->context;
    pthread_mutex_unlock(&c->lock);
    if (!taken)
        return false;
    work(context, piece);
    pthread_mutex_lock(&c->lock);
    if (++c->done == c->pieces)
        pthread_cond_signal(&c->finished);
    pthread_mutex_unlock(&c->lock);
    return true;
}

static bool is_called(gs_crew *c)
{
    return c->next < c->pieces || c->closes;
}

static void *help(void *opaque)
{
    gs_crew *c = opaque;
    while (!c->closes) {
        for (int look = 0; look < LOOKS && !is_called(c); look++)
            sched_yield();
        pthread_mutex_lock(&c->lock);
        while (!is_called(c))
            pthread_cond_wait(&c->called, &c->lock);
        pthread_mutex_unlock(&c->lock);
        while (take_piece(c))
            ;
    }
    return NULL;
}

gs_crew *gs_crew_open(size_t helpers)
{
    gs_crew *c = calloc(1, sizeof *c);
    pthread_t *threads = calloc(helpers + 1, sizeof *threads);
    if (!c || !threads || helpers == 0) {
        free(threads);
        free(c);
        return NULL;
    }
    c->threads = threads;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->called, NULL);
    pthread_cond_init(&c->finished, NULL);
    while (c->helpers < helpers && pthread_create(&threads[c->helpers], NULL, help, c) == 0)
        c->helpers++; /* where the system gives fewer, these are all */
    return c;
}

void gs_crew_close(gs_crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->closes = true;
    pthread_cond_broadcast(&c->called);
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->helpers; i++)
        pthread_join(c->threads[i], NULL);
    pthread_cond_destroy(&c->finished);
    pthread_cond_destroy(&c->called);
    pthread_mutex_destroy(&c->lock);
    free(c->threads);
    free(c);
}

void gs_crew_run(gs_crew *c, size_t pieces, void (*work)(void *context, size_t piece), void *context)
{
    if (!c) {
        for (size_t i = 0; i < pieces; i++)
            work(context, i);
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->work = work;
    c->context = context;
    c->done = 0;
    c->next = 0;
    c->pieces = pieces;
    pthread_cond_broadcast(&c->called);
    pthread_mutex_unlock(&c->lock);
    while (take_piece(c))
        ;
    for (int look = 0; look < LAST_LOOKS && c->done < pieces; look++)
        rest();
    pthread_mutex_lock(&c->lock);
    while (c->done < pieces)
        pthread_cond_wait(&c->finished, &c->lock);
    pthread_mutex_unlock(&c->lock);
}
