/* range_parent.pml - the parent of range.pml. */

#define OPEN(w) (open[(w) * RING] + open[(w) * RING + 1])
/* px_desk_takes */
#ifdef BROKEN_REUSE
# define HOLDS(w) (staffed[w] && OPEN(w) < 2)
#else
# define HOLDS(w) (staffed[w] && OPEN(w) < 2 && BETWEEN(p_passed[w], posted[w]) < RING)
#endif
#ifdef BROKEN_ILL
# define TAKES(w) HOLDS(w)
#else
# define TAKES(w) (!ill[w] && HOLDS(w))
#endif

#define POSTS(w, most) (TAKES(w) && OPEN(w) < (most))
#define HIRES(w) (!staffed[w] && gone[w])
#define POSTABLE (waiting && (HIRES(0) || HIRES(1) || TAKES(0) || TAKES(1)))
#define STEALS_FOR(w) (steals > 0 && !waiting && TAKES(w) && OPEN(w) == 0)

/* px_worker_ended: what the parent takes for certain. */
#if defined(OUTLIVES) || defined(BROKEN_SUSPECT)
# define ENDED(w) (!alive[w] || killed[w])
#else
# define ENDED(w) (!alive[w])
#endif

/* What the parent does not know yet: it is woken for it, or finds it in a sweep. */
#define NEWS(e_) (open[e_] && (done[e_] != p_done[e_] || running[e_] != p_running[e_] || \
			       handed_back[e_] || p_done[e_] == p_count[e_]))
#define COLLECTS(w) (staffed[w] && (ENDED(w) || dying[w] != ill[w] || \
				    passed[w] != p_passed[w] || \
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
inline hire()
{
	d_step {
		if
		:: waiting && HIRES(0) -> w = 0
		:: waiting && !HIRES(0) && HIRES(1) -> w = 1
		fi;
		posted[w] = 0; passed[w] = 0; p_passed[w] = 0;
		claim[w] = FREE; stop[w] = false;
		staffed[w] = true;
		killed[w] = false; gone[w] = false; alive[w] = true;
		w = 0
	}
}

/* px_post_span, px_slot_post: some or all of the first waiting items. */
inline post()
{
	atomic {
		if
		:: waiting && POSTS(0, 1) -> w = 0
		:: waiting && !POSTS(0, 1) && POSTS(1, 1) -> w = 1
		:: waiting && !POSTS(0, 1) && !POSTS(1, 1) && POSTS(0, 2) -> w = 0
		:: waiting && !POSTS(0, 2) && !POSTS(1, 1) && POSTS(1, 2) -> w = 1
		fi;
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
		e = 0; f = 0; c = 0; w = 0
	}
}

/* What follows from a swap of {f, c} for {f, m} in entry e. */
inline taken_back()
{
	limit[e] = m;
	waiting = waiting | SPAN(p_first[e] + m, p_first[e] + c);
	p_count[e] = m;
	if
	:: m == 0 -> close(e)
	:: else
	fi
}

/* px_steal, px_slot_take_back: half of what is not carved, or all of it. */
inline steal()
{
	atomic {
		if
		:: STEALS_FOR(1) && open[0] -> e = 0
		:: STEALS_FOR(1) && open[1] -> e = 1
		:: STEALS_FOR(0) && open[2] -> e = 2
		:: STEALS_FOR(0) && open[3] -> e = 3
		fi;
		steals--;
		f = next[e]; c = limit[e];
#ifdef BROKEN_TAKE_BACK
	};
	atomic {
#endif
		if
		:: c != p_count[e] || f >= c
		:: else ->
			if
			:: m = f + (c - f) / 2
			:: m = f
			fi;
			taken_back()
		fi;
		e = 0; f = 0; c = 0; m = 0
	}
}

/* What follows from news of entry e: handed_back b, done c, running r. */
inline take()
{
	f = p_first[e];
	/* Or an honest worker would be killed for it. */
	assert(c >= p_done[e] && c <= p_count[e] && !(r && c == p_count[e]));
	m = SPAN(f + p_done[e], f + c);
	assert((ran & m) == m);
	assert(!((value | failed | waiting) & m));
	value = value | m;
	published = published & ~m;
	p_done[e] = c;
	p_running[e] = r;
	if
	:: b && !r && c < p_count[e] ->
		waiting = waiting | SPAN(f + c, f + p_count[e]);
		close(e)
	:: c == p_count[e] -> close(e)
	:: else
	fi;
	f = 0; m = 0
}

