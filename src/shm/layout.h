/*
 * layout.h - the bytes that parent and worker share.
 *
 * The arena is one anonymous shared mapping:
 *
 *	offset            size      what
 *	0                 page      struct px_shared: the doorbell, written by all
 *	page              page      a gap
 *	2 page            stride    slot 0
 *	2 page + stride   stride    slot 1
 *	...
 *	                  page      a gap
 *
 * (a worker has unmapped all but page 0 and its own slot, so that there is
 * nothing on either side of it), and a slot, which one worker process and the parent share, is
 *
 *	0                 control   struct px_control, rounded up to pages
 *	control           input     encoded arguments; parent writes, worker reads
 *	control + input   output    results; worker writes, parent reads
 *
 * In a build with semaphores a page follows page 0, and one the control words of each
 * slot, that is private to each process, see doorbell_semaphore.c.
 *
 * Input and output are sparse: address space without pages until touched.
 * Everything here is transient and native-endian: it never leaves the machine.
 *
 * Who writes what, and why it needs no lock:
 *
 * - The parent's truth is private. It writes a post and never reads one back;
 *   from the words a worker writes it takes news, through take.c alone, and
 *   holds them against its private record before it believes them.
 * - A worker writes its own slot and rings the doorbell, no more. After a fork
 *   the other slots are not even mapped in it.
 * - One range of items is owned twice over by one word, {next, end}: the worker
 *   only raises next (carving chunks off the front), the parent only lowers end
 *   (taking back the tail), both by compare-and-swap. So each item is owned
 *   exactly once, and since both halves only move towards each other no value
 *   of the word comes twice (no ABA).
 * - Progress is one word, done << 1 | running, of which the worker stores a
 *   greater value each time. After a death it says which items are finished
 *   [0, done), whether item done was in flight, and that [done + running, end)
 *   never started. (A PROCS_PURE task stores it once a block: then `running`
 *   stands for all of a block from item done on.)
 * - Words of parent and worker lie on lines of their own, so that neither waits
 *   for the other's stores; the range word and the claim are the only two that
 *   both write.
 *
 * Idea of ranges with take-back: measured against descriptors per chunk and
 * against a shared counter, see src/README.md.
 */
#ifndef PROCS_SHM_LAYOUT_H
#define PROCS_SHM_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/px.h"
#include "shm/report.h"

#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_LLONG_LOCK_FREE != 2
# error "procs needs lock-free 32- and 64-bit atomics: they are shared between processes"
#endif

enum {
	PX_RING = 4,            /* posts a slot holds at once */
	PX_SEQUENCES = 8,       /* arguments of a map */
	PX_DENSE_MOST = 4096,   /* bytes of a value that lies side by side with others */
	PX_NAME_MOST = 128,     /* bytes of a task's name with its NUL */
	PX_TYPES_MOST = 504,    /* bytes of its types in words with their NUL, cut */
	PX_RANGE_MOST = 1 << 30 /* items of one range: next and end are 32 bits */
};

/* Page 0. A worker may write here: it is a hint, no sleep relies on it for
 * longer than 100 ms. */
struct px_shared {
	_Alignas(PX_LINE) _Atomic uint32_t bell;
};

/* What a range consists of. */
enum px_kind {
	PX_KIND_MAP = 1, /* items first .. first + count of the order's sequences */
	PX_KIND_CALL = 2 /* one item, a struct px_call at `input` */
};

enum px_post_flag {
	PX_POST_LAST = 1 << 0,   /* nothing more will be posted: taper the chunks */
	PX_POST_SHORT = 1 << 1,  /* the window is short of bytes: compress */
	PX_POST_FORCED = 1 << 2, /* run it though a large result may find no room */
	PX_POST_LEAVE = 1 << 3,  /* leave after it: no other will come */
	PX_POST_ORDER = 1 << 5,  /* the order is new: copy it first */
	PX_POST_COPIED = 1 << 6, /* PX_KIND_MAP: the elements lie at `input`, see px_copied() */
	PX_POST_SINGLY = 1 << 4  /* in no block: one of these items ended a worker in one */
};

/* A range handed over. Parent writes, before `posted` covers it. */
struct px_post {
	uint64_t first;   /* index of the range's item 0 */
	uint64_t share;   /* bytes of output after which the worker hands the rest back */
	uint64_t input;   /* offset in the input area: of a call's struct px_call, of elements */
	uint64_t start;   /* output offset of the range's room */
	uint64_t limit;   /* and its end */
	uint64_t over;    /* what does not fit goes from here on */
	uint32_t count;   /* items, 1 .. PX_RANGE_MOST */
	uint32_t kind;    /* enum px_kind */
	uint32_t flags;   /* enum px_post_flag */
	uint16_t attempt; /* from 1 */
	uint16_t before;  /* how many ranges before this one `over` may not know all of */
};

