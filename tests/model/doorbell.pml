/*
 * doorbell.pml - does a ring get lost? The event count of src/shm/doorbell.c
 * with one sleeper and two ringers.
 *
 * What is modelled, and what it stands for:
 *
 *	Ringer    a worker: stores what is new (px_output_done), then px_tell: without WANT
 *	          px_doorbell_ring in any case, with WANT only if px_doorbell_wanted. RINGS
 *	          times. Each has a ticket of its own, the `asleep` of its slot; with
 *	          ONE_TICKET both read one, as threads do in px_backend_interrupt.
 *	Sleeper   the parent: px_backend_seen, px_collect, and if there is nothing
 *	          px_backend_wait: px_announce, px_ask, px_doorbell_sleep. The worker's own
 *	          sleep (px_worker_rest, px_slot_rest) is the same without WANT.
 *	Memory    store buffers: a plain, relaxed or release store waits in its process's
 *	          queue and comes to memory at any later moment, in order (TSO, as on
 *	          x86-64). A fence and a read-modify-write wait until the queue is empty.
 *	Stray     with STRAY, one wake-up for no reason, as by a signal.
 *
 * With SEMAPHORE sleeping is as in doorbell_semaphore.c, else as in doorbell_futex.c.
 *
 * The kernel: FUTEX_WAIT compares and blocks in one step, FUTEX_WAKE unblocks who is
 * blocked, also if its ringer has dawdled since it decided to call it. A full barrier
 * stands before the comparison, as futex_wait has one.
 *
 * With CRASH ringer 0 may end at any step; the kernel then marks its life word and
 * wakes who sleeps on it (robust futex, FUTEX_WAIT of several words), when its last
 * stores are in memory. The sleeper watches the life words of both.
 *
 * A semaphore compares nothing: the sleeper throws old posts away, compares, and waits
 * for a post, in three steps. With CRASH, too, the sleeper wakes for a life word then:
 * what stands for its short sleeps, between which it looks at them.
 *
 * Checked: there is no invalid end state, that is, the sleeper is not blocked while
 * everybody else has ended; and no cycle (as a run of its own), so it ends having seen
 * everything. No sleep has a deadline here: the 100 ms that bound each real one would
 * hide what is looked for.
 *
 * Left out: reordering of loads, and of stores with one another, which x86-64 does not
 * do (C11's weaker orders are for ThreadSanitizer, tests/threads). Forwarding from the
 * own queue: no process here loads what it stored. Wrap-around of the bell: a sleeper
 * would have to miss 2^31 rings. The worker's claim word: it only adds barriers.
 *
 * Variants that must fail:
 *
 *	BROKEN_FLAG             the ringer clears a flag instead of comparing a ticket
 *	BROKEN_FENCE_WANTED     no fence in px_doorbell_wanted
 *	BROKEN_FENCE_WANT       no fence in px_doorbell_want
 *	BROKEN_NO_RECHECK       px_ask does not look again after it stored its want
 *	BROKEN_NEW_VALUE        the ticket is compared with the bell's new value
 *	BROKEN_SEEN_LATE        the bell is read after looking for news
 *	BROKEN_BURIED           with CRASH: a life word that is known to be marked is slept on
 *	                        again, which is no sleep but a cycle
 *	BROKEN_UNWATCHED        with CRASH: a ringer that has nothing left to tell is not
 *	                        watched. If it dies between its increment and its wake-up, the
 *	                        rings of the other behind it wake nobody. This one is in the C
 *	                        (px_stream_wait watches slots with open ranges): there it costs
 *	                        up to 100 ms, the bound of a sleep.
 *	BROKEN_THROW_LATE       with SEMAPHORE: the bell is compared before old posts are
 *	                        thrown away, and the new one is thrown away with them
 */

#ifndef RINGS
# define RINGS 3
#endif
#ifndef DEPTH
# define DEPTH 2 /* of a store buffer */
#endif

#define SLEEPER 2 /* ringers are 0 and 1 */
#define ANNOUNCED 128 /* PX_TICKET */

/* Addresses. */
#define BELL 0
#ifdef ONE_TICKET
# define TICKET(r) 1
# define TICKETS 1
#else
# define TICKET(r) (1 + (r))
# define TICKETS 2
#endif
#define WANTED(r) (3 + (r))
#define NEWS(r) (5 + (r))

#define NEVER 255

byte memory[7];
chan queue[3] = [DEPTH] of { byte, byte };

/* The kernel's side of sleeping. */
bool blocked;      /* in the futex queue of the bell */
bool watched[2];   /* and of that ringer's life word */
bool dead[2];      /* life words */
byte posts;        /* of the semaphore, which are not taken */

inline store(me, at, value)
{
	queue[me] ! at, value
}

inline fence(me)
{
	empty(queue[me])
}

inline arrive(from)
{
	d_step {
		nempty(queue[from]) -> queue[from] ? at, value;
		memory[at] = value;
		at = 0; value = 0
	}
}

active proctype Memory()
{
	byte at, value;

end:	do
	:: arrive(0)
	:: arrive(1)
	:: arrive(2)
	od
}

