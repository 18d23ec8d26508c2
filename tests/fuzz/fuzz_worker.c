/*
 * fuzz_worker.c - bytes as what the parent of a worker that attaches has written: the letter,
 * the slot, the arrays. The runner admits and runs what it believes of them, a bounded number
 * of steps; around each part of the slot lie pages without access, input can only be read,
 * and of the arrays nothing may change but what the order writes, nor of the output what is
 * hidden. What no parent would have written ends the process: here it ends the round, by way
 * of the linker, which has calls of px_entry_leave come here.
 */
#include <procs/worker.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/registry.h"
#include "backend/runner.h"
#include "fuzz.h"
#include "shm/file.h"
#include "worker_image.h"

enum {
	STEPS = 24
};

static struct {
	struct px_slot slot;
	unsigned char *input, *arrays; /* to be written */
	int letter;
	struct px_plans plans;
	_Atomic uint32_t bell;
	struct px_runner runner;
	struct px_remote remote;
	sigjmp_buf rejected;
	unsigned char before[IMAGE_ARRAYS], hidden[IMAGE_SHOWN];
} rig;

PX_NORETURN void __wrap_px_entry_leave(int status);

void __wrap_px_entry_leave(int status)
{
	if (status != PX_REFUSED)
		abort();
	siglongjmp(rig.rejected, 1);
}

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* [size] bytes between pages without access; `view_out`: the same, only to be read. */
static unsigned char *guarded(size_t size, const unsigned char **view_out)
{
	const size_t room = size + 2 * IMAGE_PAGE;
	const int file = px_file_make(size);
	unsigned char *at[2];

	for (int i = 0; i < 2; i++) {
		at[i] = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		demand(at[i] != MAP_FAILED);
		demand(px_file_map(file, 0, size, at[i] + IMAGE_PAGE, i == 0) != NULL);
	}
	close(file);
	*view_out = at[1] + IMAGE_PAGE;
	return at[0] + IMAGE_PAGE;
}

static void open_rig(void)
{
	const struct procs_module *module = procs_module_here();
	const unsigned char *view;

	if (rig.slot.control != NULL)
		return;
	demand(px_registry_open(&module, 1) == 0);
	rig.slot.control = (struct px_control *)(void *)guarded(
		px_align(sizeof(struct px_control), IMAGE_PAGE), &view);
	rig.slot.output = guarded(IMAGE_OUTPUT, &view);
	rig.slot.output_size = IMAGE_OUTPUT;
	rig.input = guarded(IMAGE_INPUT, &view);
	rig.slot.input = (unsigned char *)(uintptr_t)view;
	rig.slot.input_size = IMAGE_INPUT;
	rig.arrays = guarded(IMAGE_ARRAYS, &view);
	rig.letter = px_file_make(PX_LETTER_SIZE);
	demand(rig.letter >= 0);
}

/* The letter, if it is one; where it is not, another door would have refused it. */
static void read_letter(const struct px_letter *letter)
{
	struct px_leftover *hidden = &rig.remote.hidden;
	struct px_letter read;
	struct px_reply reply;

	demand(px_letter_write(rig.letter, letter));
	if (px_letter_read(rig.letter, &read, &reply) != 0)
		return;
	demand(memchr(read.init, 0, sizeof(read.init)) != NULL);
	(void)px_registry_hook(read.init);
	(void)px_registry_hook(read.teardown);
	*hidden = read.leftover;
	if (hidden->low_from > hidden->low_to || hidden->low_to > IMAGE_OUTPUT ||
	    hidden->over_from > hidden->over_to || hidden->over_to > IMAGE_OUTPUT)
		*hidden = (struct px_leftover){ 0 };
}

static void same_hidden(uint64_t from, uint64_t to)
{
	to = px_min(to, IMAGE_SHOWN);
	demand(from >= to || memcmp(rig.hidden + from, rig.slot.output + from, to - from) == 0);
}

/* What had to stay has stayed. */
static void look(void)
{
	const struct px_order *order = &rig.runner.order;
	uint64_t from = IMAGE_ARRAYS, to = IMAGE_ARRAYS;

	if (order->out != 0) {
		from = order->out - (uintptr_t)rig.arrays;
		to = from + order->out_size;
		demand(from <= to && to <= IMAGE_ARRAYS);
	}
	demand(memcmp(rig.arrays, rig.before, from) == 0);
	demand(memcmp(rig.arrays + to, rig.before + to, IMAGE_ARRAYS - to) == 0);
	memcpy(rig.before, rig.arrays, IMAGE_ARRAYS);
	same_hidden(rig.remote.hidden.low_from, rig.remote.hidden.low_to);
	same_hidden(rig.remote.hidden.over_from, rig.remote.hidden.over_to);
}

static bool work(const struct image *image)
{
	enum px_step step = PX_STEP_WORK;

	if (sigsetjmp(rig.rejected, 0) != 0)
		return false;
	if (image->letter.pooled != 1)
		px_runner_order(&rig.runner);
	for (int i = 0; i < STEPS && step == PX_STEP_WORK; i++) {
		step = px_runner_step(&rig.runner);
		look();
		image_change(image, i, rig.slot);
	}
	return true;
}

/* False if the worker wants none of it. */
static bool run(const struct image *image)
{
	bool admitted;

	memset(rig.slot.output, 0x5a, IMAGE_SHOWN);
	memset(rig.hidden, 0x5a, IMAGE_SHOWN);
	image_lay(image, rig.slot, rig.input, rig.arrays);
	memcpy(rig.before, rig.arrays, IMAGE_ARRAYS);
	rig.remote = (struct px_remote){ .border = { image->letter.arrays_base, IMAGE_ARRAYS,
						     rig.arrays } };
	read_letter(&image->letter);
	px_runner_open(&rig.runner, rig.slot, &rig.bell, &rig.plans);
	rig.runner.remote = &rig.remote;
	admitted = work(image);
	px_runner_close(&rig.runner);
	px_buffer_free(&rig.remote.arguments);
	/* A descriptor in rig.remote. */
	px_plans_forget(&rig.plans, &rig.remote.fold.blocks);
	return admitted;
}

/* Whether all that is posted is done, and nothing handed back. */
static bool is_done(uint64_t posted)
{
	const struct px_control *control = rig.slot.control;
	bool done = px_slot_posted(rig.slot) == rig.runner.sequence;

	for (uint64_t i = 0; i < posted; i++) {
		const struct px_entry *entry = &control->entry[i];

		/* relaxed, both: nobody else is there */
		done &= atomic_load_explicit(&entry->progress.progress, memory_order_relaxed) ==
				(uint64_t)entry->post.count << 1 &&
			atomic_load_explicit(&entry->progress.handed_back, memory_order_relaxed) ==
				0;
	}
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image image;

	open_rig();
	memset(&image, 0, sizeof(image));
	memcpy(&image, data, px_min(size, sizeof(image)));
	(void)run(&image);
	return 0;
}

/* The good ones, which must do what they say, and then the bad ones. */
size_t fuzz_seed(int number, uint8_t *data, size_t room)
{
	static struct image image;
	static int n_good, n_tried;
	bool good;

	open_rig();
	demand(sizeof(image) <= room);
	good = image_make(number, &image);
	if (good && number == n_tried) {
		n_good = ++n_tried;
		demand(run(&image) && is_done(image.posted));
	}
	if (!good && !image_make_bad(number - n_good, &image))
		return 0;
	memcpy(data, &image, sizeof(image));
	return sizeof(image);
}
