/* Calls and completed replies that other threads hand to a loop. Layer: server. */
#ifndef CZ_SERVER_POSTS_H
#define CZ_SERVER_POSTS_H
#include "http/response.h"

#include <uv.h>

typedef struct cz_post {
    struct cz_post *next;
    void (*call)(void *user_data);
    void *user_data;
} cz_post_t;

typedef struct cz_posts {
    uv_async_t async;
    uv_mutex_t mutex; /* guards what follows, up to the empty line */
    cz_post_t *first, *last;
    catzilla_response_t *completed; /* latest first */
    bool closed;

    void (*on_completed)(catzilla_response_t *response);
    void (*on_closed)(struct cz_posts *posts);
    uint32_t put_off; /* replies that are yet to be completed; the loop's own */
    bool stopping;
} cz_posts_t;

/* `on_closed` is called when the loop has let go of it. */
int cz_posts_open(cz_posts_t *posts, uv_loop_t *loop,
                  void (*on_completed)(catzilla_response_t *response),
                  void (*on_closed)(cz_posts_t *posts));

/* Takes no more calls; closes once every reply that was put off is completed. */
void cz_posts_stop(cz_posts_t *posts);

/* Releases what is left, after the loop has run out and when nobody may post any more. */
void cz_posts_close(cz_posts_t *posts);

/* From any thread. */
int cz_posts_call(cz_posts_t *posts, void (*call)(void *user_data), void *user_data);
void cz_posts_complete(cz_posts_t *posts, catzilla_response_t *response);

#endif
