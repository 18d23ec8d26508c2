#include "codec/image.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tpl.h>

#include "base/px.h"

enum {
	PX_BYTES_ALIGN = 16 /* of what a struct procs_bytes points to, as malloc has it */
};

/* tpl exports its hooks, but its header does not say so. */
extern tpl_hook_t tpl_hook;

/* Who is inside tpl: its hooks are the whole process's, so the first one in
 * sets them, the last one out puts the host's back, and in between they act for
 * the host in every thread that is not inside. */
static pthread_mutex_t px_tpl_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned px_tpl_users;
static tpl_hook_t px_tpl_host;
PX_TLS static jmp_buf *px_tpl_exit;

void px_codec_free(struct px_codec *codec)
{
	px_buffer_free(&codec->staging);
	px_buffer_free(&codec->image);
	px_buffer_free(&codec->object);
	px_buffer_free(&codec->strings);
}

PX_PRINTF(1, 2) static void px_tpl_fatal(const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (px_tpl_exit != NULL)
		longjmp(*px_tpl_exit, 1);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	px_tpl_host.fatal("%s", text);
}

PX_PRINTF(1, 2) static int px_tpl_oops(const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (px_tpl_exit != NULL)
		return 0;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return px_tpl_host.oops("%s", text);
}

static void px_tpl_enter(jmp_buf *way_out)
{
	pthread_mutex_lock(&px_tpl_lock);
	if (px_tpl_users++ == 0) {
		px_tpl_host = tpl_hook;
		tpl_hook.fatal = px_tpl_fatal;
		tpl_hook.oops = px_tpl_oops;
	}
	pthread_mutex_unlock(&px_tpl_lock);
	px_tpl_exit = way_out;
}

static void px_tpl_leave(void)
{
	px_tpl_exit = NULL;
	pthread_mutex_lock(&px_tpl_lock);
	if (--px_tpl_users == 0) {
		tpl_hook.fatal = px_tpl_host.fatal;
		tpl_hook.oops = px_tpl_host.oops;
	}
	pthread_mutex_unlock(&px_tpl_lock);
}

void px_image_after_fork(void)
{
	/* Nobody was inside: then there is nothing to put right, and no page to copy. */
	if (px_tpl_users == 0)
		return;
	px_tpl_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	tpl_hook.fatal = px_tpl_host.fatal;
	tpl_hook.oops = px_tpl_host.oops;
	px_tpl_users = 0;
	px_tpl_exit = NULL;
}

static tpl_node *px_tpl_map(const struct px_plan *plan, void *staging, tpl_bin *b)
{
	char *format = (char *)(uintptr_t)plan->format; /* tpl does not write there */
	const int *n = plan->array;

	/* The order of the format: the struct, its array lengths, the blobs. */
	if (plan->n_leaves == plan->n_blobs)
		return tpl_map(format, b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7);
#define PX_MAP(...)                                                                                \
 tpl_map(format, staging, __VA_ARGS__ b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7)
	switch (plan->n_arrays) {
	case 0:
		return PX_MAP();
	case 1:
		return PX_MAP(n[0], );
	case 2:
		return PX_MAP(n[0], n[1], );
	case 3:
		return PX_MAP(n[0], n[1], n[2], );
	case 4:
		return PX_MAP(n[0], n[1], n[2], n[3], );
	case 5:
		return PX_MAP(n[0], n[1], n[2], n[3], n[4], );
	case 6:
		return PX_MAP(n[0], n[1], n[2], n[3], n[4], n[5], );
	case 7:
		return PX_MAP(n[0], n[1], n[2], n[3], n[4], n[5], n[6], );
	default:
		return PX_MAP(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], );
	}
#undef PX_MAP
}

/* An x87 long double has bytes that are no part of its value. */
static void px_blank_padding(const struct px_leaf *leaf, unsigned char *staged)
{
#if __LDBL_MANT_DIG__ == 64
	const uint64_t doubles = leaf->code == 'g' || leaf->code == 'z'
					 ? leaf->count * leaf->size / sizeof(long double)
					 : 0;

	for (uint64_t i = 0; i < doubles; i++)
		memset(staged + i * sizeof(long double) + 10, 0, sizeof(long double) - 10);
#else
	(void)leaf;
	(void)staged;
#endif
}

/* Copies the value into the staging struct and adds up what it will take;
 * false if some part of it is no value. */
static bool px_stage(const struct px_plan *plan, const unsigned char *object,
		     unsigned char *staging, tpl_bin *blobs, uint64_t *size_out)
{
	uint64_t size = 8 + strlen(plan->format) + 1 + (uint64_t)plan->n_arrays * 4;
	uint32_t blob = 0;

	for (uint32_t i = 0; i < plan->n_leaves; i++) {
		const struct px_leaf *leaf = &plan->leaf[i];

		if (leaf->code == PROCS_CODE_BYTES) {
			struct procs_bytes bytes;

			memcpy(&bytes, object + leaf->offset, sizeof(bytes));
			if (bytes.data == NULL && bytes.size > 0)
				return false;
			/* Not more than fits: the sum is refused before the cast matters. */
			blobs[blob++] =
				(tpl_bin){ (void *)(uintptr_t)bytes.data, (uint32_t)bytes.size };
			size += 4 + px_min(bytes.size, UINT64_C(1) << 40);
			continue;
		}
		memcpy(staging + leaf->staged, object + leaf->offset, leaf->count * leaf->size);
		px_blank_padding(leaf, staging + leaf->staged);
		if (leaf->code == 's') {
			const char *string;

			memcpy(&string, object + leaf->offset, sizeof(string));
			size += 4 + (string != NULL ? strlen(string) : 0);
		} else {
			size += leaf->count * leaf->size;
		}
	}
	*size_out = size;
	return true;
}