/* How far the worker is with a range. Worker writes. */
struct px_progress {
	_Atomic uint64_t progress;    /* done << 1 | running */
	_Atomic uint64_t base;        /* output offset of the range's tables */
	_Atomic uint64_t heap;        /* output offset behind its last payload */
	_Atomic uint64_t spent_ns;    /* sum over its chunks */
	_Atomic uint64_t started_ns;  /* when the item in flight, or its chunk, began */
	_Atomic uint32_t failures;    /* dense ranges: entries of the failure table */
	_Atomic uint32_t handed_back; /* 1: stopped for want of room; the rest is the parent's */
	_Atomic uint64_t payload;     /* bytes of payload so far */
	_Atomic uint64_t largest;     /* and of the largest one */
};

struct px_entry {
	_Alignas(PX_LINE) struct px_post post;
	_Alignas(PX_LINE) _Atomic uint64_t range; /* end << 32 | next; both write, by CAS */
	_Alignas(PX_LINE) struct px_progress progress;
};

/* A word that the kernel marks when the thread that registered it ends: the
 * futex word lies 32 bytes before the list node, as in glibc's mutexes, since
 * both hang in one list and the kernel knows one distance. */
struct px_life {
	_Atomic uint32_t word; /* 0 unborn; tid | FUTEX_WAITERS alive; else ended */
	uint32_t pad[7];
	uint64_t node[4]; /* a struct robust_list of the worker; the parent never looks */
};

struct px_array {
	uint64_t base; /* address; 0: the elements come with the range */
	uint64_t stride;
	uint64_t element_size;
};

/* From its first element to the end of its last. */
static inline uint64_t px_array_extent(const struct px_array *array, uint64_t n)
{
	return n > 0 ? (n - 1) * array->stride + array->element_size : 0;
}

/* What the worker is to do with the ranges it is given. Parent writes, before
 * the first post, or before one that says so when the worker is done with all
 * ranges of the old one; the worker copies it. */
struct px_order {
	uint64_t function;    /* PX_KIND_MAP: address of a struct procs_function */
	uint64_t n_sequences; /* 0 .. PX_SEQUENCES */
	struct px_array sequence[PX_SEQUENCES];
	uint64_t out;           /* address of value 0 of a map that writes an array; see `direct` */
	uint64_t out_size;      /* bytes of that array, or 0 */
	uint64_t timeout_ns;    /* of one item; 0: none */
	uint64_t recycle_items; /* after which the worker leaves; 0: never */
	uint64_t recycle_bytes; /* of memory of its own, likewise */
	uint64_t chunk_ns;      /* work to aim at in one chunk */
	uint64_t seed;          /* of the items' random streams */
	uint32_t encoding;      /* enum procs_encoding */
	uint32_t compression;   /* enum procs_compression */
	uint32_t checksum;      /* enum procs_checksum */
	uint32_t copy;          /* 1: no views */
	uint32_t one_shot;      /* 1: leave after the first range */
	uint32_t value_size;    /* of dense values; 0: each item has its frame */
	uint32_t direct;        /* 1: dense values go to `out`, not into the slot */
	uint32_t blocks;        /* 1: the task's loop may run blocks */
};

enum px_stop {
	PX_STOP_NO = 0,
	PX_STOP_IDLE = 1, /* leave when there is nothing to do */
	PX_STOP_NOW = 2   /* start no further item, leave */
};

/* Inside an item that is a block of a reduction: which of its calls runs, as
 * step = index of the item << 1 | whether its value is being combined. A run of
 * calls is one loop of a task. Worker writes; the parent reads it when a block
 * is overdue or its worker is gone, and believes it within the block's bounds. */
struct px_inside {
	_Atomic uint64_t calls; /* call in flight << 1 | 1, from 0 in its run; 0 before the first */
	_Atomic uint64_t step;  /* of the run's call 0 */
	_Atomic uint64_t started_ns; /* when the piece of the block began, see backend/fold.c */
};

enum px_worker_flag {
	PX_WORKER_NO_TIMER = 1 << 0, /* no kernel timer: the parent's deadline alone */
	PX_WORKER_IN_INIT = 1 << 1,  /* its init hook has not returned, or failed */
	PX_WORKER_TIRED = 1 << 2     /* it has done enough: it wants to leave */
};

/* The worker's claim to the chunk it runs: number << 2 | state. The worker goes
 * FREE -> CLAIMED -> FREE with the next number, by compare-and-swap; the parent
 * exchanges in LOST, once, and then every swap of the worker fails. */
enum px_claim {
	PX_CLAIM_FREE = 0,
	PX_CLAIM_CLAIMED = 1,
	PX_CLAIM_LOST = 2
};

