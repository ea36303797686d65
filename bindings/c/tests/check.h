/* A claim that does not hold stops the program and says where. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zamok.h>

#define TEXT(t) (t), strlen(t)

static unsigned long claims;

#define IS(expected, found)                                                                                    \
    do {                                                                                                       \
        long long want_ = (long long)(expected), have_ = (long long)(found);                                   \
        claims++;                                                                                              \
        if (want_ != have_) {                                                                                  \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #found, have_, want_);        \
            exit(1);                                                                                           \
        }                                                                                                      \
    } while (0)

#define HOLDS(claim)                                                                                           \
    do {                                                                                                       \
        claims++;                                                                                              \
        if (!(claim)) {                                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                                \
            exit(1);                                                                                           \
        }                                                                                                      \
    } while (0)

#define SAME(expected, found)                                                                                  \
    do {                                                                                                       \
        const char *want_ = (expected), *have_ = (found);                                                      \
        claims++;                                                                                              \
        if (strcmp(want_, have_) != 0) {                                                                       \
            fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #found, have_, want_);    \
            exit(1);                                                                                           \
        }                                                                                                      \
    } while (0)

#endif
