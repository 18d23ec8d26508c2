/*
 * drive.c - runs a fuzz target without libFuzzer: files given as arguments, or
 * PROCS_FUZZ_ROUNDS (default 30,000) mutations of its own good inputs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum {
	ROOM = 1 << 16
};

static uint64_t state = 1;

static uint64_t next_random(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Each input in a block of its own size, so that reading beyond it is seen. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	copy = realloc(copy, size > 0 ? size : 1);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t mutate(uint8_t *data, size_t size)
{
	static const uint64_t edges[] = { 0,	     1,		  0x7f,	      0x80,
					  0xffff,    0x7fffffff,  0x80000000, 0xffffffff,
					  INT64_MAX, UINT64_MAX };
	static const size_t widths[] = { 1, 2, 4, 8 };

	for (uint64_t k = 0; k <= next_random() % 4 && size > 0; k++) {
		const size_t at = next_random() % size, width = widths[next_random() % 4];

		switch (next_random() % 4) {
		case 0:
			data[at] ^= (uint8_t)(1 << next_random() % 8);
			break;
		case 1:
			if (at + width <= size)
				memcpy(data + at, &edges[next_random() % 10], width);
			break;
		case 2:
			data[at] = (uint8_t)next_random();
			break;
		default:
			if (next_random() % 8 == 0)
				size = at;
			break;
		}
	}
	return size;
}

static void run_file(const char *path)
{
	static uint8_t data[ROOM];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	run(data, size);
}

int main(int argc, char *argv[])
{
	const char *text = getenv("PROCS_FUZZ_ROUNDS");
	const long rounds = text != NULL ? strtol(text, NULL, 10) : 30000;
	static uint8_t good[ROOM], bad[ROOM];
	int seeds = 0;
	size_t size;

	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return 0;
	while ((size = fuzz_seed(seeds, good, sizeof(good))) > 0) {
		run(good, size);
		seeds++;
	}
	for (long round = 0; round < rounds && seeds > 0; round++) {
		size = fuzz_seed((int)(next_random() % (uint64_t)seeds), good, sizeof(good));
		memcpy(bad, good, size);
		run(bad, mutate(bad, size));
	}
	printf("%ld rounds from %d seeds: 1 passed, 0 failed\n", rounds, seeds);
	return seeds > 0 ? 0 : 1;
}
