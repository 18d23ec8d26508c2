#include "codec/signature.h"

#include <string.h>

#include "base/checksum.h"
#include "base/px.h"

enum {
	PX_STRUCTS_SHOWN = 16
};

/* What was mixed in, with one more row of numbers. */
static uint64_t px_mix(uint64_t before, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t row[] = { before, a, b, c, d };

	return px_checksum(row, sizeof(row));
}

static uint64_t px_mix_plan(uint64_t mixed, const struct px_plan *plan)
{
	mixed = px_mix(mixed, plan->size, plan->n_leaves, plan->n_blobs, plan->flat);
	for (uint32_t i = 0; i < plan->n_leaves; i++) {
		const struct px_leaf *leaf = &plan->leaf[i];

		mixed = px_mix(mixed, (uint64_t)leaf->code, leaf->offset, leaf->count, leaf->size);
	}
	return mixed;
}

/* Structs that were mentioned, each once. */
struct px_mentioned {
	const struct procs_struct *shown[PX_STRUCTS_SHOWN];
	size_t n;
};

static void px_mention(struct px_mentioned *mentioned, const struct procs_function *function,
		       const struct procs_type *type)
{
	const struct procs_struct *const *at = function->structs;

	if (type->code != PROCS_CODE_STRUCT)
		return;
	for (size_t i = 0; i < mentioned->n; i++)
		if (strcmp(mentioned->shown[i]->name, type->name) == 0)
			return;
	for (; at != NULL && at < function->structs_end; at++)
		if (strcmp((*at)->name, type->name) == 0 && mentioned->n < PX_STRUCTS_SHOWN) {
			mentioned->shown[mentioned->n++] = *at;
			return;
		}
}

/* All that a task's types consist of, the structs in structs behind those they are in. */
static struct px_mentioned px_mention_all(const struct procs_function *function)
{
	struct px_mentioned mentioned = { .n = 0 };

	for (uint64_t i = 0; i < function->n_arguments; i++)
		px_mention(&mentioned, function, &function->arguments[i].type);
	px_mention(&mentioned, function, &function->result);
	for (size_t i = 0; i < mentioned.n; i++)
		for (uint64_t k = 0; k < mentioned.shown[i]->n_fields; k++)
			px_mention(&mentioned, function, &mentioned.shown[i]->fields[k].type);
	return mentioned;
}

static uint64_t px_mix_field(uint64_t mixed, const struct procs_field *field)
{
	mixed = px_mix(mixed, px_checksum(field->name, strlen(field->name)), field->type.code,
		       field->type.size, field->offset);
	return px_mix(mixed, field->count, 0, 0, 0);
}

uint64_t px_signature(const struct px_task_plans *plans)
{
	const struct procs_function *function = plans->function;
	const struct px_mentioned mentioned = px_mention_all(function);
	uint64_t mixed = px_mix(0, function->raw != NULL, function->n_arguments,
				function->arguments_size, function->result.code);

	for (uint64_t i = 0; i < function->n_arguments; i++)
		mixed = px_mix_field(mixed, &function->arguments[i]);
	for (size_t i = 0; i < mentioned.n; i++)
		for (uint64_t k = 0; k < mentioned.shown[i]->n_fields; k++)
			mixed = px_mix_field(mixed, &mentioned.shown[i]->fields[k]);
	return px_mix_plan(px_mix_plan(mixed, &plans->arguments), &plans->result);
}

static void px_add_struct(struct px_text *text, const struct procs_struct *taught)
{
	px_text_add(text, "; %s {", taught->name);
	for (uint64_t i = 0; i < taught->n_fields; i++) {
		const struct procs_field *field = &taught->fields[i];

		px_text_add(text, " %s %s", field->type.name, field->name);
		if (field->count > 1)
			px_text_add(text, "[%llu]", (unsigned long long)field->count);
		px_text_add(text, ";");
	}
	px_text_add(text, " } of %llu bytes", (unsigned long long)taught->bytes);
}

void px_signature_text(struct px_text *text, const struct procs_function *function)
{
	struct px_mentioned mentioned;

	px_text_add(text, "%s %s", function->result.name, function->name);
	if (function->raw != NULL)
		return;
	mentioned = px_mention_all(function);
	px_text_add(text, "(");
	for (uint64_t i = 0; i < function->n_arguments; i++)
		px_text_add(text, "%s%s %s", i > 0 ? ", " : "", function->arguments[i].type.name,
			    function->arguments[i].name);
	px_text_add(text, "%s)", function->n_arguments == 0 ? "void" : "");
	for (size_t i = 0; i < mentioned.n; i++)
		px_add_struct(text, mentioned.shown[i]);
}
