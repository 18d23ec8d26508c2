/*
 * procs.h - run C functions in parallel child processes, get their results in
 * order.
 *
 * The whole of it: procs_proc makes a process specification, procs_call runs
 * such specifications, each in a new process, procs_pmap maps a function over
 * arrays; both return a stream, from which procs_next takes one result after
 * the other, a value or a Failed, in the order of the input. procs_reduce maps
 * and combines the values into one.
 *
 * What holds for every call here. Sizes are bytes, spans and deadlines
 * nanoseconds of CLOCK_MONOTONIC. A handle is used by one thread at a time,
 * different handles are independent; only procs_cancel may come from another
 * thread. A handle belongs to the process that opened it: in a child of fork
 * it is refused with EPERM. Nothing here is a cancellation point or
 * async-signal-safe, and no call ends the process, raises a signal, starts a
 * thread, or waits for children that are not its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCS_PROCS_H
#define PROCS_PROCS_H

#include <stddef.h>
#include <stdint.h>

#include <procs/failed.h>

/** The version of these headers, as procs_version tells that of the library. */
#define PROCS_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

struct procs_function;
struct procs_pool;
struct procs_stream;
struct procs_bytes;

/** How processes are made. */
enum procs_start {
	PROCS_START_DEFAULT = 0, /* fork */
	PROCS_START_FORK = 1,    /* children that see the program as it is at that moment */
	PROCS_START_INLINE = 2,  /* no process: in the calling thread, inside procs_next. For
	                          * debugging, and as a baseline: a crash is not contained, a
	                          * timeout not enforced, exit() ends the host */
	PROCS_START_FORKSERVER = 3, /* children of a process that was started early, and is small:
	                             * they cost the same from a host of any size, with any number of
	                             * threads. Tasks by name; see procs_forkserver_start */
	PROCS_START_SPAWN = 4    /* a worker binary is executed: options.worker, options.modules, or
	                          * the program itself. Tasks by name; see <procs/worker.h>. The
	                          * environment is read whenever a worker is made, so no other
	                          * thread may change it then, as for execvp(3) */
};

/** In which order results leave a stream. */
enum procs_order {
	PROCS_ORDER_INPUT = 0,    /* that of the items */
	PROCS_ORDER_COMPLETED = 1 /* as they become ready */
};

/** How values become bytes. */
enum procs_encoding {
	PROCS_ENCODING_AUTO = 0, /* flat types as they are in memory, others as tpl images */
	PROCS_ENCODING_TPL = 1   /* tpl images for all types; raw tasks stay as they are */
};

/** Whether results are LZ4-compressed on their way. */
enum procs_compression {
	PROCS_COMPRESSION_AUTO = 0, /* only while the window is short of bytes */
	PROCS_COMPRESSION_NEVER = 1, /* none */
	PROCS_COMPRESSION_ALWAYS = 2 /* what does not shrink still travels as it is */
};

/** Which results carry a checksum, to catch what a stray write left. */
enum procs_checksum {
	PROCS_CHECKSUM_AUTO = 0, /* those that are copied from a worker; no flat values, no views */
	PROCS_CHECKSUM_NEVER = 1, /* none; their frames still do */
	PROCS_CHECKSUM_ALWAYS = 2 /* all; views and flat values are then copied too */
};

/**
 * Readies a worker: called in each, once, before its first item.
 *
 * @user: options.hooks_user, as the worker sees it: memory of the program as it was
 *        when the worker was made. It must stay until the stream or pool is closed.
 * Where workers are executed or a forkserver makes them, a hook is named by PROCS_INIT of
 * <procs/worker.h>, and user is NULL or lies in a procs_array, whose address in the worker
 * is handed over.
 * Returns: 0, or any code: then the worker ends, another is made, and when three
 * have failed in a row and none is left, items are Failed(INIT) with that code.
 * Errors: as said; a crash in it counts likewise, with code 0.
 * Ownership: nothing. Blocks: as long as it likes; no timeout holds for it.
 * Allocates: what it likes.
 * Threads: the worker's. Fork: in the worker. Signals: not async-signal-safe.
 */
typedef int procs_init(void *user);

/**
 * Ends a worker that leaves in order: with its stream or pool, or recycled; not one
 * that is killed, for a timeout, a cancel, or because its stream was closed early. Of
 * a recycled worker it may still run when the next one is there. Files that the
 * worker opened are to be flushed here: a worker ends without exit handlers.
 *
 * @user: as for procs_init. Returns: nothing. Errors: none.
 * Ownership: nothing. Blocks: what takes more than 100 ms may be cut off by a kill.
 * Allocates: what it likes.
 * Threads: the worker's. Fork: in the worker. Signals: not async-signal-safe.
 */
typedef void procs_teardown(void *user);

/**
 * Options. Zero means the default, so fill it by designated initializers, best
 * through PROCS_OPTIONS(...); NULL in place of a pointer to it means all
 * defaults. Caller-allocated, borrowed for the call only.
 */
