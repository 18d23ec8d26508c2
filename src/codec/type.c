#include "codec/type.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/px.h"

/* What each code is to tpl: its letter, and how many of tpl's make one. */
struct px_letter {
	char code;
	char tpl;
	uint8_t width; /* bytes of one of tpl's */
};

static const struct px_letter px_letters[] = {
	{ 'b', 'c', 1 }, { 'c', 'c', 1 }, { 'a', 'c', 1 }, { 'h', 'c', 1 },
	{ 'j', 'j', 2 }, { 'v', 'v', 2 }, { 'i', 'i', 4 }, { 'u', 'u', 4 },
	{ 'I', 'I', 8 }, { 'U', 'U', 8 }, { 'f', 'f', 8 }, { 's', 's', sizeof(char *) },
	{ 'e', 'u', 4 }, /* a float's bits: as a double, a signalling NaN would change */
	{ 'g', 'U', 8 }, { 'x', 'u', 4 }, { 'y', 'f', 8 }, { 'z', 'U', 8 },
};

static const struct px_letter *px_letter_of(char code)
{
	for (size_t i = 0; i < sizeof(px_letters) / sizeof(px_letters[0]); i++)
		if (px_letters[i].code == code)
			return &px_letters[i];
	return NULL;
}

/* A plan being made. */
struct px_maker {
	struct px_plan *plan;
	const struct procs_function *function;
	const char *culprit;
	size_t written; /* of the format */
};

static bool px_same_field(const struct procs_field *a, const struct procs_field *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->type.name, b->type.name) == 0 &&
	       a->type.size == b->type.size && a->type.code == b->type.code &&
	       a->offset == b->offset && a->count == b->count;
}

static bool px_same_struct(const struct procs_struct *a, const struct procs_struct *b)
{
	if (a->bytes != b->bytes || a->n_fields != b->n_fields)
		return false;
	for (uint64_t i = 0; i < a->n_fields; i++)
		if (!px_same_field(&a->fields[i], &b->fields[i]))
			return false;
	return true;
}

/* Many files may include the same one; two files may also mean different things
 * by one name, and nothing says which of them the task does. */
static int px_find_struct(const struct procs_function *function, const char *name,
			  const struct procs_struct **found_out)
{
	const struct procs_struct *const *at = function->structs;

	*found_out = NULL;
	for (; at != NULL && at < function->structs_end; at++) {
		if (strcmp((*at)->name, name) != 0)
			continue;
		if (*found_out != NULL && !px_same_struct(*found_out, *at))
			return -ENOTUNIQ;
		*found_out = *at;
	}
	return *found_out != NULL ? 0 : -ENOENT;
}

static int px_maker_write(struct px_maker *maker, const char *text)
{
	struct px_plan *plan = maker->plan;
	const size_t length = strlen(text);

	if (length >= sizeof(plan->format) - maker->written)
		return -E2BIG;
	memcpy(plan->format + maker->written, text, length + 1);
	maker->written += length;
	return 0;
}

/* Bytes go behind the struct in a tpl image; the leaf alone remembers them. */
static int px_maker_blob(struct px_maker *maker, struct px_leaf *leaf)
{
	leaf->size = sizeof(struct procs_bytes);
	maker->plan->flat = false;
	return ++maker->plan->n_blobs > PX_BLOBS_MOST ? -E2BIG : 0;
}

static int px_maker_scalar(struct px_maker *maker, struct px_leaf *leaf, uint64_t size)
{
	const struct px_letter *letter = px_letter_of(leaf->code);
	struct px_plan *plan = maker->plan;
	char text[3] = { 0 };
	uint64_t elements;

	if (letter == NULL || size == 0 || size % letter->width != 0)
		return -EPROTOTYPE;
	leaf->size = (uint32_t)size;
	leaf->staged = px_align(plan->staging, letter->width);
	plan->staging = leaf->staged + leaf->count * size;
	plan->flat &= leaf->code != 's';
	plan->n_strings += leaf->code == 's';
	plan->checked |= leaf->code == 'b';
	elements = leaf->count * size / letter->width;
	text[0] = letter->tpl;
	if (elements > 1) {
		text[1] = '#';
		if (plan->n_arrays == PX_ARRAYS_MOST || elements > INT32_MAX / 16)
			return -E2BIG;
		plan->array[plan->n_arrays++] = (int)elements;
	}
	return px_maker_write(maker, text);
}

