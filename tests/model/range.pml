/*
 * head later
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
bool staffed[WORKERS], dying[WORKERS];

/* An entry that neither side will look at again is cleared, so that histories that
 * differ in nothing else are one. */
inline forget(e_)
{
	first[e_] = 0; next[e_] = 0; limit[e_] = 0;
	done[e_] = 0; running[e_] = false; handed_back[e_] = false
}

/* --- Workers. --- */

/* px_item_begins, and the item itself: from this store on it counts as started. */
inline begin_item()
{
	d_step {
		at < upto ->
#ifdef OUTLIVES
		assert(!(ran & BIT(base + at)) || (excused & BIT(base + at)));
#else
		assert(!(ran & BIT(base + at)));
		assert(!((value | failed | waiting) & BIT(base + at)));
#endif
		done[entry] = at;
		running[entry] = true;
		ran = ran | BIT(base + at);
		at++
	}
}

proctype Worker(byte me)
{
	byte sequence, entry, base, n, l, at, upto;

end_unborn:
	alive[me];
	{
		skip;
end_idle:
		/* px_runner_step, px_worker_rest */
		if
		:: atomic { posted[me] != sequence -> entry = ENTRY(me, sequence); base = first[entry]; goto again }
		:: atomic { posted[me] != sequence && refusals > 0 -> /* no room for its tables */
			refusals--;
			entry = ENTRY(me, sequence);
			handed_back[entry] = true;
			goto pass }
		:: posted[me] == sequence && stop[me] -> goto leave
		fi;
again:
		/* px_slot_carve */
		atomic {
			n = next[entry];
			l = limit[entry];
			if
			:: n >= l -> goto pass
			:: n + 1 <= l -> upto = n + 1
			:: n + 2 <= l && CHUNK >= 2 -> upto = n + 2
			:: n + 3 <= l && CHUNK >= 3 -> upto = n + 3
			fi;
#ifdef BROKEN_CARVE
		};
		atomic {
			limit[entry] = l;
#endif
			next[entry] = upto;
			at = n;
			l = 0;
#ifdef OUTLIVES
		};
		atomic {
#endif
			/* px_slot_claim */
			if
			:: claim[me] == FREE -> claim[me] = CLAIMED
			:: else -> goto leave
			fi;
#ifdef OUTLIVES
			in_claim[me] = SPAN(base + n, base + upto)
#endif
		};
		/* px_run: it may hand back what is left of the chunk when its share of bytes is
		 * used up, or the parent is about to kill it. */
		do
		:: begin_item()
#ifdef SHOWS
		:: d_step { at > n && at < upto && running[entry] -> done[entry] = at; running[entry] = false }
#endif
		:: at == upto || (at > 0 && refusals > 0) || stop[me] -> break
		od;
		/* px_output_done */
		atomic {
			done[entry] = at;
			running[entry] = false;
#ifdef OUTLIVES
		};
		atomic {
#endif
			/* px_slot_publish */
#ifndef BROKEN_PUBLISH
			if
			:: claim[me] == CLAIMED
			:: else -> goto leave
			fi;
#endif
			claim[me] = FREE;
			published = published | (SPAN(base + n, base + at) & ~value);
#ifdef OUTLIVES
			in_claim[me] = 0;
#endif
			n = 0;
			if
			:: at == upto -> at = 0; upto = 0; goto again
			:: else -> at = 0; upto = 0
			fi
		};
		/* px_hand_back */
		atomic { handed_back[entry] = true; refusals = refusals - (refusals > 0 && !stop[me]) };
pass:
		/* px_slot_pass */
		atomic {
			sequence = (sequence + 1) % TURN;
			passed[me] = sequence;
			if
			:: !open[entry] -> forget(entry)
			:: else
			fi;
			entry = 0; base = 0; n = 0; l = 0;
			goto end_idle
		};
leave:
		alive[me] = false;
		false
	} unless {
		d_step {
			!alive[me] ->
			sequence = 0; entry = 0; base = 0; n = 0; l = 0; at = 0; upto = 0;
			gone[me] = true
		}
	};
	goto end_unborn
}

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

/* --- The parent. --- */

/* px_desk_takes */
#define OPEN(w) (open[(w) * RING] + open[(w) * RING + 1])
#define TAKES(w) (staffed[w] && !dying[w] && OPEN(w) < 2 && BETWEEN(p_passed[w], posted[w]) < RING)

#define POSTS(w, most) (TAKES(w) && OPEN(w) < (most))
#define HIRES(w) (!staffed[w] && gone[w])
#define POSTABLE (waiting && (HIRES(0) || HIRES(1) || TAKES(0) || TAKES(1)))
#define STEALS_FOR(w) (steals > 0 && !waiting && TAKES(w) && OPEN(w) == 0)