struct procs_options {
	size_t size;           /* sizeof(struct procs_options); a larger one is taken if its tail is 0 */
	uint32_t workers;      /* processes at once, 1..4,096; default: the CPUs this thread may use, by
	                        * its affinity and the quotas of its cgroups as they are now, but 1
	                        * inside a worker; never more than items */
	uint32_t start;        /* enum procs_start; default fork, or the environment's PROCS_START:
	                        * fork, forkserver, spawn or inline */
	uint32_t order;        /* enum procs_order; default that of the input */
	uint32_t encoding;     /* enum procs_encoding; default auto */
	uint32_t compression;  /* enum procs_compression; default auto */
	uint32_t checksum;     /* enum procs_checksum; default auto */
	uint32_t copy_results; /* 1: no result is a view into the slot, each is copied and checked first,
	                        * so that the task cannot change it afterwards; default 0 */
	int32_t traceback_fd;  /* where tracebacks of Failed items are written, 10 of a stream and then a
	                        * count: 1..2^31-1, a descriptor open until procs_close (not checked), or
	                        * -1: none, neither written nor in the records; default 0: standard error */
	uint64_t window_items; /* items in flight or finished and not yet taken, 1..2^40; default 1,024 a
	                        * worker, for a pmap as many more as take 8 ms of measured work */
	uint64_t window_bytes; /* bytes of finished results not yet taken, 4,096..2^48; default
	                        * 4 MiB a worker, but 16 MiB at least and 64 MiB at most. May
	                        * be exceeded by one result a worker */
	uint64_t timeout_ns;   /* of each item, ns, 0 or 1,000,000 (1 ms)..2^62: its process is killed and
	                        * the item is Failed(TIMEOUT); default 0: none. Not when inline */
	uint64_t reserve_bytes; /* address space for the results of one worker, 64 KiB..2^44; one result
	                        * always has room up to a quarter of it. Costs nothing until
	                        * touched. Default 16 GiB, or the environment's PROCS_RESERVE; less is
	                        * taken where the kernel refuses */
	struct procs_pool *pool; /* one that procs_pool_open returned, whose workers run the items:
	                        * workers, start, reserve_bytes, hooks and recycling are the pool's
	                        * then, and left 0 here; default NULL: workers of its own, that end
	                        * with the stream */
	uint32_t isolate_output; /* 1: values reach the array of a procs_pmap_into through the slots,
	                          * also where workers could write it; default 0 */
	uint64_t seed;         /* of procs_random in all items, 0..2^64-1; default 0, a seed like any other:
	                        * every call with the same seed draws the same numbers */
	procs_init *init;      /* a function that each worker calls before its first item: see procs_init.
	                        * Default none. Not when inline */
	procs_teardown *teardown; /* a function that a worker calls when it leaves in order, not when it is
	                           * killed: see procs_teardown. Default none. Not when inline */
	void *hooks_user;      /* a pointer, any, that is handed to both. Default NULL */
	uint64_t recycle_items; /* items after which a worker of a map or a pool leaves and another takes its
	                         * place, 1..2^48; default 0: never. Not when inline */
	uint64_t recycle_bytes; /* bytes of memory of its own that a worker may gain before it leaves
	                         * likewise, 1..2^48, looked at now and then; default 0: any. Not when
	                         * inline */
	const char *worker;    /* path of the program to execute for PROCS_START_SPAWN, absolute, 1..4,095
	                        * bytes, borrowed until the stream or pool is closed. Default NULL:
	                        * procs-worker if there are modules, else this program itself, if it has
	                        * called procs_worker_hook */
	const char *const *modules; /* paths of shared objects that procs-worker loads for
	                             * PROCS_START_SPAWN, absolute, NULL behind the last of 1..64, borrowed
	                             * likewise. Default NULL: none */
};

/** PROCS_OPTIONS(.workers = 4, .timeout_ns = 1000000000): a pointer to options
 * that lives as long as the enclosing block. C only. */
#define PROCS_OPTIONS(...)                                                     \
	(&(struct procs_options){ .size = sizeof(struct procs_options), __VA_ARGS__ })

/**
 * A process specification: a task and its arguments. It contains them, so
 * it may be copied, returned, kept in arrays and filled in loops; strings and
 * bytes among the arguments are borrowed until the specification is posted
 * (by procs_call: until its result is delivered; by procs_call_from: until the
 * source is called again). Made by procs_proc or procs_raw.
 */
struct procs_spec {
	const struct procs_function *function;
	const void *bytes; /* of a raw task: its argument, borrowed likewise */
	size_t size;       /* bytes of arguments, or at bytes */
	unsigned char arguments[128] __attribute__((aligned(16)));
};

/**
 * One outcome. Filled by procs_next; all it points to is borrowed until the
 * next procs_next or procs_close on its stream.
 */
struct procs_result {
	size_t size;    /* bytes of this struct that the library filled in */
	uint64_t index; /* of the item, from 0 */
	const struct procs_failed *failed; /* why there is no value; NULL for a value */
	const void *data;  /* the value: an object of the task's result type, or a raw task's bytes */
	uint64_t bytes;    /* its size; 0 for void */
	const struct procs_function *function; /* the task */
	struct procs_stream *stream;           /* where it came from */
	uint64_t reserved[9];                  /* 0 */
};

