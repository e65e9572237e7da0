/* order.h - the order in which the pictures of a folder or an archive become samples.
 *
 *     pictures[i].key = gs_order_key(seed, "cats/0001.png");      // then sort by key, and by name where keys are equal
 *
 * A key is a hash of the seed and of the name below the source: any number of first samples is drawn without replacement from all of it, also
 * where each of its folders holds one class. A picture that is added or removed leaves the order of the others as it was, one that cannot be
 * read keeps its place, and a folder and an archive of it give the same samples.
 */
#ifndef GS_ORDER_H
#define GS_ORDER_H

#include "indexer/util/mix.h"

static inline uint64_t gs_order_key(uint64_t seed, const char *name)
{
    uint64_t hash = (0xcbf29ce484222325u ^ '/') * 0x100000001b3u; /* FNV-1a, of "/name" */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return gs_mix64(hash ^ gs_mix64(seed));
}

#endif
