/*
 * fuzz.h - each target is one function that takes bytes from nowhere; it may be
 * linked with libFuzzer, or with drive.c, which mutates a few good inputs for a
 * bounded number of rounds and so runs in the suite.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A good input to start from, number 0 upwards; 0 bytes when there is none
 * left. Returns its size. */
size_t fuzz_seed(int number, uint8_t *data, size_t room);

#endif /* TESTS_FUZZ_FUZZ_H */