/**
 * The library's version, equal to PROCS_VERSION of the headers it was built
 * with.
 *
 * Returns: "major.minor.patch". Errors: none.
 * Ownership: static. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT const char *procs_version(void);

/**
 * The moment that lies timeout_ns from now, for procs_next_until.
 *
 * @timeout_ns: span in ns, any; what would overflow gives UINT64_MAX.
 * Returns: ns of CLOCK_MONOTONIC. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT uint64_t procs_deadline(uint64_t timeout_ns);

/**
 * Makes a specification; what procs_proc expands to.
 *
 * @function: the task, borrowed (static in the program).
 * @arguments: [size] bytes, its argument struct, borrowed for the call.
 * @size: bytes, at most 128; else the specification is refused when used.
 * Returns: the specification, by value. Errors: none here.
 * Ownership: the bytes are copied; strings among them are borrowed, see
 * struct procs_spec. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT struct procs_spec procs_spec_make(const struct procs_function *function,
					       const void *arguments, size_t size);

/**
 * Makes the specification of a raw task: procs_raw(procs_function_of(fill),
 * bytes, size). The task finds them as argument 0.
 *
 * @function: the task, borrowed (static in the program).
 * @bytes: [size] bytes, borrowed as struct procs_spec says; NULL if size is 0.
 * @size: bytes, at most 2 GiB.
 * Returns: the specification, by value. Errors: none here.
 * Ownership: bytes are borrowed. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT struct procs_spec procs_raw(const struct procs_function *function,
					 const void *bytes, size_t size);

/**
 * Runs each specification in a new process, several at a time, and returns a
 * stream of n results.
 *
 * @specs: [n], borrowed until the stream is closed.
 * @n: items, 0..2^48.
 * @options: or NULL for all defaults.
 * Returns: the stream, or NULL with errno. Work has begun when it returns.
 * Errors: EINVAL for nonsense (procs_last_failure says which), E2BIG for
 * options of a newer size, ELOOP more than 4 workers deep, ENOMEM, EAGAIN
 * without resources for even the arena. A specification that is itself wrong
 * costs one Failed(ENCODE). If no process can be made for a second, items fail
 * with cause RESOURCE.
 * Ownership: the stream is the caller's, ended by procs_close.
 * Blocks: no. Allocates: yes.
 * Threads: any. Fork: the stream belongs to this process. Signals: no.
 */
PROCS_EXPORT struct procs_stream *procs_call(const struct procs_spec *specs, size_t n,
					     const struct procs_options *options);

/**
 * Gives the next specification: called by procs_call_from and, from inside
 * procs_next, whenever a process is free to run it.
 *
 * @user: as given to procs_call_from.
 * @spec: to be filled, caller-allocated by the library; what it borrows may
 *        change at the next call.
 * Returns: 1 filled, 0 no more. Errors: a negative errno ends the input, and
 * procs_next returns it after the results of what came before; any other value
 * is -EINVAL.
 * Ownership: both are borrowed for the call. Blocks: as long as it likes; that
 * long procs_next waits. Allocates: what it likes.
 * Threads: that of the stream. Fork: in the opener only. Signals: not
 * async-signal-safe. It must not use its own stream (-EBUSY).
 */
typedef int procs_source(void *user, struct procs_spec *spec);

/**
 * procs_call with specifications pulled one at a time, so that the input may
 * be endless: no more than the window is pulled ahead of the results.
 *
 * @source: see procs_source. @user: handed to it, any, borrowed until close.
 * @options: or NULL for all defaults.
 * Returns: the stream, or NULL with errno. Errors: as procs_call.
 * Ownership: the stream is the caller's, ended by procs_close.
 * Blocks: as long as the source does. Allocates: yes.
 * Threads: any. Fork: the stream belongs to this process. Signals: no.
 */
PROCS_EXPORT struct procs_stream *procs_call_from(procs_source *source, void *user,
						  const struct procs_options *options);

/** One sequence of a map: element k lies at base + k * stride. */
struct procs_sequence {
	const void *base;    /* borrowed, unchanged until the stream is closed */
	size_t element_size; /* bytes; of a typed task exactly those of the argument's type */
	size_t stride;       /* bytes from one element to the next; 0: element_size */
};

/**
 * Maps a task over parallel sequences: item k is the task applied to the k-th
 * element of each. What procs_pmap expands to, and the form for raw tasks.
 *
 * Workers take many items in one hand-over where items are short. They see the
 * sequences, and all memory, as it was when the stream was opened or a worker
 * replaced; but in their environment those of OMP_NUM_THREADS,
 * OPENBLAS_NUM_THREADS, MKL_NUM_THREADS, BLIS_NUM_THREADS,
 * VECLIB_MAXIMUM_THREADS and NUMEXPR_NUM_THREADS that are not set say 1.
 * @function: the task, borrowed (static in the program).
 * @n: items, 0..2^48.
 * @options: or NULL for all defaults.
 * @sequences: [n_sequences], borrowed for the call; see struct procs_sequence.
 * @n_sequences: as many as the task has arguments; 0..8 for a raw task.
 * Returns: the stream, or NULL with errno. Work has begun when it returns.
 * Errors: EINVAL for nonsense (procs_last_failure says which), ENOENT for a
 * struct that PROCS_STRUCT did not teach, others as procs_call.
 * Ownership: the stream is the caller's, ended by procs_close.
 * Blocks: no. Allocates: yes.
 * Threads: any. Fork: the stream belongs to this process. Signals: no.
 */
