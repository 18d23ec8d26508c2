/*
 * mpi_rank - one of two ranks: the first receives the large results that the
 * second makes, several on the way at once, and prints how many ns it took.
 */
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "figure.h"
#include "large.h"

enum {
	AHEAD = 8, /* messages on the way */
	ROUNDS = 3 /* the last one counts */
};

static unsigned char *buffer[AHEAD];
static MPI_Request request[AHEAD];

static void produce_all(void)
{
	for (int i = 0; i < LARGE_RESULTS + AHEAD; i++) {
		if (i >= AHEAD)
			MPI_Wait(&request[i % AHEAD], MPI_STATUS_IGNORE);
		if (i >= LARGE_RESULTS)
			continue;
		large_fill(buffer[i % AHEAD], (uint64_t)i);
		MPI_Isend(buffer[i % AHEAD], LARGE_BYTES, MPI_BYTE, 0, 0, MPI_COMM_WORLD,
			  &request[i % AHEAD]);
	}
}

/* How many were right. */
static int receive_all(void)
{
	int right = 0;

	for (int i = 0; i < LARGE_RESULTS + AHEAD; i++) {
		if (i >= AHEAD) {
			MPI_Wait(&request[i % AHEAD], MPI_STATUS_IGNORE);
			right += large_right(buffer[i % AHEAD], (uint64_t)(i - AHEAD));
		}
		if (i < LARGE_RESULTS)
			MPI_Irecv(buffer[i % AHEAD], LARGE_BYTES, MPI_BYTE, 1, 0, MPI_COMM_WORLD,
				  &request[i % AHEAD]);
	}
	return right;
}

int main(int argc, char *argv[])
{
	uint64_t begun = 0;
	int rank, right = LARGE_RESULTS;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	large_prepare();
	for (int i = 0; i < AHEAD; i++)
		buffer[i] = malloc(LARGE_BYTES);
	for (int i = 0; i < ROUNDS; i++) {
		MPI_Barrier(MPI_COMM_WORLD);
		begun = figure_now();
		if (rank == 0)
			right = receive_all();
		else if (rank == 1)
			produce_all();
	}
	if (rank == 0 && right == LARGE_RESULTS)
		printf("%" PRIu64 "\n", figure_now() - begun);
	MPI_Finalize();
	for (int i = 0; i < AHEAD; i++)
		free(buffer[i]);
	return right == LARGE_RESULTS ? 0 : 1;
}
