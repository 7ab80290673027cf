/* Random C for comparing SOURCE with a compiler. */
#ifndef HONE_TESTS_RANDOM_C_H
#define HONE_TESTS_RANDOM_C_H
#include <stdint.h>
#include <stdio.h>
/* Writes a file of functions f0, f1 … The same seed gives the same text. */
void random_c(FILE *f, uint64_t seed, int functions);
/* The same for loop nests over declared arrays. */
void random_nests(FILE *f, uint64_t seed, int functions);
/* The same in the styles that people write. */
void random_mix(FILE *f, uint64_t seed, int functions);
/* The same for pointers and integers that walk. */
void random_walks(FILE *f, uint64_t seed, int functions);
/* The same for loops that were unrolled by hand. */
void random_unrolled(FILE *f, uint64_t seed, int functions);
#endif