PROCS_EXPORT struct procs_stream *
procs_pmap_sequences(const struct procs_function *function, size_t n,
		     const struct procs_options *options,
		     const struct procs_sequence *sequences, size_t n_sequences);

/**
 * The same from plain arrays, whose element sizes are those of the task.
 *
 * @function: a typed task. @n: items, 0..2^48. @options: or NULL.
 * @arrays: [n_arrays] pointers to [n] elements, the pointers borrowed for the
 *          call, the elements unchanged until the stream is closed.
 * @n_arrays: as many as the task has arguments.
 * Returns: the stream, or NULL with errno. Errors: as procs_pmap_sequences.
 * Ownership: the stream is the caller's, ended by procs_close.
 * Blocks: no. Allocates: yes.
 * Threads: any. Fork: the stream belongs to this process. Signals: no.
 */
PROCS_EXPORT struct procs_stream *
procs_pmap_arrays(const struct procs_function *function, size_t n,
		  const struct procs_options *options, const void *const *arrays,
		  size_t n_arrays);

/**
 * Maps a task over arrays and combines the values, in an order that n alone
 * decides: the answer is the same to the last bit for every number of workers,
 * every way to start them and every timing. What procs_reduce expands to.
 *
 * The order: item k is map applied to the k-th element of each array. Items lie
 * in blocks of g = ceil(n / 4,096), the last may have fewer; so up to 4,096 items
 * each is a block of its own. The values of a block are combined from the left,
 * combine(combine(v0, v1), v2) and so on, and then those of the blocks likewise.
 * So combine need not commute, and a floating-point sum is not that of a plain
 * loop beyond 4,096 items, but always the same.
 *
 * A block is run by one worker, which calls map for up to 64 items before it
 * combines them; the values of the blocks are combined in a process too, for
 * combine may crash. No item is run twice. In both tasks procs_index is that of
 * the item whose value is made or added (of a block's value, its first item),
 * and procs_fail fails that item. options.timeout_ns holds for an item with its
 * combining; options.window_items counts blocks, options.order means nothing.
 * Workers see the arrays, and all memory, as it was when the call began or a
 * worker was replaced; for those of a pool arrays that are no procs_array are
 * copied.
 * @map: a typed task, borrowed (static in the program), whose result is
 *       arithmetic or a struct without strings and bytes, of at most 64 bytes.
 * @combine: a typed task of two arguments of that type that returns it.
 * @n: items, 1..2^48; of none there is no value.
 * @result_out: [result_size] bytes, caller-allocated, written on success only.
 * @result_size, @result_code: sizeof and PROCS_CODE of the variable there, as
 *                             for procs_value_as.
 * @options: or NULL for all defaults.
 * @arrays: [n_arrays] pointers to [n] elements, all borrowed for the call.
 * @n_arrays: as many as map has arguments.
 * Returns: 0. Errors: -ECANCELED if an item failed, for whatever cause: then
 * procs_last_failure is its record, with index and task, without traceback, its
 * message cut at 511 bytes and its data at 512; elapsed_ns may count from the
 * start of its block. If several fail it is one of the first block that has
 * any, and the first there but that map runs ahead of combine. -ENODATA if n is 0. -EPROTOTYPE if the types of map, combine
 * and the variable do not fit or cannot be reduced, or have strings or bytes in them where
 * workers see arrays alone (a pool's, and those that find tasks by name), -ERANGE for a
 * value that a variable of the other sign cannot hold, -EINVAL for other nonsense, each told
 * by procs_last_failure; ENOENT and others as procs_pmap_sequences, negative.
 * Ownership: nothing is kept. Blocks: until all is done or the first failed
 * block is known, and its processes are gone, see procs_close. Allocates: yes,
 * up to 4,096 values.
 * Threads: any. Fork: any side. Signals: not async-signal-safe.
 */
PROCS_EXPORT int procs_reduce_arrays(const struct procs_function *map,
				     const struct procs_function *combine, size_t n,
				     void *result_out, size_t result_size, int result_code,
				     const struct procs_options *options,
				     const void *const *arrays, size_t n_arrays);

/**
 * Memory for arrays that workers see without copying: those of a pool too, and
 * of arrays made after it. What procs_array expands to. A worker may only read it,
 * but for the array that the procs_pmap_into of the moment fills. It costs nothing at
 * a fork, and no memory until it is touched.
 *
 * @n: elements, any. @element_size: bytes of one, any; together at most what the
 * address space has, a quarter of a TiB or more.
 * Returns: the memory, aligned to a page, with arbitrary contents; or NULL.
 * Errors: NULL with errno ENOMEM.
 * Ownership: the caller's, ended by procs_array_free; a child of fork shares
 * it, and cannot free it. Blocks: no. Allocates: yes.
 * Threads: any. Fork: the array belongs to this process. Signals: no.
 */
