/*
 * range.pml - does each item run once and get one outcome? Ranges, chunks, progress
 * and claims of src/shm, between the parent of src/pool and two workers.
 *
 * What is modelled, and what it stands for:
 *
 *	Worker    range_worker.pml: backend/runner.c with its words in slot.c and output.c.
 *	          Reads a post, carves chunks, claims, runs, publishes, passes on. It hands a
 *	          range back that is too large for it, and when it is told to stop. How
 *	          large a chunk is, up to CHUNK items, it is free to choose.
 *	Parent    range_parent.pml: collect.c, post.c, cancel.c, the books of supervisor.c.
 *	          Hires, posts to the idle, collects, steals, kills, cancels, buries. Which
 *	          of its workers it looks at, how much it posts and from whom it steals it is
 *	          free to choose, so what C decides by the clock or by bytes is all here.
 *	Fate      the kernel: a worker ends between any two steps, by itself, or by a SIGKILL
 *	          at any time after that was sent. Its slot is hired for again after that.
 *
 * Each access to a shared word is a step of its own, and what is private to the process
 * happens in the same one. A range word is read and swapped at once, as its loops of
 * compare-and-swap have it. Some accesses share a step where nobody could tell: a kill
 * and the `stop` before it; and but for OUTLIVES carving and claiming, and the last progress
 * and publishing, since the parent looks at the claim of no worker that lives.
 *
 * There is one window of ITEMS items, all there from the beginning, and limits to how
 * often something happens: CRASHES, KILLS (of suspects), STEALS, CANCELS, REFUSALS
 * (ranges handed back for want of room). Besides:
 *
 *	SHOWS     a worker may show what is finished in the middle of a chunk
 *	OUTLIVES  the verdict on a worker that was killed may come before its end, as on one
 *	          that a second later is not out of the kernel (PX_DYING_LONG). The items of
 *	          the chunk it has claimed are excused: they may run here and elsewhere.
 *
 * A ring has two entries, not four: entries are used again as early as after two ranges.
 * Sequence numbers are kept modulo twice that.
 *
 * Checked, by assertions: no item begins twice, or after its outcome is known; news are
 * such that px_take_news believes them; what was published is neither failed nor run again;
 * only an item that began is blamed; an entry is not written while its worker may read it
 * or its news are not taken. That there is no invalid end state: a parent that
 * waits for what never comes. And as a run of its own, that there is no cycle, so it ends,
 * with one outcome for each item.
 *
 * Left out: the order in which stores become visible (each has its release and acquire,
 * which tests/threads has looked at by ThreadSanitizer); rings and sleeps (doorbell.pml: here
 * the parent knows when there is news); rooms, frames and values; wild writes of a worker
 * (tests/fuzz); workers that leave in order, as those of a call after their one range;
 * blocks of PROCS_PURE tasks, whose items may run twice (tests/unit/test_blocks.c).
 *
 * Variants that must fail:
 *
 *	BROKEN_CARVE        the worker writes {next, end} without a look at what is there
 *	BROKEN_TAKE_BACK    so does the parent, with end
 *	BROKEN_REUSE        entries are used again whether or not their worker has passed them
 *	BROKEN_PASSED_LAST  `passed` is read after the news
 *	BROKEN_FLAG_LAST    handed_back is read after progress
 *	BROKEN_READ_FIRST   the news are read before the look whether the worker lives
 *	BROKEN_BLAME        the first item not finished is blamed, running or not
 *	BROKEN_SUSPECT      the items of a killed worker are given away before it has ended
 *	BROKEN_CLAIM        with OUTLIVES: a chunk is claimed over the verdict
 *	BROKEN_PUBLISH      with OUTLIVES: and published over it
 *	BROKEN_UNHALTED     a worker is killed for an item without being stopped first: it may
 *	                    finish that item and begin another, which is blamed
 *	BROKEN_ILL          the same, and a worker that was killed is given ranges until it is
 *	                    gone: as it hands them back there is a cycle
 */