/* px_take_news, px_span_look: handed_back before progress. */
inline look(e_)
{
	if
	:: atomic { open[e_] ->
		e = e_;
#ifdef BROKEN_FLAG_LAST
		c = done[e]; r = running[e] };
		atomic { b = handed_back[e];
#else
		b = handed_back[e] };
		atomic { c = done[e]; r = running[e];
#endif
			take();
			b = false; r = false; c = 0; e = 0
		}
	:: !open[e_]
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
#ifndef BROKEN_ILL
			assert(doomed == NOBODY || doomed == f);
#endif
			failed = failed | BIT(f);
			f++
		:: else
		fi;
		m = SPAN(f, c);
		assert(!((value | failed | waiting | published) & m));
		assert(!(ran & ~excused & m));
		waiting = waiting | m;
		close(e_);
		f = 0; c = 0; m = 0
	fi
}

inline bury_slot(w)
{
	bury(w * RING);
	bury(w * RING + 1);
	staffed[w] = false; dying[w] = false; ill[w] = false; doomed = NOBODY
}

/* px_backend_check: what is certain, and px_slot_revoke. */
inline check(w)
{
	lost = ENDED(w);
	ill[w] = dying[w];
	if
	:: lost -> claim[w] = LOST;
#ifdef OUTLIVES
		excused = excused | in_claim[w]
#endif
	:: else
	fi
}

/* The older range first. */
inline look_at_both(w)
{
	look(ENTRY(w, posted[w]));
	look(ENTRY(w, posted[w] + 1))
}

/* px_slot_collect, of a worker that has news. */
inline collect()
{
	atomic {
		if
		:: !POSTABLE && COLLECTS(0) -> w = 0
		:: !POSTABLE && COLLECTS(1) -> w = 1
		fi;
#ifdef BROKEN_READ_FIRST
		p_passed[w] = passed[w]
	};
	look_at_both(w);
	atomic {
		check(w);
#else
		check(w)
	};
# ifndef BROKEN_PASSED_LAST
	p_passed[w] = passed[w];
# endif
	look_at_both(w);
	atomic {
# ifdef BROKEN_PASSED_LAST
		p_passed[w] = passed[w];
# endif
#endif
		if
		:: lost -> bury_slot(w)
		:: else
		fi;
		lost = false;
		w = 0
	}
}

/* px_backend_kill; the signal arrives some time later, see Fate. */
inline kill(w)
{
	stop[w] = true; dying[w] = true; killed[w] = true
}

/* px_cancel_one, of item i. */
inline cancel()
{
	if
	:: (value | failed) & BIT(i)
	:: waiting & BIT(i) -> waiting = waiting & ~BIT(i); failed = failed | BIT(i)
	:: else ->
		do
		:: open[e] && i >= p_first[e] && i < p_first[e] + p_count[e] -> break
		:: else -> e++
		od;
		m = i - p_first[e]; f = next[e]; c = limit[e];
		if
		:: m < p_done[e]
		:: m >= p_done[e] && c == p_count[e] && f <= m ->
			/* px_slot_take_back_from */
			taken_back();
			waiting = waiting & ~BIT(i); failed = failed | BIT(i)
		:: else ->
			w = e / RING;
			if
			:: p_running[e] && m == p_done[e] && !dying[w] ->
#ifdef BROKEN_UNHALTED
				doomed = i; kill(w)
#else
				/* px_backend_kill_for: while it stands still, it is looked at again. */
				if
				:: running[e] && done[e] == m -> doomed = i; kill(w); alive[w] = false
				:: else
				fi
#endif
			:: else
			fi
		fi
	fi;
	e = 0; f = 0; c = 0; m = 0; i = 0; w = 0
}

proctype Parent()
{
	byte w, e, f, c, m, i;
	bool b, r, lost;

	do
	:: (value | failed) == ALL -> break
	/* px_post_all: while there is something to post, and somebody to have it. */
	:: hire()
	:: post()
	/* Else: */
	:: collect()
	:: steal()
	/* px_worker_ended: a suspect whose time is over; the worker's own alarm. */
	:: d_step {
		if
		:: !POSTABLE && kills > 0 && staffed[0] && !dying[0] -> w = 0
		:: !POSTABLE && kills > 0 && staffed[1] && !dying[1] -> w = 1
		fi;
		kills--; dying[w] = true; ill[w] = true; killed[w] = true;
		w = 0
		}
	:: atomic {
		!POSTABLE && cancels > 0 -> cancels--;
		do
		:: i + 1 < ITEMS -> i++
		:: break
		od;
		cancel()
		}
	od;
	assert(waiting == 0);
	assert((value & failed) == 0)
}