/* A task for a worker that does not share its parent's program: who is meant, and with
 * what types. */
struct px_task_name {
	uint64_t signature; /* codec/signature.h */
	char name[PX_NAME_MOST];
	char types[PX_TYPES_MOST]; /* for people */
};

struct px_control {
	/* Parent writes. */
	_Alignas(PX_LINE) _Atomic uint64_t posted; /* how many ranges, ever */
	_Atomic uint64_t want;   /* ring when a publish reaches this position; UINT64_MAX: never */
	_Atomic uint32_t bell;   /* the worker sleeps on it */
	_Atomic uint32_t asleep; /* the parent's ticket, see doorbell.h */
	_Atomic uint32_t stop;   /* enum px_stop */
	_Alignas(PX_LINE) _Atomic uint64_t taken; /* items before this position: framed ranges */
	/* Worker writes. */
	_Alignas(PX_LINE) _Atomic uint64_t passed; /* ranges it is done with, ever */
	_Atomic uint32_t idle;                     /* the worker's ticket for `bell` */
	_Atomic uint32_t flags;                    /* enum px_worker_flag */
	_Atomic int32_t init_code;                 /* what its init hook returned */
	_Atomic int32_t hello; /* pid of a worker that had to attach, once it has; else 0 */
	struct px_inside inside;
	/* Both write. */
	_Alignas(PX_LINE) _Atomic uint64_t claim;
	/* Worker and kernel write. */
	_Alignas(PX_LINE) struct px_life life;
	/* Parent writes. */
	_Alignas(PX_LINE) struct px_order order;
	struct px_entry entry[PX_RING];
	/* Worker writes, when it crashes. */
	_Alignas(PX_LINE) struct px_report report;
	/* Parent writes, with the order, for workers that find tasks by name: the task of a
	 * map; or map and combine of a reduction. */
	_Alignas(PX_LINE) struct px_task_name task[2];
};

/* In front of a call's arguments in the input area. Parent writes. */
struct px_call {
	uint64_t function; /* address of a struct procs_function; or if named: */
	uint64_t size;     /* bytes of arguments, behind this struct */
	uint64_t encoding; /* enum px_frame_encoding */
	uint64_t named;    /* 1: a struct px_task_name stands before the arguments */
};

/* Elements copied for a worker that cannot see the caller's: those of each
 * sequence side by side, the sequences one after the other from `at`, each on a
 * line of its own. Returns where the next begins. */
static inline uint64_t px_copied(uint64_t at, uint64_t count, uint64_t element_size)
{
	return px_align(at + count * element_size, PX_LINE);
}

/*
 * A range's output. The parent gives each range a room in the lower half of the
 * output area; a result that does not fit goes to the upper half, behind what
 * is there. The tables begin at `base`; where they lie follows from the count
 * and the size of a value, so a damaged entry spoils one item:
 *
 *	framed   count frames, one an item          | heap of payloads
 *	dense    count values of value_size, count frames of which the first
 *	         `failures` are used, by ascending item | heap of payloads
 */
enum px_frame_kind {
	PX_FRAME_VALUE = 1,
	PX_FRAME_FAILED = 2 /* payload: codec/failed.h */
};

enum px_frame_encoding {
	PX_FRAME_RAW = 1, /* as in memory */
	PX_FRAME_TPL = 2
};

enum px_frame_packing {
	PX_FRAME_PLAIN = 1,
	PX_FRAME_LZ4 = 2 /* codec/pack.h */
};

enum px_frame_flag {
	PX_FRAME_CHECKED = 1 << 0 /* the payload carries a checksum */
};

struct px_frame {
	uint8_t kind;
	uint8_t encoding;
	uint8_t packing;
	uint8_t flags;
	uint32_t item;       /* in the range */
	uint64_t offset;     /* of the payload in the output area */
	uint64_t stored;     /* bytes of payload */
	uint64_t size;       /* bytes after unpacking; equal to stored if plain */
	uint64_t elapsed_ns; /* time the item took */
	uint64_t pad;        /* 0 */
	uint64_t checksum;   /* of the payload if CHECKED, else 0 */
	uint64_t head;       /* of this frame with head 0 */
};

_Static_assert(sizeof(struct px_call) % 16 == 0 && sizeof(struct px_task_name) % 16 == 0,
	       "arguments are aligned to 16");
_Static_assert(sizeof(struct px_frame) == PX_LINE, "a frame is one line");
_Static_assert(sizeof(struct px_progress) == PX_LINE, "progress is one line");
_Static_assert(sizeof(struct px_post) == PX_LINE, "a post is one line");
_Static_assert(offsetof(struct px_life, node) - offsetof(struct px_life, word) == 32,
	       "the kernel finds the word 32 bytes before the node");

#endif /* PROCS_SHM_LAYOUT_H */
