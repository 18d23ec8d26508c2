#include "backend/admit.h"

#include <errno.h>
#include <string.h>

#include <procs/procs.h>

#include "backend/registry.h"

#define PX_CHUNK_LEAST  UINT64_C(1000) /* ns that an order may ask for */
#define PX_CHUNK_MOST   UINT64_C(10000000000)
#define PX_TIMEOUT_MOST (UINT64_C(1) << 62)
#define PX_FIRST_MOST   (UINT64_C(1) << 48)
#define PX_STRIDE_MOST  (UINT64_C(1) << 48)

enum {
	PX_POST_FLAGS = PX_POST_LAST | PX_POST_SHORT | PX_POST_FORCED | PX_POST_LEAVE |
			PX_POST_ORDER | PX_POST_COPIED | PX_POST_SINGLY
};

uint64_t px_border_cross(const struct px_border *border, uint64_t base, uint64_t size)
{
	const uint64_t at = base - border->base;

	if (border->here == NULL || at >= border->size || size > border->size - at)
		return 0;
	return (uintptr_t)border->here + at;
}

/* The function of a name; asked once in a row. */
static const struct procs_function *px_admit_name(struct px_remote *remote,
						  const struct px_task_name *name,
						  struct px_plans *plans)
{
	struct px_text why = px_text_into(remote->refusal, sizeof(remote->refusal));

	if (remote->function != NULL && memcmp(&remote->name, name, sizeof(*name)) == 0)
		return remote->function;
	remote->name = *name;
	remote->name.name[PX_NAME_MOST - 1] = remote->name.types[PX_TYPES_MOST - 1] = '\0';
	remote->function = px_registry_find(&remote->name, plans, &why);
	return remote->function;
}

/* What an element points to stayed with the parent. A parent that does not look has its
 * items fail. */
static bool px_admit_flat(struct px_remote *remote, const struct procs_function *function,
			  struct px_plans *plans)
{
	const struct px_task_plans *made = px_plans_of(plans, function);
	struct px_text why = px_text_into(remote->refusal, sizeof(remote->refusal));

	if (made != NULL && made->error == 0 && made->arguments.flat)
		return true;
	px_text_add(&why,
		    "%s has strings or bytes among its arguments, whose elements point to what "
		    "only the caller has",
		    function->name);
	return false;
}

/* A reduction: its description lies in an array, with the parent's addresses. */
static int px_admit_fold(struct px_remote *remote, const struct px_control *control,
			 struct px_plans *plans, struct px_order *order)
{
	const struct px_task_name names[2] = { control->task[0], control->task[1] };
	const struct procs_function *map = px_admit_name(remote, &names[0], plans), *combine;
	const uint64_t at =
		px_border_cross(&remote->border, order->sequence[0].base, sizeof(remote->fold));
	struct px_fold theirs, *fold = &remote->fold;

	if (map == NULL)
		return -ENOENT;
	combine = px_admit_name(remote, &names[1], plans);
	if (combine == NULL)
		return -ENOENT;
	if (order->n_sequences != 1 || at == 0 || at % _Alignof(struct px_fold) != 0)
		return -EBADMSG;
	memcpy(&theirs, (const void *)(uintptr_t)at, sizeof(theirs));
	if (map->raw != NULL || px_fold_wrong(map, combine) != NULL || theirs.n == 0 ||
	    theirs.n > PX_FIRST_MOST || theirs.n_sequences != map->n_arguments)
		return -EBADMSG;
	if (!px_admit_flat(remote, map, plans))
		return -ENOENT;
	*fold = px_fold_of(map, combine, theirs.n);
	fold->n_sequences = theirs.n_sequences;
	for (uint32_t i = 0; i < fold->n_sequences; i++) {
		const struct px_array *array = &theirs.sequence[i];

		fold->sequence[i] = *array;
		if (array->element_size != map->arguments[i].type.size ||
		    array->stride < array->element_size || array->stride > PX_STRIDE_MOST / fold->n)
			return -EBADMSG;
		fold->sequence[i].base = px_border_cross(&remote->border, array->base,
							 px_array_extent(array, fold->n));
		if (fold->sequence[i].base == 0)
			return -EBADMSG;
	}
	if (theirs.values != NULL) {
		fold->values = (const unsigned char *)(uintptr_t)px_border_cross(
			&remote->border, (uintptr_t)theirs.values,
			px_fold_blocks(fold) * map->result.size);
		if (fold->values == NULL)
			return -EBADMSG;
	}
	px_plans_forget(plans, &fold->blocks);
	order->function = (uintptr_t)&fold->blocks;
	order->sequence[0] =
		(struct px_array){ .base = (uintptr_t)fold, .element_size = sizeof(*fold) };
	return 0;
}

