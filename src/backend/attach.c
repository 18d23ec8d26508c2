#include "backend/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/admit.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/owner.h"
#include "backend/registry.h"
#include "codec/text.h"
#include "shm/file.h"

enum {
	PX_DEPTH_FOREIGN = 16 /* of a parent, at most */
};

/* What a forked worker has from its parent. One a process; zeroed. */
static struct px_backend px_attached;
static struct px_plans px_attached_plans;
static struct px_remote px_attached_remote;

PX_NORETURN static void px_attach_fail(int slot, enum procs_cause cause, int error,
				       const char *what, const char *name)
{
	struct px_reply reply = { .cause = cause, .code = -error };
	struct px_text text = px_text_into(reply.text, sizeof(reply.text));

	px_text_add(&text, "%s%s", what, name);
	if (px_letter_is_there(slot))
		px_reply_write(slot, &reply);
	_exit(PX_REFUSED);
}

/* 0 or a negative errno. */
static int px_attach_slot(const int *handed, const struct px_letter *letter)
{
	const struct px_geometry geometry = {
		.page = letter->page,
		.control = letter->control,
		.input = letter->input,
		.output = letter->output,
	};
	const struct px_leftover *left = &letter->leftover;

	if (left->low_from > left->low_to || left->low_to > letter->output ||
	    left->over_from > left->over_to || left->over_to > letter->output ||
	    letter->depth > PX_DEPTH_FOREIGN)
		return -EINVAL;
	px_attached_remote.hidden = *left;
	return px_arena_attach(&px_attached.arena, &geometry, handed[PX_HANDED_BELL],
			       handed[PX_HANDED_SLOT]);
}

static int px_attach_arrays(int file, const struct px_letter *letter)
{
	struct px_border *border = &px_attached_remote.border;
	uint64_t size;

	if (letter->arrays_size == 0)
		return letter->hooks_user == 0 ? 0 : -EINVAL;
	if (!px_file_is_sealed(file, &size) || size != letter->arrays_size)
		return -EINVAL;
	*border = (struct px_border){ letter->arrays_base, size,
				      px_file_map(file, 0, size, NULL, false) };
	if (border->here == NULL)
		return -ENOMEM;
	if (letter->hooks_user != 0) {
		px_attached.hooks.user =
			(void *)(uintptr_t)px_border_cross(border, letter->hooks_user, 1);
		if (px_attached.hooks.user == NULL)
			return -EINVAL;
	}
	return 0;
}

/* The name that is not to be had, or NULL. */
static const char *px_attach_hooks(const struct px_letter *letter)
{
	const struct procs_hook *init = px_registry_hook(letter->init);
	const struct procs_hook *teardown = px_registry_hook(letter->teardown);

	if (letter->init[0] != '\0' && (init == NULL || init->init == NULL))
		return letter->init;
	if (letter->teardown[0] != '\0' && (teardown == NULL || teardown->teardown == NULL))
		return letter->teardown;
	px_attached.hooks.init = letter->init[0] != '\0' ? init->init : NULL;
	px_attached.hooks.teardown = letter->teardown[0] != '\0' ? teardown->teardown : NULL;
	return NULL;
}

/* One process works in a slot, the first to say so. */
static bool px_attach_hello(struct px_control *control)
{
	int32_t nobody = 0;

	/* acq_rel: of two that come here one is first; the parent's acquire sees who */
	return atomic_compare_exchange_strong_explicit(&control->hello, &nobody, (int32_t)getpid(),
						       memory_order_acq_rel, memory_order_acquire);
}

static void px_attach_read(const int *handed, struct px_letter *letter)
{
	const int slot = handed[PX_HANDED_SLOT];
	struct px_reply reply = { .cause = 0 };
	int error = px_letter_read(slot, letter, &reply);
	const char *missing;

	if (error == -EPROTO)
		px_attach_fail(slot, reply.cause, error, reply.text, "");
	if (error == 0)
		error = px_attach_slot(handed, letter);
	if (error == 0)
		error = px_attach_arrays(handed[PX_HANDED_ARRAYS], letter);
	if (error != 0)
		px_attach_fail(slot, PROCS_CAUSE_SPAWN, error,
			       "its slot cannot be attached: ", strerrordesc_np(-error));
	missing = px_attach_hooks(letter);
	if (missing != NULL)
		px_attach_fail(slot, PROCS_CAUSE_UNKNOWN_FUNCTION, -ENOENT, "no hook is named ",
			       missing);
}

void px_attach(const int handed[PX_HANDED_N], struct px_origin origin)
{
	static struct px_birth birth;
	const int end = handed[PX_HANDED_LIFELINE];
	struct px_letter letter;
	struct px_control *control;

	px_attach_read(handed, &letter);
	control = px_arena_slot(&px_attached.arena, 0).control;
	if (!px_attach_hello(control))
		_exit(PX_REFUSED);
	px_spawn_attached();
	px_objects_write(handed[PX_HANDED_SLOT]);
	px_file_close(handed[PX_HANDED_SLOT]);
	px_file_close(handed[PX_HANDED_BELL]);
	px_file_close(handed[PX_HANDED_ARRAYS]);
	px_attached.plans = &px_attached_plans;
	px_attached.pooled = letter.pooled;
	px_attached.n_slots = 1;
	/* Before its first post a pool's worker has no order. */
	px_attached.order.one_shot = !letter.pooled && control->order.one_shot;
	birth = (struct px_birth){
		.backend = &px_attached,
		.remote = &px_attached_remote,
		.leftover = letter.leftover,
		.robust_list = origin.robust_list,
		.bell = letter.bell,
		.fresh = origin.cloned,
		.depth = letter.depth,
		.lifeline = px_lifeline_accept(end) ? end : -1,
		.host = letter.host != 0 ? (pid_t)letter.host : origin.host,
		.parent = getppid(),
	};
	sigemptyset(&birth.mask);
	px_entry(&birth);
	px_worker_live(&birth);
}

bool px_attach_is_called(void)
{
	return px_letter_is_there(PX_HANDED_FIRST + PX_HANDED_SLOT);
}

void px_attach_executed(void)
{
	int handed[PX_HANDED_N];

	for (int i = 0; i < PX_HANDED_N; i++)
		handed[i] = PX_HANDED_FIRST + i;
	px_attach(handed, (struct px_origin){ .cloned = false });
}

bool px_attach_refuse(const struct px_reply *reply)
{
	struct px_letter letter;
	struct px_reply other;
	const int slot = PX_HANDED_FIRST + PX_HANDED_SLOT;
	const int error = px_letter_read(slot, &letter, &other);

	if (error != 0 && error != -EPROTO)
		return false;
	px_reply_write(slot, error == 0 ? reply : &other);
	return true;
}