PROCS_EXPORT void *procs_array_new(size_t n, size_t element_size);

/** procs_array(double, n): a pointer to n elements, see procs_array_new. */
#define procs_array(T, n) ((T *)procs_array_new((n), sizeof(T)))

/**
 * Gives an array back. Its pages may be kept for the next one, up to 256 MiB, as
 * long as there are other arrays or a pool. NULL is allowed.
 *
 * @array: of procs_array_new, used by no stream; transferred.
 * Returns: 0. Errors: -EINVAL for what is no array of this process.
 * Ownership: the array ends here. Blocks: no. Allocates: no.
 * Threads: any. Fork: the array belongs to this process. Signals: no.
 */
PROCS_EXPORT int procs_array_free(void *array);

/**
 * Maps a task over parallel sequences straight into an array, and returns when all
 * is done: out[k] is the task's value of item k. What procs_pmap_into expands to
 * for plain arrays, and the form for sequences with strides.
 *
 * If `out` lies in a procs_array the workers write it themselves, and no value is
 * copied; with options.isolate_output, and into ordinary memory, values come through
 * the workers' slots. A worker that writes it can spoil other elements by a stray
 * store. An element whose item failed is all zero bytes.
 * @function: a typed task whose values have no strings or bytes in them, borrowed.
 * @n: items, 0..2^48.
 * @out: [n] values; NULL for a task that returns void, which writes nothing; may not
 *       overlap a sequence. @out_size, @out_code: sizeof and PROCS_CODE of one; an
 *       integer of the same width but other sign is taken as it is.
 * @options: or NULL for all defaults; the window bounds what waits in slots.
 * @failures: filled, or NULL; see struct procs_failures.
 * @sequences: [n_sequences], borrowed for the call; see struct procs_sequence.
 * @n_sequences: as many as the task has arguments.
 * Returns: the number of failed items, 0 if there are none.
 * Errors: -EINVAL for nonsense (procs_last_failure says which), others as
 * procs_pmap_sequences; then some of the array may be filled.
 * Ownership: nothing is kept. Blocks: until all items are done. Allocates: yes.
 * Threads: any. Fork: any side. Signals: no; interrupted waits go on.
 */
PROCS_EXPORT int64_t procs_pmap_into_sequences(const struct procs_function *function, size_t n,
					       void *out, size_t out_size, int out_code,
					       const struct procs_options *options,
					       struct procs_failures *failures,
					       const struct procs_sequence *sequences,
					       size_t n_sequences);

/**
 * The same from plain arrays, whose element sizes are those of the task.
 *
 * @function, @n, @out, @out_size, @out_code, @options, @failures: as above.
 * @arrays: [n_arrays] pointers to [n] elements. @n_arrays: as many as the task has
 * arguments.
 * Returns: as procs_pmap_into_sequences. Errors: likewise.
 * Ownership: nothing is kept. Blocks: until all items are done. Allocates: yes.
 * Threads: any. Fork: any side. Signals: no; interrupted waits go on.
 */
PROCS_EXPORT int64_t procs_pmap_into_arrays(const struct procs_function *function, size_t n,
					    void *out, size_t out_size, int out_code,
					    const struct procs_options *options,
					    struct procs_failures *failures,
					    const void *const *arrays, size_t n_arrays);

/**
 * Waits for the next outcome and hands it over. What the previous result of
 * this stream pointed to is gone.
 *
 * @stream: borrowed. @result: caller-allocated, filled when 1 is returned.
 * Returns: 1 with an outcome, 0 at the end.
 * Errors: -EINVAL for NULL, -EPERM in a child of fork, -EBUSY from inside the
 * stream's own source, the source's own error, -ENOMEM (the item is not lost:
 * call again). A failing task never makes this call fail.
 * Ownership: the result is borrowed until the next procs_next or procs_close.
 * Blocks: until an item is ready; with options.timeout_ns every item is ready
 * in time. Allocates: only while its buffers grow, never per item.
 * Threads: one at a time per stream. Fork: refused in a child. Signals: no;
 * interrupted waits go on.
 */
PROCS_EXPORT int procs_next(struct procs_stream *stream, struct procs_result *result);

/**
 * procs_next with a deadline for the wait itself, not for the work.
 *
 * @deadline_ns: absolute, as from procs_deadline; 0 does not wait at all.
 * @stream, @result: as procs_next.
 * Returns: as procs_next. Errors: -ETIMEDOUT if nothing was ready in time; the
 * previous result is gone then too; others as procs_next.
 * Ownership: as procs_next. Blocks: until the deadline at most. Allocates: as
 * procs_next.
 * Threads: one at a time per stream. Fork: refused in a child. Signals: no.
 */
PROCS_EXPORT int procs_next_until(struct procs_stream *stream, struct procs_result *result,
				  uint64_t deadline_ns);

