/* clones.h - GS_CLONES in front of a function: GCC compiles it for AVX-512, AVX2 and the oldest x86-64, and the loader
 * picks one. With other compilers and processors it says nothing, and the function is compiled once.
 *
 *     GS_CLONES void gs_add(float *row, size_t n, const float *addend) { ... plain loops ... }
 */
#ifndef GS_CLONES_H
#define GS_CLONES_H

/* A sanitized program must not enter instrumented code from the loader, which is where a clone is picked. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&          \
    !defined(__SANITIZE_THREAD__)
#define GS_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GS_CLONES
#endif

#endif
