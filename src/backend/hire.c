/*
 * hire.c - a worker in whichever way it is made; and what is to be known of one that
 * does not inherit its slot, until it has attached.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backend/arrays.h"
#include "backend/forkserver.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/owner.h"
#include "backend/registry.h"
#include "base/clock.h"
#include "shm/file.h"
#include "shm/take.h"

#define PX_HELLO_LONG (10 * PX_SECOND) /* for a worker to attach: its machine may be busy */

void px_hire_ready(struct px_backend *backend, uint32_t slot)
{
	struct px_worker *worker = &backend->workers[slot];

	if (!px_start_attaches(backend->start))
		return;
	if (backend->bell_file < 0)
		backend->bell_file = px_arena_file_bell(&backend->arena);
	if (worker->file < 0)
		worker->file = px_arena_file_slot(&backend->arena, slot);
}

void px_backend_name(struct px_backend *backend, const struct px_task_name *task,
		     const struct px_task_name *combine)
{
	memset(backend->task, 0, sizeof(backend->task));
	if (task != NULL)
		backend->task[0] = *task;
	if (combine != NULL)
		backend->task[1] = *combine;
}

void px_hire_name(struct px_backend *backend, uint32_t slot)
{
	if (px_start_attaches(backend->start))
		memcpy(px_backend_slot(backend, slot).control->task, backend->task,
		       sizeof(backend->task));
}

/* A copy of a name, or none. */
static int px_hook_name(char *name_out, const char *name, bool wanted)
{
	if (!wanted)
		return 0;
	if (name == NULL || strlen(name) >= PX_NAME_MOST)
		return -ENOENT;
	memcpy(name_out, name, strlen(name) + 1);
	return 0;
}

static int px_letter_to(const struct px_birth *birth, struct px_letter *letter)
{
	const struct px_backend *backend = birth->backend;
	const struct px_geometry *g = &backend->arena.geometry;
	const struct px_region_file region = px_arrays_file();
	const struct px_hooks *hooks = &backend->hooks;
	int error;

	*letter = (struct px_letter){
		.build = px_build_own(),
		.page = g->page,
		.control = g->control,
		.input = g->input,
		.output = g->output,
		.leftover = birth->leftover,
		.arrays_base = region.file >= 0 ? region.base : 0,
		.arrays_size = region.file >= 0 ? region.size : 0,
		.hooks_user = (uintptr_t)hooks->user,
		.bell = birth->bell,
		.pooled = backend->pooled,
		.depth = px_owner_depth(),
		.host = backend->start == PROCS_START_SPAWN ? birth->host : 0,
	};
	error = px_hook_name(letter->init, px_registry_init_name(hooks->init), hooks->init != NULL);
	return error != 0
		       ? error
		       : px_hook_name(letter->teardown, px_registry_teardown_name(hooks->teardown),
				      hooks->teardown != NULL);
}

/* Executed, or made by the forkserver. Its status cannot be taken, and its number given to
 * another, before it has attached and its pidfd is open: it waits for this ring. */
static int px_hire_apart(struct px_birth *birth, struct px_child *child_out)
{
	struct px_backend *backend = birth->backend;
	const struct px_worker *worker = &backend->workers[birth->slot];
	struct px_control *control = px_backend_slot(backend, birth->slot).control;
	const int handed[PX_HANDED_N] = {
		[PX_HANDED_SLOT] = worker->file,
		[PX_HANDED_BELL] = backend->bell_file,
		[PX_HANDED_LIFELINE] = birth->lifeline,
		[PX_HANDED_ARRAYS] = px_arrays_file().file,
	};
	struct px_letter letter;
	pid_t pid = 0;
	int error;

	if (worker->file < 0 || backend->bell_file < 0)
		return worker->file < 0 ? worker->file : backend->bell_file;
	birth->bell = px_doorbell_seen(&control->bell);
	error = px_letter_to(birth, &letter);
	if (error == 0 && !px_letter_write(worker->file, &letter))
		error = -ENOMEM;
	if (error == 0 && backend->start == PROCS_START_SPAWN)
		error = px_spawn(&backend->program, PX_MARK_WORKER, handed, PX_HANDED_N, &pid);
	else if (error == 0)
		error = px_forkserver_hire(handed, &pid);
	if (error != 0)
		return error;
	*child_out = px_reaper_adopt(pid);
	px_lifeline_tie_other(birth->lifeline, pid);
	px_doorbell_ring(&control->bell, &control->idle);
	return 0;
}

