/* range_worker.pml - the worker of range.pml. */

/* px_item_begins, and the item itself: from this store on it counts as started. */
inline begin_item()
{
	d_step {
		at < upto ->
		assert(!((ran | value | failed | waiting) & ~excused & BIT(base + at)));
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
	!gone[me];
	{
		skip;
end_idle:
		/* px_runner_step, px_worker_rest */
		if
		:: atomic {
			posted[me] != sequence ->
			entry = ENTRY(me, sequence);
			base = first[entry];
			goto again
			}
		:: atomic {
			posted[me] != sequence && refusals > 0 -> /* no room for its tables */
			refusals--;
			entry = ENTRY(me, sequence);
			handed_back[entry] = true;
			goto pass
			}
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
#ifdef BROKEN_CLAIM
			claim[me] = FREE;
#endif
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
		:: d_step {
			at > n && at < upto && running[entry] ->
			done[entry] = at; running[entry] = false
			}
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
		atomic {
			handed_back[entry] = true;
			refusals = refusals - (refusals > 0 && !stop[me])
		};
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

