/* mix.h - a hash of 64 bits: the finalizer of SplitMix64 (Steele, Lea, Flood 2014), a bijection whose every output bit depends on every input
 * bit.
 *
 *     uint64_t key = gs_mix64(gs_mix64(seed) ^ index);
 */
#ifndef GS_MIX_H
#define GS_MIX_H

#include <stdint.h>

static inline uint64_t gs_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

#endif
