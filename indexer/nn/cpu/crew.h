/* crew.h - threads that help with the pieces of a loop, as many as they come to: who is late, because other programs hold its core, is not
 * waited for.
 *
 *     gs_crew *crew = gs_crew_open(threads - 1);          // NULL: no memory, or no threads: then work alone
 *     gs_crew_run(crew, pieces, work, context);           // work(context, i) for every i below pieces, then returns
 *     gs_crew_close(crew);
 */
#ifndef GS_CREW_H
#define GS_CREW_H

#include <stddef.h>

typedef struct gs_crew gs_crew; /* used by one thread */

gs_crew *gs_crew_open(size_t helpers);
void gs_crew_close(gs_crew *crew); /* NULL is fine */

/* crew may be NULL: the caller does it all. Pieces are taken in order, and must not depend on each other. */
void gs_crew_run(gs_crew *crew, size_t pieces, void (*work)(void *context, size_t piece), void *context);

#endif
