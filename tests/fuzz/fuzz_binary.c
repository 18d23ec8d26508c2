/*
 * fuzz_binary.c - mutated images of a slot handed to a real worker: this program, executed
 * as backend/spawn.c does it. However wrong the image is, or becomes while the worker reads
 * it, the worker ends by itself with status 0 or 2; by no signal, and without a report of a
 * sanitizer, which has a status of its own. One that is long at work, as a range may have
 * it, is killed and counted.
 *
 * usage: fuzz_binary [ROUNDS [FIRST]]; without arguments 3,000, and no longer than 8 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <procs/worker.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/spawn.h"
#include "base/clock.h"
#include "shm/arena.h"
#include "shm/file.h"
#include "worker_image.h"

enum {
	ROUNDS = 3000,
	SECONDS = 8,
	LONG_MS = 2000,
	KINDS = 17 /* good images, and bad ones */
};

static struct {
	struct px_arena arena;
	struct px_slot slot;
	int slot_file, bell_file, arrays_file, lifeline;
	unsigned char *arrays;
	unsigned long ended[3], killed; /* by status 0, 2 and another; and long at work */
} rig;

static uint64_t state;

static uint64_t next_random(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void demand(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

static void open_rig(void)
{
	int ends[2];

	demand(px_arena_open(&rig.arena, 1, IMAGE_OUTPUT, IMAGE_OUTPUT) == 0, "arena");
	rig.bell_file = px_arena_file_bell(&rig.arena);
	rig.slot_file = px_arena_file_slot(&rig.arena, 0);
	rig.slot = px_arena_slot(&rig.arena, 0);
	rig.arrays_file = px_file_make(IMAGE_ARRAYS);
	demand(rig.slot_file >= 0 && rig.bell_file >= 0 && rig.arrays_file >= 0, "memfd");
	rig.arrays = px_file_map(rig.arrays_file, 0, IMAGE_ARRAYS, NULL, true);
	demand(rig.arrays != NULL, "mmap");
	demand(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
	rig.lifeline = ends[0];
}

/* A few of its bytes; most of the time of those that are more than arguments. */
static void mutate(struct image *image)
{
	static const uint64_t edges[] = {
		0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, INT64_MAX, 1ull << 48, UINT64_MAX, IMAGE_BASE
	};
	unsigned char *bytes = (unsigned char *)image;

	for (uint64_t k = next_random() % 5; k > 0; k--) {
		const size_t size =
			next_random() % 4 > 0 ? offsetof(struct image, input) : sizeof(*image);
		const size_t at = next_random() % (size - 8), width = 1u << next_random() % 4;

		switch (next_random() % 3) {
		case 0:
			bytes[at] ^= (unsigned char)(1 << next_random() % 8);
			break;
		case 1:
			memcpy(bytes + at - at % width, &edges[next_random() % 10], width);
			break;
		default:
			bytes[at] = (unsigned char)next_random();
			break;
		}
	}
	/* A timeout is a kill, and rightly so. */
	if (image->order.timeout_ns != 0)
		image->order.timeout_ns |= UINT64_C(1) << 50;
}

/* The letter speaks of the slot as it is here, where it did not speak of another. */
static void fit(struct px_letter *letter)
{
	const struct px_geometry *g = &rig.arena.geometry;
	static struct image good;

	(void)image_make(0, &good);
	letter->page ^= good.letter.page ^ g->page;
	letter->control ^= good.letter.control ^ g->control;
	letter->input ^= good.letter.input ^ g->input;
	letter->output ^= good.letter.output ^ g->output;
}

static void lay(struct image *image)
{
	struct px_control *control = rig.slot.control;

	fit(&image->letter);
	image_lay(image, rig.slot, rig.slot.input, rig.arrays);
	demand(px_letter_write(rig.slot_file, &image->letter), "letter");
	/* relaxed, both: its birth orders them. It has rung, and nothing more will come. */
	atomic_store_explicit(&control->bell, image->letter.bell + 1, memory_order_relaxed);
	atomic_store_explicit(&control->stop, PX_STOP_IDLE, memory_order_relaxed);
}

/* What another process may do at any time, but for a timeout, or the word that ends it. */
static void scribble(void)
{
	struct px_control *control = rig.slot.control;
	unsigned char *bytes = (unsigned char *)control;
	const size_t from = offsetof(struct px_control, order.value_size);

	switch (next_random() % 5) {
	case 0:
		/* relaxed, all: they race, and are to */
		atomic_store_explicit(&control->entry[next_random() % PX_RING].range,
				      next_random() % 64 << 32 | next_random() % 8,
				      memory_order_relaxed);
		break;
	case 1:
		atomic_store_explicit((_Atomic uint64_t *)&control->order.out,
				      IMAGE_BASE + next_random() % 8192, memory_order_relaxed);
		break;
	case 2:
		rig.arrays[next_random() % IMAGE_ARRAYS] = (unsigned char)next_random();
		break;
	case 3:
		rig.slot.input[next_random() % IMAGE_INPUT] = (unsigned char)next_random();
		break;
	default:
		bytes[from + next_random() % (sizeof(*control) - from)] =
			(unsigned char)next_random();
		break;
	}
}

/* The worker has its descriptors, now and then one that is none. */
static pid_t begin(void)
{
	static const struct px_program self = { NULL, NULL };
	int handed[PX_HANDED_N] = {
		[PX_HANDED_SLOT] = rig.slot_file,
		[PX_HANDED_BELL] = rig.bell_file,
		[PX_HANDED_LIFELINE] = rig.lifeline,
		[PX_HANDED_ARRAYS] = rig.arrays_file,
	};
	const int others[] = { rig.bell_file, rig.arrays_file, rig.slot_file, -1 };
	pid_t pid;

	if (next_random() % 16 == 0)
		handed[1 + next_random() % 3] = others[next_random() % 4];
	demand(px_spawn(&self, PX_MARK_WORKER, handed, PX_HANDED_N, &pid) == 0, "spawn");
	return pid;
}

/* Its status; -1 if it was long at work. */
static int watch(pid_t pid, bool racing)
{
	const uint64_t until = px_deadline(px_now(), LONG_MS * PX_MILLISECOND);
	struct pollfd one = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status;

	demand(one.fd >= 0, "pidfd_open");
	while (racing && px_now() < until && poll(&one, 1, 0) == 0)
		scribble();
	if (poll(&one, 1, racing ? 0 : LONG_MS) == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		close(one.fd);
		return -1;
	}
	close(one.fd);
	demand(waitpid(pid, &status, 0) == pid, "waitpid");
	return status;
}

/* False if a worker ended as none may. */
static bool run(uint64_t round)
{
	static struct image image;
	int status, kind;

	state = round << 20;
	kind = (int)(next_random() % KINDS);
	if (!image_make(kind, &image))
		demand(image_make_bad(kind - 10, &image), "image");
	mutate(&image);
	lay(&image);
	status = watch(begin(), next_random() % 4 == 0);
	if (status == -1) {
		rig.killed++;
		return true;
	}
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PX_REFUSED)) {
		rig.ended[WEXITSTATUS(status) != 0]++;
		return true;
	}
	printf("round %llu, image %d: a worker ended with %s %d\n", (unsigned long long)round, kind,
	       WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	rig.ended[2]++;
	return false;
}

int main(int argc, char *argv[])
{
	uint64_t rounds = ROUNDS, first = 0, until, round;

	procs_worker_hook(argc, argv);
	until = px_deadline(px_now(), argc > 1 ? PX_NEVER : SECONDS * PX_SECOND);
	if (argc > 1)
		rounds = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_rig();
	for (round = first; round < first + rounds && px_now() < until; round++)
		(void)run(round);
	printf("%llu images: %lu left, %lu refused, %lu long at work, %lu otherwise\n",
	       (unsigned long long)(round - first), rig.ended[0], rig.ended[1], rig.killed,
	       rig.ended[2]);
	/* A worker that leaves is the rule: else nothing was tried. */
	return rig.ended[2] == 0 && rig.ended[0] > (round - first) / 8 ? 0 : 1;
}