/* px_doorbell_ring */
inline ring(me)
{
	d_step { empty(queue[me]) -> old = memory[BELL]; memory[BELL] = old + 1 };
#ifdef BROKEN_FLAG
	d_step {
		empty(queue[me]) -> wake = memory[TICKET(me)] != 0;
		memory[TICKET(me)] = 0; old = 0
	};
#elif defined(BROKEN_NEW_VALUE)
	d_step { wake = memory[TICKET(me)] == ((old + 1) | ANNOUNCED); old = 0 };
#else
	d_step { wake = memory[TICKET(me)] == (old | ANNOUNCED); old = 0 };
#endif
	if
#ifdef SEMAPHORE
	:: wake -> d_step { posts++; wake = false }
#else
	:: wake -> d_step { blocked = false; wake = false }
#endif
	:: else
	fi
}

/* px_doorbell_wanted */
inline ring_if_wanted(me)
{
#ifndef BROKEN_FENCE_WANTED
	fence(me);
#endif
	if
	:: position >= memory[WANTED(me)] -> ring(me)
	:: else
	fi
}

proctype Ringer(byte me)
{
	byte position, old;
	bool wake;

	{
		do
		:: position < RINGS ->
			position++;
			store(me, NEWS(me), position);
#ifdef WANT
			ring_if_wanted(me)
#else
			ring(me)
#endif
		:: else -> break
		od
	} unless {
		d_step { dead[me] -> position = 0; old = 0; wake = false }
	}
}

#ifdef CRASH
active proctype Fate()
{
	if
	:: d_step { empty(queue[0]) -> dead[0] = true; blocked = blocked && !watched[0] }
	:: true
	fi
}
#endif

#ifdef STRAY
active proctype Stray()
{
end:	d_step { blocked -> blocked = false }
}
#endif

/* px_span_look, one worker; of a dead one nothing more is to come. */
inline look(r)
{
	gone = dead[r];
	if
	:: memory[NEWS(r)] > got[r] -> d_step { got[r] = memory[NEWS(r)]; news = true }
	:: else
	fi;
	if
	:: gone -> d_step { news = news || got[r] < RINGS; got[r] = RINGS }
	:: else
	fi
}

inline announce(t)
{
#ifdef BROKEN_FLAG
	store(SLEEPER, TICKET(t), 1);
#else
	store(SLEEPER, TICKET(t), (seen | ANNOUNCED));
#endif
	fence(SLEEPER)
}

/* px_ask */
inline ask(r)
{
	store(SLEEPER, WANTED(r), (got[r] + 1));
#ifndef BROKEN_FENCE_WANT
	fence(SLEEPER);
#endif
#ifndef BROKEN_NO_RECHECK
	there = there || memory[NEWS(r)] > got[r]
#endif
}

/* Of those that have news to come at least one is asked: the head of the window. */
inline ask_some()
{
	if
	:: got[0] < RINGS -> ask(0);
		if
		:: got[1] < RINGS -> ask(1)
		:: true
		fi
	:: got[1] < RINGS -> ask(1)
	fi
}

#ifdef BROKEN_UNWATCHED
# define WATCHES(r) (got[r] < RINGS)
#else
# define WATCHES(r) true
#endif
#ifdef BROKEN_BURIED
# define ENDED(r) (watched[r] && dead[r])
#else
# define ENDED(r) (watched[r] && dead[r] && !known[r])
#endif
#define MOVED (memory[BELL] != seen || ENDED(0) || ENDED(1))

/* px_doorbell_sleep */
inline sleep_on_futex()
{
	d_step {
		empty(queue[SLEEPER]) ->
		watched[0] = WATCHES(0);
		watched[1] = WATCHES(1);
		blocked = !MOVED
	};
	d_step { !blocked -> watched[0] = false; watched[1] = false }
}

inline throw_posts_away()
{
	d_step { empty(queue[SLEEPER]) -> posts = 0 }
}

inline sleep_on_semaphore()
{
#ifndef BROKEN_THROW_LATE
	throw_posts_away();
#endif
	if
	:: memory[BELL] != seen
	:: else ->
#ifdef BROKEN_THROW_LATE
		throw_posts_away();
#endif
		d_step {
			watched[0] = WATCHES(0);
			watched[1] = WATCHES(1);
			blocked = !(ENDED(0) || ENDED(1))
		};
		d_step {
			posts > 0 || !blocked ->
			posts = (posts > 0 -> posts - 1 : 0);
			blocked = false;
			watched[0] = false; watched[1] = false
		}
	fi
}

proctype Sleeper()
{
	byte seen, got[2];
	bool known[2]; /* deaths that were buried: their words are not slept on */
	bool news, there, gone;

	do
	:: got[0] == RINGS && got[1] == RINGS -> break
	:: else ->
#ifndef BROKEN_SEEN_LATE
		seen = memory[BELL];
#endif
		look(0);
		known[0] = known[0] || gone;
		look(1);
		known[1] = known[1] || gone;
		gone = false;
#ifdef BROKEN_SEEN_LATE
		seen = memory[BELL];
#endif
		if
		:: news -> news = false
		:: else ->
			announce(0);
#if TICKETS == 2
			announce(1);
#endif
#ifdef WANT
			ask_some();
#endif
			if
			:: there -> there = false
			:: else ->
#ifdef SEMAPHORE
				sleep_on_semaphore()
#else
				sleep_on_futex()
#endif
			fi
		fi;
		seen = 0
	od
}

init
{
	d_step {
		memory[WANTED(0)] = NEVER;
		memory[WANTED(1)] = NEVER
	};
	atomic {
		run Ringer(0);
		run Ringer(1);
		run Sleeper()
	}
}