/* What holds for any order. */
static bool px_admit_words(const struct px_order *order)
{
	return order->n_sequences <= PX_SEQUENCES && order->timeout_ns <= PX_TIMEOUT_MOST &&
	       order->chunk_ns >= PX_CHUNK_LEAST && order->chunk_ns <= PX_CHUNK_MOST &&
	       order->encoding <= PROCS_ENCODING_TPL &&
	       order->compression <= PROCS_COMPRESSION_ALWAYS &&
	       order->checksum <= PROCS_CHECKSUM_ALWAYS && order->copy <= 1 &&
	       order->one_shot <= 1 && order->value_size <= PX_DENSE_MOST && order->direct <= 1 &&
	       order->blocks <= 1;
}

/* Sequences that lie in arrays, as far as they are known to. */
static bool px_admit_sequences(struct px_remote *remote, const struct px_task_plans *made,
			       struct px_order *order)
{
	const struct procs_function *function = made->function;

	/* Of what is not flat the parent makes calls. */
	if (function->raw == NULL && !made->arguments.flat)
		return false;
	if (function->raw == NULL && order->n_sequences != function->n_arguments)
		return false;
	for (uint64_t i = 0; i < order->n_sequences; i++) {
		struct px_array *array = &order->sequence[i];

		if (array->element_size == 0 || array->stride < array->element_size ||
		    array->stride > PX_STRIDE_MOST ||
		    (function->raw == NULL &&
		     array->element_size != function->arguments[i].type.size))
			return false;
		if (array->base == 0)
			continue;
		array->base = px_border_cross(&remote->border, array->base, 0);
		if (array->base == 0)
			return false;
	}
	return true;
}

/* Values side by side are of a type that may lie so; in an array, of all items. */
static bool px_admit_values(struct px_remote *remote, const struct px_task_plans *made,
			    struct px_order *order)
{
	const uint64_t size = px_max(made->result.size, 1);

	if (order->value_size != 0 &&
	    (made->function->raw != NULL || !made->result.flat || order->value_size != size))
		return false;
	if (order->blocks && (order->value_size == 0 || made->block == 0))
		return false;
	if (!order->direct || order->out == 0) {
		order->out = order->out_size = 0;
		return !order->direct || made->result.size == 0;
	}
	order->out = px_border_cross(&remote->border, order->out, order->out_size);
	return order->value_size != 0 && order->out != 0;
}

int px_admit_order(struct px_remote *remote, struct px_slot slot, struct px_plans *plans,
		   struct px_order *order)
{
	const struct px_control *control = slot.control;
	const struct px_task_plans *made;
	struct px_task_name name;
	int error = 0;