/**
 * Opens a pool: workers that live until procs_pool_close, for one stream after
 * another that has it as options.pool. Between streams they sleep, at no cost. One
 * that dies is replaced when there is work.
 *
 * A worker has the program's memory as it was when the worker was made: with
 * the pool, or later in place of one that died or that was made before an object
 * was loaded by dlopen. What a task needs travels as its arguments: procs_call on
 * a pool runs many specifications in one worker, one after another, and the
 * elements of a procs_pmap are copied for it (strings and what they point to as
 * well, but not what a raw task's bytes may point to). A task may leave traces in
 * its worker's memory, which later tasks find; its signal mask, handlers, interval
 * timers, working directory and umask are put back before the next stream, and a
 * worker with other ids, limits, threads or descriptors than at its birth is replaced
 * (not behind PROCS_PURE tasks, which leave nothing).
 * @options: or NULL for all defaults; workers, start, reserve_bytes, init, teardown,
 *           hooks_user, recycle_items and recycle_bytes; all others are given with
 *           each stream, and refused here.
 * Returns: the pool, or NULL with errno. Its workers are there when it returns;
 * an init hook that fails is told by the items of the first stream, Failed(INIT).
 * Errors: EINVAL for nonsense (procs_last_failure says which), E2BIG for
 * options of a newer size, ELOOP more than 4 workers deep, ENOMEM, EAGAIN
 * without resources for the arena or a single process.
 * Ownership: the pool is the caller's, ended by procs_pool_close.
 * Blocks: no. Allocates: yes.
 * Threads: any; streams on it from one thread at a time. Fork: the pool belongs to
 * this process: a stream on it is refused with EPERM in a child. Signals: no.
 */
PROCS_EXPORT struct procs_pool *procs_pool_open(const struct procs_options *options);

/**
 * Starts the forkserver of this process: a small process that makes the workers of
 * streams and pools with PROCS_START_FORKSERVER. Their price does not depend on what
 * the host becomes later: call it early, before memory and threads are many. One that
 * is not running when it is needed is started then.
 *
 * From a program with one thread and up to 64 MB of memory it is a copy of the program as it
 * is now, without its descriptors but 0, 1 and 2; it keeps that memory, and the host pays
 * for each page that it changes afterwards. From a larger one, or one with several threads,
 * the program is executed anew; or if options say so, a worker binary. Workers find tasks
 * by name, in a copy of the program among those it had then. The death of the server costs
 * no item: it is started again; and one that does not answer for 2 s, stopped perhaps, is
 * replaced. Its workers are children of the host and do not need it. A waitpid(-1) of a
 * host with threads sees it, as any child.
 * @options: or NULL for all defaults; worker and modules, which say what is executed,
 *           as for PROCS_START_SPAWN; others are refused.
 * Returns: 0; also if it runs already. Errors: -EINVAL for nonsense, and without
 * procs_worker_hook or options (procs_last_failure says which), -EBUSY if one of another
 * program runs, -E2BIG, -ENOENT, -EACCES, -ENOEXEC and others of execve for the binary,
 * -EPROTO for one of another build, -ESRCH for one that ends without a word, -ETIMEDOUT,
 * -EAGAIN, -ENOMEM, -EMFILE.
 * Ownership: options.worker and options.modules are copied. Blocks: until it answers, at
 * most 10 s. Allocates: yes.
 * Threads: any. Fork: a child of fork has none, and may start its own. Signals: no.
 */
PROCS_EXPORT int procs_forkserver_start(const struct procs_options *options);

/**
 * Ends the forkserver of this process; none is all right. Workers that it made go on,
 * and it is started again when it is needed, of the same program. It ends with the host in
 * any case.
 *
 * Returns: 0. Errors: none.
 * Ownership: nothing. Blocks: until it is gone, at most 1 s. Allocates: no.
 * Threads: any. Fork: in a child, does nothing. Signals: no.
 */
PROCS_EXPORT int procs_forkserver_stop(void);

/**
 * Says in words what a call with these options would do here: which start method, how
 * many workers, what a process costs, and why; and which method would be better for a
 * host that is big or has threads.
 *
 * @options: or NULL for all defaults. @text: [size] bytes, caller-allocated; lines, cut
 * at size - 1 bytes and NUL-terminated. @size: bytes; 0 with text NULL only counts.
 * Returns: the bytes of the whole text without its NUL. Errors: as procs_pmap's for
 * options that are nonsense, negative; the text says which.
 * Ownership: nothing. Blocks: no; reads /proc. Allocates: yes.
 * Threads: any. Fork: any side. Signals: no.
 */
PROCS_EXPORT int procs_explain(const struct procs_options *options, char *text, size_t size);

/**
 * Ends a pool: its workers leave, and are killed if they do not. NULL is
 * allowed.
 *
 * @pool: transferred; gone when it returns 0.
 * Returns: 0. Errors: -EBUSY while a stream is open on it, -EPERM in a child of
 * fork, -EINVAL for what is no pool that is open; nothing happens then.
 * Ownership: the pool ends here. Blocks: until its processes are gone, as
 * procs_close. Allocates: no.
 * Threads: not while another opens a stream on it. Fork: refused in a child.
 * Signals: no.
 */