#ifdef BROKEN_ILL
# define BROKEN_UNHALTED
#endif
#ifndef ITEMS
# define ITEMS 4
#endif
#ifndef CHUNK
# define CHUNK 2 /* items of a chunk, at most; up to 3 */
#endif
/* How often each may happen. */
#ifndef CRASHES
# define CRASHES 0
#endif
#ifndef KILLS
# define KILLS 0
#endif
#ifndef STEALS
# define STEALS 0
#endif
#ifndef CANCELS
# define CANCELS 0
#endif
#ifndef REFUSALS
# define REFUSALS 0
#endif

#define WORKERS 2
#define RING 2    /* PX_RING, and PX_OPEN_RANGES */
#define ENTRIES 4 /* of both slots */
#define TURN 4    /* sequence numbers are kept modulo this, a multiple of RING */

#define ENTRY(w, sequence) ((w) * RING + (sequence) % RING)
#define BETWEEN(old, new) ((TURN + (new) - (old)) % TURN)
#define BIT(i) (1 << (i))
#define SPAN(from, to) ((1 << (to)) - (1 << (from)))
#define ALL SPAN(0, ITEMS)

/* enum px_claim */
#define FREE 0
#define CLAIMED 1
#define LOST 2

#define NOBODY 255

/* --- Shared memory. --- */

/* struct px_entry: the post, the word {next, end}, the word done << 1 | running. */
byte first[ENTRIES];
byte next[ENTRIES], limit[ENTRIES];
byte done[ENTRIES];
bool running[ENTRIES], handed_back[ENTRIES];

/* struct px_control */
byte posted[WORKERS], passed[WORKERS], claim[WORKERS];
bool stop[WORKERS];

/* --- The kernel's. --- */

bool alive[WORKERS];  /* it can take a step */
bool killed[WORKERS]; /* SIGKILL is on its way */
bool gone[WORKERS];   /* collected: another may take its slot */

byte crashes = CRASHES, kills = KILLS, steals = STEALS, cancels = CANCELS, refusals = REFUSALS;

/* --- What is true, known to no process. Sets of items. --- */

byte ran;       /* its body was entered */
byte published; /* its chunk was published, and the parent has not seen it */
byte doomed = NOBODY; /* the item that the parent's last kill was meant for */
#ifdef OUTLIVES
byte in_claim[WORKERS]; /* the chunk that a worker has claimed */
byte excused;           /* those claimed when the verdict fell */
#else
# define excused 0
#endif

/* --- The parent's window, global so that what workers do can be held against it. --- */

byte waiting = ALL; /* in a WAITING span */
byte value;         /* FINISHED: a value, or what the task itself said */
byte failed;        /* FAILED: the parent's verdict */

/* POSTED spans: the private record of an entry. */
bool open[ENTRIES], p_running[ENTRIES];
byte p_first[ENTRIES], p_count[ENTRIES], p_done[ENTRIES];
byte p_passed[WORKERS];
bool staffed[WORKERS];
bool dying[WORKERS]; /* it sent a SIGKILL */
bool ill[WORKERS];   /* and has looked since */

/* An entry that neither side will look at again is cleared, so that histories that
 * differ in nothing else are one. */
inline forget(e_)
{
	first[e_] = 0; next[e_] = 0; limit[e_] = 0;
	done[e_] = 0; running[e_] = false; handed_back[e_] = false
}

#include "range_worker.pml"
#include "range_parent.pml"

/* Deaths that come from nowhere, and those that the parent sent. */
proctype Fate()
{
end:	do
	:: d_step { crashes > 0 && alive[0] -> crashes--; alive[0] = false }
	:: d_step { crashes > 0 && alive[1] -> crashes--; alive[1] = false }
	:: d_step { killed[0] && alive[0] -> alive[0] = false }
	:: d_step { killed[1] && alive[1] -> alive[1] = false }
	od
}

init
{
	d_step {
		gone[0] = true;
		gone[1] = true
	};
	atomic {
		run Worker(0);
		run Worker(1);
		run Fate();
		run Parent()
	}
}