	if (!px_admit_words(order))
		return -EBADMSG;
	if (order->function == 0) { /* calls: each has its own */
		order->out = order->out_size = 0;
		return order->n_sequences == 0 && order->value_size == 0 && !order->direct &&
				       !order->blocks
			       ? 0
			       : -EBADMSG;
	}
	order->function = 0;
	if (control->task[1].name[0] != '\0') {
		error = px_admit_fold(remote, control, plans, order);
	} else {
		name = control->task[0];
		order->function = (uintptr_t)px_admit_name(remote, &name, plans);
		error = order->function != 0 ? 0 : -ENOENT;
	}
	if (error != 0) {
		order->direct = order->blocks = 0;
		order->out = order->out_size = 0;
		return error;
	}
	made = px_plans_of(plans, (const struct procs_function *)(uintptr_t)order->function);
	if (made == NULL)
		return -ENOMEM;
	if (made->error != 0 || !px_admit_values(remote, made, order))
		return -EBADMSG;
	if (made->function == &remote->fold.blocks)
		return made->result.flat && made->result.size > 0 ? 0 : -EBADMSG;
	return px_admit_sequences(remote, made, order) ? 0 : -EBADMSG;
}

/* Whether items [first, first + count) of the order's arrays lie in the region. */
static bool px_admit_items(const struct px_remote *remote, const struct px_order *order,
			   const struct px_post *post)
{
	const struct px_border *border = &remote->border;
	const uint64_t end = post->first + post->count;

	if (order->function == (uintptr_t)&remote->fold.blocks)
		return end <= (remote->fold.values != NULL ? 1 : px_fold_blocks(&remote->fold));
	for (uint64_t i = 0; i < order->n_sequences; i++) {
		const struct px_array *array = &order->sequence[i];
		uint64_t extent;

		if (array->base == 0)
			continue;
		if (!px_multiply(end - 1, array->stride, &extent) ||
		    !px_add(extent, array->element_size, &extent) ||
		    extent > border->size - (array->base - (uintptr_t)border->here))
			return false;
	}
	return order->out == 0 || end <= order->out_size / order->value_size;
}

/* Elements that are not in arrays come with the range. */
static bool px_admit_copied(const struct px_order *order, const struct px_post *post)
{
	for (uint64_t i = 0; i < order->n_sequences; i++)
		if (order->sequence[i].base == 0 && !(post->flags & PX_POST_COPIED))
			return false;
	return true;
}

static bool px_is_apart(uint64_t from, uint64_t to, uint64_t other_from, uint64_t other_to)
{
	return other_from >= other_to || to <= other_from || from >= other_to;
}

/* Whether nothing of [from, to) was taken out of the output area. */
static bool px_is_shown(const struct px_leftover *hidden, uint64_t from, uint64_t to)
{
	return px_is_apart(from, to, hidden->low_from, hidden->low_to) &&
	       px_is_apart(from, to, hidden->over_from, hidden->over_to);
}

/* Whether results may lie where the range has its room, and behind `over`. */
static bool px_admit_room(const struct px_remote *remote, struct px_slot slot,
			  const struct px_post *post)
{
	const struct px_leftover *hidden = &remote->hidden;

	return post->start <= post->limit && post->limit <= slot.output_size &&
	       post->over <= slot.output_size && px_is_shown(hidden, post->start, post->limit) &&
	       px_is_shown(hidden, post->over, slot.output_size);
}

bool px_admit_post(const struct px_remote *remote, struct px_slot slot,
		   const struct px_order *order, const struct px_post *post)
{
	if (post->count == 0 || post->count > PX_RANGE_MOST || post->first > PX_FIRST_MOST ||
	    !px_admit_room(remote, slot, post) || post->input > slot.input_size ||
	    post->input % PX_LINE != 0 || post->attempt == 0 || (post->flags & ~PX_POST_FLAGS) != 0)
		return false;
	if (post->kind == PX_KIND_CALL)
		return post->count == 1 && order->n_sequences == 0 && order->function == 0 &&
		       order->value_size == 0; /* as one whose task is not to be had may have */
	return post->kind == PX_KIND_MAP && px_admit_copied(order, post) &&
	       (order->function == 0 || px_admit_items(remote, order, post));
}

const struct procs_function *px_admit_call(struct px_remote *remote, struct px_slot slot,
					   uint64_t at, struct px_plans *plans)
{
	struct px_task_name name;

	memcpy(&name, slot.input + at, sizeof(name));
	return px_admit_name(remote, &name, plans);
}