PROCS_EXPORT int procs_pool_close(struct procs_pool *pool);

/**
 * Cancels one item: one that has not started never will, one in flight is
 * killed; both become Failed(CANCELLED). One that is finished stays as it is.
 * It takes effect inside the next or the running procs_next.
 *
 * @stream: borrowed. @index: of the item, from 0.
 * Returns: 0, also for an item that is already delivered.
 * Errors: -EINVAL for NULL, -ERANGE for an index beyond the input, -EPERM in a
 * child of fork, -ENOMEM.
 * Ownership: nothing. Blocks: no. Allocates: yes.
 * Threads: any, also while another is in procs_next; not while one is in
 * procs_close. Fork: refused in a child. Signals: not async-signal-safe.
 */
PROCS_EXPORT int procs_cancel(struct procs_stream *stream, uint64_t index);

/**
 * Ends a stream at any time: kills what still runs, waits until its processes
 * are gone, gives back its memory. NULL is allowed.
 *
 * @stream: transferred; gone when it returns 0.
 * Returns: 0. Errors: -EPERM in a child of fork (nothing happens then), -EBUSY
 * from inside the stream's own source.
 * Ownership: the stream, its results and views end here. Blocks: until its
 * processes are gone, at most 1 s after they were killed; what a kernel call
 * holds longer is collected by a later call. Allocates: no.
 * Threads: one at a time per stream. Fork: refused in a child. Signals: no.
 */
PROCS_EXPORT int procs_close(struct procs_stream *stream);

/**
 * Copies a value out, its type checked; what procs_value expands to.
 *
 * @result: of procs_next, borrowed. @value: [size] bytes, caller-allocated.
 * @size, @code: sizeof and PROCS_CODE of the variable; an integer of the same
 *               width but other sign is taken if the value fits.
 * Returns: 0. Errors: -ENODATA if the item failed, -EINVAL for another type or
 * NULL (of structs only the size is compared), -ERANGE for a value that the other sign cannot hold.
 * Ownership: strings and bytes in the value are borrowed like the result.
 * Blocks: no. Allocates: no.
 * Threads: that of the stream. Fork: any side. Signals: no.
 */
PROCS_EXPORT int procs_value_as(const struct procs_result *result, void *value,
				size_t size, int code);

/**
 * A borrowed view of a value's bytes: a raw task's or struct procs_bytes' own,
 * a string's characters without NUL, else those of the object.
 *
 * @result: of procs_next, borrowed. @size_out: bytes of it; may be NULL.
 * Returns: the bytes; not NULL for a value, but for a NULL string.
 * Errors: NULL and size 0 for a failed item or NULL.
 * Ownership: borrowed until the next procs_next or procs_close. The bytes of
 * raw tasks and struct procs_bytes lie in the worker's slot and may change
 * while it lives; options.copy_results ends that.
 * Blocks: no. Allocates: no.
 * Threads: that of the stream. Fork: any side. Signals: no.
 */
PROCS_EXPORT const void *procs_view(const struct procs_result *result, size_t *size_out);

/**
 * One line for people: a value such as "31", "\"abc\"" or "{1.5, 2}", bytes as
 * "12 bytes", or "Failed(...)" as procs_failed_text has it.
 *
 * @result: of procs_next, borrowed.
 * Returns: a line without newline, never NULL; cut at 4,095 bytes.
 * Errors: "" for NULL.
 * Ownership: borrowed until the next procs_text, procs_next or procs_close on
 * the stream. Blocks: no. Allocates: no.
 * Threads: that of the stream. Fork: any side. Signals: no.
 */
PROCS_EXPORT const char *procs_text(const struct procs_result *result);

#ifdef __cplusplus
}
#endif

#include <procs/task.h>

#ifndef __cplusplus

/**
 * procs_proc(f, 2, 7), procs_proc(f, .x = 2, .y = 7), procs_proc(z): the
 * specification of f(2, 7); see procs_spec_make. Missing, surplus and misnamed
 * arguments do not compile; a struct literal stands in its own parentheses.
 */
# define procs_proc(...)                                                       \
	PROCS_CAT(PROCS_PROC_, PROCS_CAT(PROCS_SOME_, PROCS_COUNT(__VA_ARGS__))) \
	(PROCS_COUNT(__VA_ARGS__) - 1, __VA_ARGS__)
# define PROCS_PROC_none(n, f)                                                 \
	procs_spec_of_##f((PROCS_ARITY_(f, n), (struct procs_arguments_##f){ 0 }))
