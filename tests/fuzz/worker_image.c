/*
 * worker_image.c - tasks of all kinds, and the work for them as pool/plan.c, pool/copy.c,
 * backend/hire.c and api/reduce.c write it.
 */
#include "worker_image.h"

#include <errno.h>
#include <procs/worker.h>
#include <string.h>

#include "backend/fold.h"
#include "backend/registry.h"
#include "codec/image.h"
#include "codec/plans.h"

struct wide {
	double numbers[14];
	_Bool flag;
};

PROCS_STRUCT(struct wide, double, numbers, _Bool, flag);

static PROCS_DEFINE2(int, add, int, a, int, b)
{
	return (int)((unsigned)a + (unsigned)b);
}

static PROCS_PURE1(double, twice, double, x)
{
	return 2 * x;
}

static PROCS_DEFINE1(int, odd, int, x)
{
	if (x & 1)
		procs_fail(EDOM, "%d is odd", x);
	return x;
}

static PROCS_DEFINE1(struct wide, widen, double, x)
{
	return (struct wide){ .numbers = { x } };
}

static PROCS_DEFINE1(int, narrow, struct wide, wide)
{
	return wide.flag ? 1 : 2;
}

static PROCS_DEFINE2(uint64_t, length, const char *, text, struct procs_bytes, bytes)
{
	const unsigned char *at = bytes.data;
	uint64_t sum = text != NULL ? strlen(text) : 0;

	for (size_t i = 0; i < bytes.size; i++)
		sum += at[i];
	return sum;
}

static PROCS_DEFINE2(uint64_t, sum, uint64_t, a, uint64_t, b)
{
	return a + b;
}

static PROCS_DEFINE1(_Bool, invert, _Bool, x)
{
	return !x;
}

static PROCS_DEFINE1(const char *, name, int, x)
{
	return x > 0 ? "more" : NULL;
}

/* Reads all that it is given. */
static int echo(struct procs_task *task)
{
	size_t size = 0;
	const unsigned char *from = procs_argument(task, 0, &size);
	const size_t n = size < 4096 ? size : 4096;
	unsigned char *to = procs_reserve(task, n);
	unsigned sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += from[i];
	if (to == NULL)
		return errno;
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(from[i] + sum);
	return procs_commit(task, n);
}

static PROCS_TASK(echoed, echo);

static int ready(void *user)
{
	return user != NULL && *(const char *)user == 1;
}

PROCS_INIT(ready);

static const struct px_task_plans *plans_of(const struct procs_function *function)
{
	static struct px_plans plans;

	return px_plans_of(&plans, function);
}

static void name_task(const struct procs_function *function, struct image_name *name_out)
{
	struct px_task_name name = { .signature = 0 };

	(void)px_registry_name(plans_of(function), &name);
	name_out->signature = name.signature;
	memcpy(name_out->name, name.name, sizeof(name_out->name));
}

/* One range of a map. */
static void make_map(struct image *image, const struct procs_function *function, uint32_t count)
{
	const struct px_task_plans *plans = plans_of(function);
	struct px_order *order = &image->order;

	name_task(function, &image->task[0]);
	order->function = 1;
	order->n_sequences = function->n_arguments;
	for (uint64_t i = 0; i < function->n_arguments; i++)
		order->sequence[i] =
			(struct px_array){ .stride = function->arguments[i].type.size,
					   .element_size = function->arguments[i].type.size };
	order->value_size = plans->result.flat && function->raw == NULL
				    ? (uint32_t)px_max(plans->result.size, 1)
				    : 0;
	image->post[0].count = count;
	image->post[0].kind = PX_KIND_MAP;
	image->post[0].flags = PX_POST_ORDER | PX_POST_COPIED | PX_POST_LAST;
	image->posted = 1;
	for (size_t i = 0; i < sizeof(image->input) / sizeof(double); i += 2)
		memcpy(image->input + i * sizeof(double), &(double){ (double)i }, sizeof(double));
}