int px_hire(struct px_birth *birth, struct px_child *child_out)
{
	struct px_worker *worker = &birth->backend->workers[birth->slot];
	int error;

	/* The slot's read end is made for its first worker and kept for all. */
	if (worker->lifeline < 0)
		worker->lifeline = px_lifeline_end();
	birth->lifeline = worker->lifeline;
	birth->host = px_lifeline_host();
	birth->parent = getpid();
	if (!px_start_attaches(birth->backend->start))
		return px_launch_fork(birth, child_out);
	error = px_hire_apart(birth, child_out);
	worker->hello_by = px_deadline(px_now(), PX_HELLO_LONG);
	return error;
}

void px_hire_translate(struct px_backend *backend, uint32_t slot, struct px_crash *crash)
{
	struct px_object objects[PX_OBJECTS_MOST];
	size_t n;

	if (backend->foreign == NULL)
		return;
	n = px_objects_read(backend->workers[slot].file, objects);
	for (uint32_t i = 0; i < crash->n_frames; i++)
		crash->frame[i] =
			px_objects_translate(objects, n, backend->foreign, crash->frame[i]);
}

bool px_hire_is_well(struct px_backend *backend, uint32_t slot, uint64_t now)
{
	struct px_worker *worker = &backend->workers[slot];
	int64_t hello;

	if (worker->hello_by == 0)
		return true;
	hello = px_take_hello(px_backend_slot(backend, slot));
	if (hello == worker->pid) {
		worker->hello_by = 0;
		return true;
	}
	if (hello == 0 && now < worker->hello_by)
		return true;
	/* Somebody else has its slot, or it does not want it. */
	px_backend_kill(backend, slot, hello != 0 ? PROCS_CAUSE_CORRUPT : PROCS_CAUSE_TIMEOUT, now);
	return false;
}

bool px_backend_has_attached(const struct px_backend *backend, uint32_t slot)
{
	return backend->workers[slot].hello_by == 0;
}

/* What there is to say of one that ended without having attached. */
static struct px_loss px_hire_silent(struct px_worker *worker, struct px_reply *reply,
				     struct px_loss loss)
{
	struct px_text text;

	if (px_reply_read(worker->file, reply)) {
		loss.cause = (enum procs_cause)reply->cause;
		loss.code = reply->code;
		return loss;
	}
	text = px_text_into(reply->text, sizeof(reply->text));
	px_text_add(&text, "it ended with %s %d before it attached to its slot",
		    loss.cause == PROCS_CAUSE_SIGNAL ? "signal" : "status", loss.code);
	loss.killed = loss.cause == PROCS_CAUSE_SIGNAL && loss.code == SIGKILL;
	if (loss.cause != PROCS_CAUSE_CANCELLED) {
		loss.cause = PROCS_CAUSE_SPAWN;
		loss.code = ESRCH;
	}
	return loss;
}

struct px_loss px_hire_loss(struct px_backend *backend, uint32_t slot, struct px_loss loss)
{
	struct px_worker *worker = &backend->workers[slot];
	struct px_reply *reply = &backend->reply;
	struct px_text text = px_text_into(reply->text, sizeof(reply->text));
	int64_t hello;

	if (worker->hello_by == 0)
		return loss;
	hello = px_take_hello(px_backend_slot(backend, slot));
	if (hello == worker->pid)
		return loss;
	/* A number that no process has was not written by a worker, but over it by a task. */
	loss.unborn = hello == 0 || px_reaper_exists(hello);
	/* Also if it has ended meanwhile, as one does that comes second. */
	if (hello != 0) {
		px_text_add(&text, "another process took its slot");
		loss.cause = PROCS_CAUSE_CORRUPT;
		loss.code = EBADMSG;
	} else if (loss.cause == PROCS_CAUSE_TIMEOUT) {
		px_text_add(&text, "it did not attach to its slot within 10 s");
	} else {
		loss = px_hire_silent(worker, reply, loss);
	}
	return loss;
}

const struct px_foreign *px_backend_foreign(const struct px_backend *backend)
{
	return backend->foreign;
}

const char *px_backend_said(const struct px_backend *backend)
{
	return backend->reply.text;
}

const char *px_backend_program(const struct px_backend *backend)
{
	return backend->start == PROCS_START_FORKSERVER ? "the forkserver"
							: px_program_path(&backend->program);
}

bool px_backend_is_final(const struct px_backend *backend, int error)
{
	return px_start_attaches(backend->start) && px_spawn_is_final(error);
}