# define PROCS_PROC_some(n, f, ...)                                            \
	procs_spec_of_##f(                                                     \
		(PROCS_ARITY_(f, n), (struct procs_arguments_##f){ __VA_ARGS__ }))

/**
 * procs_pmap(f, n, options, xs, ys): maps f over arrays of n elements; see
 * procs_pmap_arrays. Arrays may be given by name too: .x = xs, .y = ys.
 */
# define procs_pmap(f, n, ...)                                                 \
	PROCS_CAT(PROCS_PMAP_, PROCS_CAT(PROCS_SOME_, PROCS_COUNT(__VA_ARGS__))) \
	(PROCS_COUNT(__VA_ARGS__) - 1, f, n, __VA_ARGS__)
# define PROCS_PMAP_none(count, f, n, options)                                 \
	((PROCS_ARITY_(f, count)),                                             \
	 procs_pmap_arrays(procs_function_of(f), n, options, NULL, 0))
# define PROCS_PMAP_some(count, f, n, options, ...)                            \
	((PROCS_ARITY_(f, count)),                                             \
	 procs_pmap_arrays(procs_function_of(f), n, options,                   \
			   (const void *const *)(const void *)&(               \
				   struct procs_pointers_##f){ __VA_ARGS__ },  \
			   count))

/**
 * procs_reduce(f, combine, n, &sum, options, xs, ys): f over arrays of n
 * elements, its values combined into `sum`; see procs_reduce_arrays. Arrays may
 * be given by name too.
 */
# define procs_reduce(f, combine, n, result, ...)                              \
	PROCS_CAT(PROCS_REDUCE_, PROCS_CAT(PROCS_SOME_, PROCS_COUNT(__VA_ARGS__))) \
	(PROCS_COUNT(__VA_ARGS__) - 1, f, combine, n, result, __VA_ARGS__)
# define PROCS_REDUCE_none(count, f, combine, n, result, options)              \
	((PROCS_ARITY_(f, count)), (PROCS_ARITY_(combine, 2)),                 \
	 procs_reduce_arrays(procs_function_of(f), procs_function_of(combine), \
			     n, PROCS_ROOM_(result), options, NULL, 0))
# define PROCS_REDUCE_some(count, f, combine, n, result, options, ...)         \
	((PROCS_ARITY_(f, count)), (PROCS_ARITY_(combine, 2)),                 \
	 procs_reduce_arrays(procs_function_of(f), procs_function_of(combine), \
			     n, PROCS_ROOM_(result), options,                  \
			     (const void *const *)(const void *)&(             \
				     struct procs_pointers_##f){ __VA_ARGS__ }, \
			     count))
# define PROCS_ROOM_(result)                                                   \
	(result), sizeof(*(result)), PROCS_CODE_OF_(*(result))

/**
 * procs_pmap_into(f, n, out, options, xs, ys): maps f over arrays of n elements into
 * `out`, an array of f's values, or (char *)NULL where f returns void; see
 * procs_pmap_into_sequences. Returns the number of failed items or a negative errno.
 * procs_pmap_into_listed(f, n, out, failures, options, xs, ys) lists them, too.
 */
# define procs_pmap_into(f, n, out, ...)                                       \
	procs_pmap_into_listed(f, n, out, NULL, __VA_ARGS__)
# define procs_pmap_into_listed(f, n, out, failures, ...)                      \
	PROCS_CAT(PROCS_INTO_, PROCS_CAT(PROCS_SOME_, PROCS_COUNT(__VA_ARGS__))) \
	(PROCS_COUNT(__VA_ARGS__) - 1, f, n, out, failures, __VA_ARGS__)
# define PROCS_INTO_none(count, f, n, out, failures, options)                  \
	((PROCS_ARITY_(f, count)),                                             \
	 procs_pmap_into_arrays(procs_function_of(f), n, out, sizeof(*(out)),  \
				PROCS_CODE_OF_(*(out)), options, failures,     \
				NULL, 0))
# define PROCS_INTO_some(count, f, n, out, failures, options, ...)             \
	((PROCS_ARITY_(f, count)),                                             \
	 procs_pmap_into_arrays(procs_function_of(f), n, out, sizeof(*(out)),  \
				PROCS_CODE_OF_(*(out)), options, failures,     \
				(const void *const *)(const void *)&(          \
					struct procs_pointers_##f){ __VA_ARGS__ }, \
				count))

# define PROCS_ARITY_(f, n)                                                    \
	(void)sizeof(struct {                                                  \
		_Static_assert(procs_arity_##f == (n),                         \
			       "procs: wrong number of arguments for " #f      \
			       " (a literal with commas wants parentheses)");  \
		int procs_unused;                                              \
	})
# define PROCS_SOME_1 none
# define PROCS_SOME_2 some
# define PROCS_SOME_3 some
# define PROCS_SOME_4 some
# define PROCS_SOME_5 some
# define PROCS_SOME_6 some
# define PROCS_SOME_7 some
# define PROCS_SOME_8 some
# define PROCS_SOME_9 some
# define PROCS_SOME_10 some
# define PROCS_SOME_11 some
# define PROCS_SOME_12 some

/** procs_value(&result, &variable): typed read; see procs_value_as. */
# define procs_value(result, variable)                                         \
	procs_value_as((result), (variable), sizeof(*(variable)),              \
		       PROCS_CODE_OF_(*(variable)))

#endif /* C */

#endif /* PROCS_PROCS_H */