/* Its elements lie in arrays, one behind the other from `at`. */
static void in_arrays(struct image *image, uint64_t at)
{
	for (uint64_t i = 0; i < image->order.n_sequences; i++, at += 1024)
		image->order.sequence[i].base = IMAGE_BASE + at;
	image->post[0].flags &= ~(uint32_t)PX_POST_COPIED;
}

static void make_call(struct image *image, uint32_t number, const struct procs_function *function,
		      const void *arguments, uint64_t size)
{
	const struct px_task_plans *plans = plans_of(function);
	const bool flat = function->raw != NULL || plans->arguments.flat;
	struct px_call call = { .size = size,
				.encoding = flat ? PX_FRAME_RAW : PX_FRAME_TPL,
				.named = 1 };
	unsigned char *at = image->input + (size_t)number * (IMAGE_INPUT / PX_RING);
	struct px_task_name name = { .signature = 0 };
	struct px_codec codec = { 0 };

	if (!flat && px_image_encode(&codec, &plans->arguments, arguments, &call.size) == 0)
		arguments = codec.image.data;
	(void)px_registry_name(plans, &name);
	memcpy(at, &call, sizeof(call));
	memcpy(at + sizeof(call), &name, sizeof(name));
	memcpy(at + sizeof(call) + sizeof(name), arguments, call.size);
	px_codec_free(&codec);
	image->post[number].input = number * (IMAGE_INPUT / PX_RING);
	image->post[number].kind = PX_KIND_CALL;
	image->post[number].flags = number == 0 ? PX_POST_ORDER : 0;
	image->posted = number + 1;
}

static void make_calls(struct image *image)
{
	const struct {
		const char *text;
		struct procs_bytes bytes;
	} texts = { "some text", { "\1\2\3", 3 } };
	const struct wide wide = { .flag = true };

	make_call(image, 0, procs_function_of(add), (const int[]){ 2, 3 }, 2 * sizeof(int));
	make_call(image, 1, procs_function_of(length), &texts, 0);
	make_call(image, 2, procs_function_of(narrow), &wide, sizeof(wide));
	make_call(image, 3, procs_function_of(echoed), "raw bytes", 9);
}

/* A reduction; `together`: of the values of its blocks. */
static void make_fold(struct image *image, bool together)
{
	struct px_fold fold =
		px_fold_of(procs_function_of(odd), procs_function_of(add), together ? 5000 : 40);

	fold.n_sequences = 1;
	fold.sequence[0] = (struct px_array){ IMAGE_BASE + 1024, sizeof(int), sizeof(int) };
	fold.values = together ? (const unsigned char *)(uintptr_t)(IMAGE_BASE + 1024) : NULL;
	if (together)
		fold.n = 20;
	memcpy(image->arrays, &fold, sizeof(fold));
	make_map(image, &fold.blocks, together ? 1 : 40);
	name_task(procs_function_of(odd), &image->task[0]);
	name_task(procs_function_of(add), &image->task[1]);
	image->order.n_sequences = 1;
	image->order.sequence[0] =
		(struct px_array){ .base = IMAGE_BASE, .element_size = sizeof(fold) };
	image->post[0].flags &= ~(uint32_t)PX_POST_COPIED;
}

/* Values into an array. */
static void make_direct(struct image *image)
{
	make_map(image, procs_function_of(twice), 100);
	in_arrays(image, 0);
	image->order.direct = image->order.blocks = 1;
	image->order.out = IMAGE_BASE + 2048;
	image->order.out_size = 100 * sizeof(double);
}