static int px_maker_leaf(struct px_maker *maker, const struct procs_type *type, uint64_t offset,
			 uint64_t count)
{
	struct px_plan *plan = maker->plan;
	struct px_leaf *leaf;

	if (plan->n_leaves == PX_LEAVES_MOST)
		return -E2BIG;
	leaf = &plan->leaf[plan->n_leaves++];
	*leaf = (struct px_leaf){ .offset = offset, .count = count, .code = (char)type->code };
	return leaf->code == PROCS_CODE_BYTES ? px_maker_blob(maker, leaf)
					      : px_maker_scalar(maker, leaf, type->size);
}

static int px_maker_type(struct px_maker *maker, const struct procs_type *type, uint64_t offset,
			 uint64_t count, int depth)
{
	const struct procs_struct *found = NULL;
	int error = 0;

	maker->culprit = type->name;
	/* Only numbers stay arrays; what holds pointers, or parts, is taken one by one. */
	if (type->code != PROCS_CODE_STRUCT && type->code != PROCS_CODE_BYTES && type->code != 's')
		return px_maker_leaf(maker, type, offset, count);
	if (count > PX_LEAVES_MOST || depth == PX_NESTING_MOST)
		return -E2BIG;
	if (type->code == PROCS_CODE_STRUCT) {
		error = px_find_struct(maker->function, type->name, &found);
		if (error != 0)
			return error;
		if (found->bytes != type->size)
			return -EPROTOTYPE;
	}
	for (uint64_t i = 0; i < count && error == 0; i++, offset += type->size) {
		if (found == NULL)
			error = px_maker_leaf(maker, type, offset, 1);
		for (uint64_t k = 0; found != NULL && k < found->n_fields && error == 0; k++)
			error = px_maker_type(maker, &found->fields[k].type,
					      offset + found->fields[k].offset,
					      found->fields[k].count, depth + 1);
	}
	return error;
}

static struct px_maker px_maker_begin(struct px_plan *plan, const struct procs_function *function,
				      const char *name, uint64_t size)
{
	plan->name = name;
	plan->size = size;
	plan->staging = 0;
	plan->n_leaves = plan->n_arrays = plan->n_blobs = plan->n_strings = 0;
	plan->flat = true;
	plan->checked = false;
	plan->format[0] = '\0';
	return (struct px_maker){ .plan = plan, .function = function };
}

/* Wraps the scalars in S(...) and appends a B for each run of bytes. */
static int px_maker_end(struct px_maker *maker)
{
	struct px_plan *plan = maker->plan;
	int error = 0;

	if (maker->written > 0) {
		if (maker->written + 4 > sizeof(plan->format))
			return -E2BIG;
		memmove(plan->format + 2, plan->format, maker->written + 1);
		memcpy(plan->format, "S(", 2);
		maker->written += 2;
		error = px_maker_write(maker, ")");
	}
	for (uint32_t i = 0; i < plan->n_blobs && error == 0; i++)
		error = px_maker_write(maker, "B");
	return error;
}

int px_plan_result(struct px_plan *plan, const struct procs_function *function,
		   const char **culprit)
{
	const struct procs_type *type = &function->result;
	struct px_maker maker = px_maker_begin(plan, function, type->name, type->size);
	int error = 0;

	if (type->code != PROCS_CODE_VOID && type->code != PROCS_CODE_RAW) {
		error = px_maker_type(&maker, type, 0, 1, 0);
		if (error == 0)
			error = px_maker_end(&maker);
	}
	*culprit = maker.culprit;
	return error;
}

int px_plan_arguments(struct px_plan *plan, const struct procs_function *function,
		      const char **culprit)
{
	struct px_maker maker =
		px_maker_begin(plan, function, function->name, function->arguments_size);
	int error = 0;

	for (uint64_t i = 0; i < function->n_arguments && error == 0; i++) {
		const struct procs_field *field = &function->arguments[i];

		/* The struct follows PROCS_DECLARE, this list PROCS_BODY. */
		if (i > 0 && field->offset <= field[-1].offset) {
			maker.culprit = field->name;
			error = -EDOM;
			break;
		}
		error = px_maker_type(&maker, &field->type, field->offset, field->count, 0);
	}
	if (error == 0)
		error = px_maker_end(&maker);
	*culprit = maker.culprit;
	return error;
}

bool px_plan_valid(const struct px_plan *plan, const void *object)
{
	const unsigned char *bytes = object;

	for (uint32_t i = 0; plan->checked && i < plan->n_leaves; i++) {
		const struct px_leaf *leaf = &plan->leaf[i];

		for (uint64_t k = 0; leaf->code == 'b' && k < leaf->count; k++)
			if (bytes[leaf->offset + k] > 1)
				return false;
	}
	return true;
}