/* What the parent does not know yet: it is woken for it, or finds it in a sweep. */
#define NEWS(e_) (open[e_] && (done[e_] != p_done[e_] || running[e_] != p_running[e_] || \
			       handed_back[e_] || p_done[e_] == p_count[e_]))
#define COLLECTS(w) (staffed[w] && (!alive[w] || passed[w] != p_passed[w] || \
				    NEWS((w) * RING) || NEWS((w) * RING + 1)))

/* Whether the worker may still look at an entry. */
#define IN_USE(e_) (alive[(e_) / RING] && \
		    (BETWEEN(passed[(e_) / RING], posted[(e_) / RING]) == 2 || \
		     (BETWEEN(passed[(e_) / RING], posted[(e_) / RING]) == 1 && \
		      ENTRY((e_) / RING, passed[(e_) / RING]) == (e_))))

/* The span is not POSTED any more. */
inline close(e_)
{
	open[e_] = false; p_running[e_] = false;
	p_first[e_] = 0; p_count[e_] = 0; p_done[e_] = 0;
	if
	:: !IN_USE(e_) -> forget(e_)
	:: else
	fi
}

/* px_backend_hire, px_slot_reset */
inline hire(w)
{
	d_step {
		posted[w] = 0; passed[w] = 0; p_passed[w] = 0;
		claim[w] = FREE; stop[w] = false;
		staffed[w] = true; dying[w] = false;
		killed[w] = false; gone[w] = false; alive[w] = true
	}
}

/* px_post_span, px_slot_post: some or all of the first waiting items. */
inline post(w)
{
	f = 0;
	do
	:: !(waiting & BIT(f)) -> f++
	:: else -> break
	od;
	c = 1;
	do
	:: f + c < ITEMS && (waiting & BIT(f + c)) -> c++
	:: break
	od;
	e = ENTRY(w, posted[w]);
	assert(!open[e]);
	assert(!IN_USE(e));
	waiting = waiting & ~SPAN(f, f + c);
	open[e] = true; p_first[e] = f; p_count[e] = c;
	forget(e);
	first[e] = f; limit[e] = c;
	posted[w] = (posted[w] + 1) % TURN;
	e = 0; f = 0; c = 0
}

/* What follows from a swap of {f, c} for {f, m}. */
inline taken_back(e_)
{
	limit[e_] = m;
	waiting = waiting | SPAN(p_first[e_] + m, p_first[e_] + c);
	p_count[e_] = m;
	if
	:: m == 0 -> close(e_)
	:: else
	fi
}

/* px_steal, px_slot_take_back: half of what is not carved, or all of it. */
inline steal(e_)
{
	f = next[e_]; c = limit[e_];
	if
	:: c != p_count[e_] || f >= c -> m = NOBODY
	:: else -> m = f + (c - f) / 2
	:: c == p_count[e_] && f < c -> m = f
	fi;
#ifdef BROKEN_TAKE_BACK
	/* The other half of the word is not written. */
	f = f
	};
	atomic {
#endif
	if
	:: m == NOBODY
	:: else -> taken_back(e_)
	fi;
	f = 0; c = 0; m = 0
}

/* px_take_news, px_span_look, after handed_back was read. */
inline take(e_)
{
	f = p_first[e_];
	/* Or an honest worker would be killed for it. */
	assert(c >= p_done[e_] && c <= p_count[e_] && !(r && c == p_count[e_]));
	m = SPAN(f + p_done[e_], f + c);
	assert((ran & m) == m);
	assert(!((value | failed | waiting) & m));
	value = value | m;
	published = published & ~m;
	p_done[e_] = c;
	p_running[e_] = r;
	if
	:: b && !r && c < p_count[e_] ->
		waiting = waiting | SPAN(f + c, f + p_count[e_]);
		close(e_)
	:: c == p_count[e_] -> close(e_)
	:: else
	fi;
	b = false; r = false; f = 0; c = 0; m = 0
}

inline look(e_)
{
	if
	:: !open[e_]
	:: else ->
#ifdef BROKEN_FLAG_LAST
		c = done[e_]; r = running[e_];
		};
		atomic {
		b = handed_back[e_];
#else
		b = handed_back[e_]; c = done[e_]; r = running[e_];
#endif
		take(e_)
	fi
}

/* px_span_bury */
inline bury(e_)
{
	if
	:: !open[e_]
	:: else ->
		f = p_first[e_] + p_done[e_];
		c = p_first[e_] + p_count[e_];
#ifdef BROKEN_BLAME
		if
		:: true ->
#else
		if
		:: p_running[e_] ->
#endif
			assert(ran & BIT(f));
			assert(!((value | failed | waiting | published) & BIT(f)));
#ifdef EXACT
			assert(doomed == NOBODY || doomed == f);
#endif
			failed = failed | BIT(f);
			f++
		:: else
		fi;
		m = SPAN(f, c);
		assert(!((value | failed | waiting | published) & m));
#ifndef OUTLIVES
		assert(!(ran & m));
#endif
		waiting = waiting | m;
		close(e_);
		f = 0; c = 0; m = 0
	fi
}