static bool make_work(int number, struct image *image)
{
	switch (number) {
	case 0:
		return make_map(image, procs_function_of(add), 50), true;
	case 1:
		return make_direct(image), true;
	case 2:
		make_map(image, procs_function_of(echoed), 3);
		image->order.n_sequences = 2;
		for (int i = 0; i < 2; i++)
			image->order.sequence[i] =
				(struct px_array){ .stride = 24, .element_size = 24 };
		return true;
	case 3:
		return make_calls(image), true;
	case 4:
	case 5:
		return make_fold(image, number == 5), true;
	case 6:
		return make_map(image, procs_function_of(odd), 30), true;
	case 7:
		return make_map(image, procs_function_of(widen), 20), true;
	case 8:
		make_call(image, 0, procs_function_of(invert), &(bool){ true }, sizeof(bool));
		make_call(image, 1, procs_function_of(name), &(int){ 1 }, sizeof(int));
		make_call(image, 2, procs_function_of(twice), &(double){ 1 }, sizeof(double));
		return true;
	case 9:
		make_map(image, procs_function_of(name), 20);
		image->order.encoding = PROCS_ENCODING_TPL;
		image->order.compression = PROCS_COMPRESSION_ALWAYS;
		return in_arrays(image, 512), true;
	default:
		return false;
	}
}

bool image_make(int number, struct image *image)
{
	const uint64_t half = IMAGE_SHOWN / 2;

	memset(image, 0, sizeof(*image));
	image->order.chunk_ns = 1000000;
	for (uint32_t i = 0; i < PX_RING; i++)
		image->post[i] = (struct px_post){ .share = half,
						   .start = i * (half / PX_RING),
						   .limit = (i + 1) * (half / PX_RING),
						   .over = half,
						   .count = 1,
						   .attempt = 1 };
	image->letter =
		(struct px_letter){ .build = px_build_own(),
				    .page = IMAGE_PAGE,
				    .control = px_align(sizeof(struct px_control), IMAGE_PAGE),
				    .input = IMAGE_INPUT,
				    .output = IMAGE_OUTPUT,
				    .arrays_base = IMAGE_BASE,
				    .arrays_size = IMAGE_ARRAYS,
				    .hooks_user = IMAGE_BASE + 100,
				    .pooled = number % 2 };
	if (number % 3 == 0)
		memcpy(image->letter.init, "ready", sizeof("ready"));
	if (number % 4 == 3)
		image->letter.leftover =
			(struct px_leftover){ half / 2, half, half, half + IMAGE_PAGE };
	if (!make_work(number, image))
		return false;
	for (uint32_t i = 0; i < PX_RING; i++) {
		image->range[i] = (uint64_t)image->post[i].count << 32;
		if (number % 4 == 3) {
			image->post[i].limit /= 2;
			image->post[i].start /= 2;
			image->post[i].over += IMAGE_PAGE;
		}
	}
	/* Alone it has the whole room. */
	if (image->posted == 1)
		image->post[0].limit = number % 4 == 3 ? half / 2 : half;
	return true;
}

/* The parts of an element of a raw task, multiplied, are nothing. */
static void make_endless(struct image *image)
{
	(void)image_make(2, image);
	image->order.n_sequences = 1;
	image->order.sequence[0].stride = image->order.sequence[0].element_size = UINT64_C(1) << 48;
	image->post[0].count = 1 << 16;
	image->post[0].limit = IMAGE_OUTPUT;
	image->post[0].flags |= PX_POST_FORCED;
	image->range[0] = UINT64_C(1) << 48;
}

/* A call under an order for values side by side, whose task nobody has. */
static void make_mixed(struct image *image)
{
	(void)image_make(3, image);
	image->order.function = 1;
	image->order.value_size = 8;
	memcpy(image->task[0].name, "nobody's", sizeof("nobody's"));
	image->post[0].input = image->post[3].input;
}

