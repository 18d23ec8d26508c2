// A program of somebody else, in C++: raw tasks and functions.
#include <cerrno>
#include <cstdio>
#include <procs/procs.h>

// Its argument backwards; an empty one fails.
static int turn(struct procs_task *task)
{
	size_t size = 0;
	const char *from = static_cast<const char *>(procs_argument(task, 0, &size));
	char *to = static_cast<char *>(procs_reserve(task, size));

	if (size == 0)
		return procs_fail(ENODATA, "nothing to turn");
	if (to == nullptr)
		return errno;
	for (size_t k = 0; k < size; k++)
		to[k] = from[size - 1 - k];
	return procs_commit(task, size);
}
static PROCS_TASK(turned, turn);

static int show(procs_stream *stream)
{
	procs_result result;
	int more = stream ? 0 : -errno;

	while (stream && (more = procs_next(stream, &result)) > 0) {
		size_t size = 0;
		const char *bytes = static_cast<const char *>(procs_view(&result, &size));

		if (result.failed)
			std::printf("%s\n", procs_text(&result));
		else
			std::printf("%.*s\n", static_cast<int>(size), bytes);
	}
	procs_close(stream);
	return more;
}

int main()
{
	const procs_spec specs[] = {
		procs_raw(procs_function_of(turned), "abc", 3),
		procs_raw(procs_function_of(turned), nullptr, 0),
	};
	const char words[3][4] = { { 'o', 'n', 'e', '.' }, { 't', 'w', 'o', '.' }, { 's', 'i', 'x', '.' } };
	procs_sequence sequence = procs_sequence();
	procs_options options = procs_options();

	sequence.base = words;
	sequence.element_size = sizeof(words[0]);
	options.size = sizeof(options);
	options.workers = 2;
	if (show(procs_call(specs, 2, nullptr)) < 0)
		return 1;
	return show(procs_pmap_sequences(procs_function_of(turned), 3, &options, &sequence, 1)) < 0;
}