inline bury_slot(w)
{
	bury(w * RING);
	bury(w * RING + 1);
	staffed[w] = false; dying[w] = false; doomed = NOBODY
}

inline look_at_older(w)
{
	e = ENTRY(w, posted[w]);
	look(e);
	e = 0
}

inline look_at_newer(w)
{
	e = ENTRY(w, posted[w] + 1);
	look(e);
	e = 0
}

/* px_backend_check: what is certain, and px_slot_revoke. */
inline check(w)
{
#if defined(OUTLIVES) || defined(BROKEN_SUSPECT)
	lost = !alive[w] || killed[w];
#else
	lost = !alive[w];
#endif
	if
	:: lost -> claim[w] = LOST;
#ifdef OUTLIVES
		excused = excused | in_claim[w]
#endif
	:: else
	fi
}

/* px_slot_collect */
inline collect(w)
{
#ifdef BROKEN_READ_FIRST
	atomic { p_passed[w] = passed[w]; look_at_older(w) };
	atomic { look_at_newer(w) };
	atomic { check(w);
#else
	atomic { check(w);
#ifdef BROKEN_PASSED_LAST
	};
	atomic { look_at_older(w) };
	atomic { look_at_newer(w) };
	atomic { p_passed[w] = passed[w];
#else
		p_passed[w] = passed[w]; look_at_older(w);
	};
	atomic { look_at_newer(w);
#endif
#endif
		if
		:: lost -> bury_slot(w)
		:: else
		fi;
		lost = false
	}
}

/* px_backend_kill */
inline kill(w)
{
	stop[w] = true;
	d_step { dying[w] = true; killed[w] = true }
}

proctype Parent()
{
	byte e, f, c, m, i;
	bool b, r, lost;

	do
	:: (value | failed) == ALL -> break
	/* px_post_all: while there is something to post, and somebody to have it. */
	:: atomic { waiting && HIRES(0) -> hire(0) }
	:: atomic { waiting && !HIRES(0) && HIRES(1) -> hire(1) }
	:: atomic { waiting && POSTS(0, 1) -> post(0) }
	:: atomic { waiting && !POSTS(0, 1) && POSTS(1, 1) -> post(1) }
	:: atomic { waiting && !POSTS(0, 1) && !POSTS(1, 1) && POSTS(0, 2) -> post(0) }
	:: atomic { waiting && !POSTS(0, 2) && !POSTS(1, 1) && POSTS(1, 2) -> post(1) }
	/* Else: */
	:: !POSTABLE && COLLECTS(0) -> collect(0)
	:: !POSTABLE && COLLECTS(1) -> collect(1)
	:: atomic { STEALS_FOR(1) && open[0] -> steals--; steal(0) }
	:: atomic { STEALS_FOR(1) && open[1] -> steals--; steal(1) }
	:: atomic { STEALS_FOR(0) && open[2] -> steals--; steal(2) }
	:: atomic { STEALS_FOR(0) && open[3] -> steals--; steal(3) }
	/* px_worker_ended: a suspect whose time is over. */
	:: d_step { !POSTABLE && kills > 0 && staffed[0] && !dying[0] -> kills--; dying[0] = true; killed[0] = true }
	:: d_step { !POSTABLE && kills > 0 && staffed[1] && !dying[1] -> kills--; dying[1] = true; killed[1] = true }
	/* px_cancel_one: */
	:: atomic { !POSTABLE && cancels > 0 -> cancels--;
		i = 0;
		do
		:: i + 1 < ITEMS -> i++
		:: break
		od;
		if
		:: (value | failed) & BIT(i)
		:: waiting & BIT(i) -> waiting = waiting & ~BIT(i); failed = failed | BIT(i)
		:: else ->
			e = 0;
			do
			:: open[e] && i >= p_first[e] && i < p_first[e] + p_count[e] -> break
			:: else -> e++
			od;
			m = i - p_first[e]; f = next[e]; c = limit[e];
			if
			:: m < p_done[e]
			:: m >= p_done[e] && c == p_count[e] && f <= m ->
				/* px_slot_take_back_from */
				taken_back(e);
				waiting = waiting & ~BIT(i); failed = failed | BIT(i)
			:: else ->
				if
				:: p_running[e] && m == p_done[e] && !dying[e / RING] ->
					doomed = i;
					i = e / RING;
					kill(i)
				:: else
				fi
			fi
		fi;
		e = 0; f = 0; c = 0; m = 0; i = 0
		}
	od;
	assert(waiting == 0);
	assert((value & failed) == 0)
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