/* Elements that point somewhere; `folded`: in a reduction. */
static void make_pointing(struct image *image, bool folded)
{
	struct px_fold fold = px_fold_of(procs_function_of(length), procs_function_of(sum), 3);

	(void)image_make(folded ? 4 : 0, image);
	make_map(image, folded ? &fold.blocks : procs_function_of(length), 3);
	memset(image->arrays, 0x11, sizeof(image->arrays));
	memset(image->input, 0x11, sizeof(image->input));
	if (!folded)
		return;
	fold.n_sequences = 2;
	fold.sequence[0] = (struct px_array){ IMAGE_BASE + 1024, 8, 8 };
	fold.sequence[1] = (struct px_array){ IMAGE_BASE + 2048, 16, 16 };
	memcpy(image->arrays, &fold, sizeof(fold));
	name_task(procs_function_of(length), &image->task[0]);
	name_task(procs_function_of(sum), &image->task[1]);
	image->order.n_sequences = 1;
	image->order.sequence[0] =
		(struct px_array){ .base = IMAGE_BASE, .element_size = sizeof(fold) };
	image->post[0].flags &= ~(uint32_t)PX_POST_COPIED;
}

/* Items that fail, again and again: more failures than there is room for. */
static void make_again(struct image *image)
{
	(void)image_make(6, image);
	for (size_t i = 0; i < sizeof(image->input) / sizeof(int); i++)
		memcpy(image->input + i * sizeof(int), &(int){ 1 }, sizeof(int));
	image->post[0].count = 1;
	image->range[0] = UINT64_C(1) << 32;
	image->change[0] = (struct image_change){
		.step = UINT16_MAX,
		.offset = offsetof(struct px_control, entry[0].range),
		.value = UINT64_C(1) << 32,
	};
}

bool image_make_bad(int number, struct image *image)
{
	switch (number) {
	case 0:
		return make_endless(image), true;
	case 1:
		return make_mixed(image), true;
	case 2:
	case 3:
		return make_pointing(image, number == 3), true;
	case 4:
		return make_again(image), true;
	case 5: /* where a stretch is hidden */
		(void)image_make(7, image);
		image->post[0].start = image->letter.leftover.low_from;
		image->post[0].limit = IMAGE_SHOWN / 2;
		return true;
	case 6: /* an array to write that is none, for calls */
		(void)image_make(3, image);
		image->order.out = (uintptr_t)image;
		image->order.out_size = sizeof(*image);
		return true;
	default:
		return false;
	}
}

void image_change(const struct image *image, int step, struct px_slot slot)
{
	unsigned char *control = (unsigned char *)slot.control;

	for (size_t i = 0; i < sizeof(image->change) / sizeof(image->change[0]); i++) {
		const struct image_change *change = &image->change[i];
		const size_t at = change->offset % (sizeof(*slot.control) - sizeof(change->value));

		if (change->offset != 0 && (change->step == UINT16_MAX || change->step == step))
			memcpy(control + at, &change->value, sizeof(change->value));
	}
}

void image_lay(const struct image *image, struct px_slot slot, unsigned char *input,
	       unsigned char *arrays)
{
	struct px_control *control = slot.control;

	memset(control, 0, sizeof(*control));
	control->order = image->order;
	for (int i = 0; i < 2; i++) {
		control->task[i].signature = image->task[i].signature;
		memcpy(control->task[i].name, image->task[i].name, sizeof(image->task[i].name));
	}
	for (uint32_t i = 0; i < PX_RING; i++) {
		control->entry[i].post = image->post[i];
		/* relaxed, all: nobody else is there yet */
		atomic_store_explicit(&control->entry[i].range, image->range[i],
				      memory_order_relaxed);
	}
	atomic_store_explicit(&control->posted, px_min(image->posted, IMAGE_POSTED_MOST),
			      memory_order_relaxed);
	atomic_store_explicit(&control->taken, image->taken, memory_order_relaxed);
	atomic_store_explicit(&control->want, 0, memory_order_relaxed);
	memcpy(input, image->input, sizeof(image->input));
	memcpy(arrays, image->arrays, sizeof(image->arrays));
}
