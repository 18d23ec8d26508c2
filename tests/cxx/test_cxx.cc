/*
 * C++ has every function and the raw tasks; an exception that a task lets out
 * ends its own process, and never reaches a handler of the host, which lies
 * further up on the same stack.
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <unistd.h>
#include <vector>

#include <sys/resource.h>

#include <procs/procs.h>

static int failures;

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			std::printf("FAILED: line %d: %s\n", __LINE__, #condition);         \
			failures++;                                                         \
		}                                                                           \
	} while (0)

static int sum(struct procs_task *task)
{
	std::size_t size;
	const void *bytes = procs_argument(task, 0, &size);
	std::vector<int> numbers(size / sizeof(int));
	int total = 0;

	std::memcpy(numbers.data(), bytes, size);
	for (int number : numbers)
		total += number;
	std::memcpy(procs_reserve(task, sizeof(total)), &total, sizeof(total));
	return procs_commit(task, sizeof(total));
}

static int throws(struct procs_task *)
{
	throw std::runtime_error("nobody's");
}

static int catches(struct procs_task *task)
{
	try {
		throw std::runtime_error("own");
	} catch (const std::exception &error) {
		return procs_fail(7000, "caught %s", error.what()), procs_commit(task, 0);
	}
}

static PROCS_TASK(sum, sum);
static PROCS_TASK(throws, throws);
static PROCS_TASK(catches, catches);

static void run(const struct procs_options *options)
{
	const int numbers[] = { 1, 2, 3, 4 };
	const procs_spec specs[] = { procs_raw(procs_function_of(sum), numbers, sizeof(numbers)),
				     procs_raw(procs_function_of(throws), nullptr, 0),
				     procs_raw(procs_function_of(catches), nullptr, 0),
				     procs_raw(procs_function_of(sum), numbers, 8) };
	procs_stream *stream = procs_call(specs, 4, options);
	procs_result result;
	std::size_t size;

	CHECK(stream != nullptr);
	CHECK(procs_next(stream, &result) == 1 && result.failed == nullptr);
	CHECK(*static_cast<const int *>(procs_view(&result, &size)) == 10 && size == sizeof(int));
	CHECK(procs_next(stream, &result) == 1 && result.failed != nullptr);
	CHECK(result.failed->cause == PROCS_CAUSE_SIGNAL && result.failed->code == SIGABRT);
	CHECK(procs_next(stream, &result) == 1 && result.failed != nullptr);
	CHECK(result.failed->code == 7000 && std::strcmp(result.failed->message, "caught own") == 0);
	CHECK(procs_next(stream, &result) == 1 && result.failed == nullptr);
	CHECK(*static_cast<const int *>(procs_view(&result, nullptr)) == 3);
	CHECK(procs_next(stream, &result) == 0);
	CHECK(procs_close(stream) == 0);
}

// A task that a C file defines, declared by a header that both may have.
PROCS_TASK_DECLARE(far_fill);

static void run_far()
{
	const unsigned char five = 5;
	procs_spec spec = procs_raw(procs_function_of(far_fill), &five, 1);
	procs_stream *stream = procs_call(&spec, 1, nullptr);
	procs_result result;
	std::size_t size = 0;

	CHECK(procs_next(stream, &result) == 1 && result.failed == nullptr);
	CHECK(std::memcmp(procs_view(&result, &size), "xxxxx", 5) == 0 && size == 5);
	procs_close(stream);
}

int main()
{
	const rlimit none = { 0, 0 };
	procs_options options = {};
	const pid_t host = getpid();

	setrlimit(RLIMIT_CORE, &none);
	options.size = sizeof(options);
	options.workers = 2;
	try {
		run(nullptr);
		run(&options);
		run_far();
	} catch (...) {
		std::printf("FAILED: an exception of a task came out, in %s\n",
			    getpid() == host ? "the host" : "a worker");
		_exit(1);
	}
	std::printf("%d passed, %d failed\n", 24 - failures, failures);
	return failures == 0 ? 0 : 1;
}
