/*
 * head
 */

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