/* What is done inside tpl, between enter and leave. */
struct px_tpl_work {
	int (*run)(struct px_tpl_work *work, tpl_node *node);
	const struct px_plan *plan;
	void *staging;
	tpl_bin *blobs;
	void *image;
	uint64_t size;
};

static int px_tpl_pack(struct px_tpl_work *work, tpl_node *node)
{
	size_t exact = 0;

	if (tpl_pack(node, 0) < 0 || tpl_dump(node, TPL_GETSIZE, &exact) != 0 ||
	    exact != work->size || tpl_dump(node, TPL_MEM | TPL_PREALLOCD, work->image, exact) != 0)
		return -EINVAL;
	return 0;
}

static int px_tpl_unpack(struct px_tpl_work *work, tpl_node *node)
{
	if (tpl_load(node, TPL_MEM, work->image, (size_t)work->size) != 0 ||
	    tpl_unpack(node, 0) < 0)
		return -EBADMSG;
	return 0;
}

/* -ENOMEM if tpl gave up; what it held then stays lost. */
static int px_tpl_run(struct px_tpl_work *work)
{
	tpl_node *node;
	jmp_buf fatal;
	int error;

	px_tpl_enter(&fatal);
	if (setjmp(fatal) != 0) {
		px_tpl_leave();
		return -ENOMEM;
	}
	node = px_tpl_map(work->plan, work->staging, work->blobs);
	error = node != NULL ? work->run(work, node) : -EINVAL;
	if (node != NULL)
		tpl_free(node);
	px_tpl_leave();
	return error;
}

int px_image_encode(struct px_codec *codec, const struct px_plan *plan, const void *object,
		    uint64_t *size_out)
{
	tpl_bin blobs[PX_BLOBS_MOST] = { 0 };
	struct px_tpl_work work = { .run = px_tpl_pack, .plan = plan, .blobs = blobs };
	uint64_t size;

	*size_out = 0;
	if (plan->format[0] == '\0')
		return 0;
	if (px_buffer_room(&codec->staging, plan->staging + 1) != 0)
		return -ENOMEM;
	memset(codec->staging.data, 0, plan->staging);
	if (!px_plan_valid(plan, object) ||
	    !px_stage(plan, object, codec->staging.data, blobs, &size))
		return -EINVAL;
	if (size > PX_IMAGE_MOST)
		return -EFBIG;
	if (px_buffer_room(&codec->image, size) != 0)
		return -ENOMEM;
	*size_out = work.size = size;
	work.staging = codec->staging.data;
	work.image = codec->image.data;
	return px_tpl_run(&work);
}

/* Moves a string or blob that tpl allocated into our own memory. Blobs may hold
 * numbers: tpl gives them no alignment. */
static const void *px_move(char **free_at, void *from, size_t size, size_t align)
{
	char *to = *free_at;

	if (from == NULL)
		return NULL;
	if (align > 1)
		to = (char *)px_align((uintptr_t)to, align);
	memcpy(to, from, size);
	to[size] = '\0';
	*free_at = to + size + 1;
	tpl_hook.free(from);
	return to;
}

static void px_unstage(const struct px_plan *plan, const unsigned char *staging, tpl_bin *blobs,
		       unsigned char *object, char *strings)
{
	uint32_t blob = 0;

	for (uint32_t i = 0; i < plan->n_leaves; i++) {
		const struct px_leaf *leaf = &plan->leaf[i];

		if (leaf->code == PROCS_CODE_BYTES) {
			const tpl_bin bin = blobs[blob++];
			const struct procs_bytes bytes = {
				.data = px_move(&strings, bin.addr, bin.sz, PX_BYTES_ALIGN),
				.size = bin.sz,
			};

			memcpy(object + leaf->offset, &bytes, sizeof(bytes));
		} else if (leaf->code == 's') {
			char *string;

			memcpy(&string, staging + leaf->staged, sizeof(string));
			string = (char *)(uintptr_t)px_move(&strings, string,
							    string != NULL ? strlen(string) : 0, 1);
			memcpy(object + leaf->offset, &string, sizeof(string));
		} else {
			memcpy(object + leaf->offset, staging + leaf->staged,
			       leaf->count * leaf->size);
		}
	}
}

int px_image_decode(struct px_codec *codec, const struct px_plan *plan, const void *image,
		    uint64_t size)
{
	tpl_bin blobs[PX_BLOBS_MOST] = { 0 };
	struct px_tpl_work work = { .run = px_tpl_unpack,
				    .plan = plan,
				    .blobs = blobs,
				    .image = (void *)(uintptr_t)image, /* only read */
				    .size = size };
	struct px_image_sizes sizes;
	int error;

	if (px_image_check(plan, image, size, &sizes) != 0)
		return -EBADMSG;
	if (px_buffer_room(&codec->staging, plan->staging + 1) != 0 ||
	    px_buffer_room(&codec->object, plan->size + 1) != 0 ||
	    px_buffer_room(&codec->strings, sizes.strings + 1 + plan->n_blobs * PX_BYTES_ALIGN) !=
		    0)
		return -ENOMEM;
	memset(codec->staging.data, 0, plan->staging);
	memset(codec->object.data, 0, plan->size);
	if (plan->format[0] == '\0')
		return 0;
	work.staging = codec->staging.data;
	error = px_tpl_run(&work);
	if (error != 0)
		return error;
	px_unstage(plan, codec->staging.data, blobs, codec->object.data, codec->strings.data);
	return px_plan_valid(plan, codec->object.data) ? 0 : -EBADMSG;
}
