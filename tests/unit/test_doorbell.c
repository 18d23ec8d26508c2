/*
 * The doorbell, whichever was built: between processes, under stray writes, after
 * deaths. A lost ring is a hang here, and ends by the alarm.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "pxt.h"
#include "shm/arena.h"
#include "shm/doorbell.h"
#include "shm/layout.h"
#include "shm/slot.h"

enum {
	ROUNDS = 100000,
	HANGS = 50 /* seconds */
};

/* Two slots: one each for two players. */
static struct px_arena arena;
static struct px_control *player[2];
static _Atomic uint32_t *bell; /* the parent's */

static int open_arena(void **state)
{
	pxt_before(state);
	if (px_arena_open(&arena, 2, 1 << 20, 4096) != 0)
		return -1;
	for (uint64_t i = 0; i < 2; i++)
		player[i] = px_arena_slot(&arena, i).control;
	bell = &px_arena_shared(&arena)->bell;
	return 0;
}

static int close_arena(void **state)
{
	px_arena_close(&arena);
	return pxt_after(state);
}

#define bell_test(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

static int sleep_on_bell(_Atomic uint32_t *on, uint32_t seen, uint64_t deadline)
{
	struct px_sleeper sleeper = px_doorbell_on_bell(on, seen);

	return px_doorbell_sleep(&sleeper, 1, deadline);
}

static pid_t start(void (*body)(void))
{
	const pid_t pid = fork();

	if (pid == 0) {
		alarm(HANGS);
		body();
		_exit(0);
	}
	pxt_check(pid > 0);
	return pid;
}

static int end(pid_t pid, int number)
{
	int status;

	if (number != 0)
		kill(pid, number);
	pxt_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_bell_wakes_who_slept_on_the_value_it_left(void **state)
{
	_Atomic uint32_t ticket = 0;
	_Atomic uint64_t want = UINT64_MAX;

	(void)state;
	*bell = 7;
	pxt_check(!px_doorbell_ring(bell, &ticket));
	pxt_equal(px_doorbell_seen(bell), 8);
	px_doorbell_announce(&ticket, 8);
	pxt_check(px_doorbell_ring(bell, &ticket));
	/* Nobody sleeps on 9. */
	pxt_check(!px_doorbell_ring(bell, &ticket));
	/* A sleeper that saw an old value does not sleep. */
	pxt_equal(sleep_on_bell(bell, 8, px_deadline(px_now(), PX_SECOND)), 0);
	pxt_equal(sleep_on_bell(bell, 10, px_now()), -ETIMEDOUT);
	/* The bell wraps. */
	*bell = UINT32_MAX;
	px_doorbell_announce(&ticket, UINT32_MAX);
	pxt_check(px_doorbell_ring(bell, &ticket));
	pxt_equal(*bell, 0);
	pxt_check(!px_doorbell_wanted(&want, 5));
	px_doorbell_want(&want, 5);
	pxt_check(px_doorbell_wanted(&want, 5) && !px_doorbell_wanted(&want, 4));
}

static void a_sleep_watches_other_words_too(void **state)
{
	_Atomic uint32_t word = 5;
	struct px_sleeper sleepers[] = { px_doorbell_on_bell(bell, 0), px_doorbell_on(&word, 5) };
	uint64_t deadline = px_deadline(px_now(), 30 * PX_MILLISECOND);

	(void)state;
	pxt_equal(px_doorbell_sleep(sleepers, 2, px_now()), -ETIMEDOUT);
	/* A word that is no bell, alone: in short bounds, perhaps, but to the end. */
	while (px_doorbell_sleep(&sleepers[1], 1, deadline) == 0)
		pxt_check(px_now() < deadline);
	pxt_check(px_now() >= deadline);
	/* One that has moved already. */
	word = 6;
	deadline = px_deadline(px_now(), 10 * PX_SECOND);
	pxt_equal(px_doorbell_sleep(&sleepers[1], 1, deadline), 0);
	if (px_doorbell_watches_words())
		pxt_equal(px_doorbell_sleep(sleepers, 2, deadline), 0);
}

/* Rings that came when nobody slept any more wake nobody later. */
static void old_rings_do_not_wake(void **state)
{
	_Atomic uint32_t ticket = 0;
	uint64_t deadline;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		px_doorbell_announce(&ticket, i);
		pxt_check(px_doorbell_ring(bell, &ticket));
	}
	deadline = px_deadline(px_now(), 20 * PX_MILLISECOND);
	pxt_equal(sleep_on_bell(bell, 1000, deadline), -ETIMEDOUT);
	pxt_check(px_now() >= deadline);
}

/* Two processes ring and sleep in turn, as fast as they can, without a bound. */
static void play(int me, uint64_t rounds)
{
	struct px_control *mine = player[me], *other = player[1 - me];

	for (uint64_t turn = 1; turn <= rounds; turn++) {
		/* release: pairs with the acquire below */
		atomic_store_explicit(&mine->passed, turn, memory_order_release);
		px_doorbell_ring(&other->bell, &other->idle);
		for (;;) {
			const uint32_t seen = px_doorbell_seen(&mine->bell);

			/* acquire: pairs with the release above */
			if (atomic_load_explicit(&other->passed, memory_order_acquire) >= turn)
				break;
			px_doorbell_announce(&mine->idle, seen);
			sleep_on_bell(&mine->bell, seen, PX_NEVER);
		}
	}
}

static uint64_t rounds;

static void second_player(void)
{
	play(1, rounds);
}

static void play_both(uint64_t how_many)
{
	pid_t other;

	for (int i = 0; i < 2; i++)
		player[i]->passed = 0;
	rounds = how_many;
	other = start(second_player);
	alarm(HANGS);
	play(0, rounds);
	alarm(0);
	pxt_equal(end(other, 0), 0);
}

static void no_ring_is_lost_between_processes(void **state)
{
	(void)state;
	play_both(pxt_is_instrumented() ? ROUNDS / 10 : ROUNDS);
}

static void sleeper(void)
{
	for (;;) {
		const uint32_t seen = px_doorbell_seen(&player[1]->bell);

		px_doorbell_announce(&player[1]->idle, seen);
		sleep_on_bell(&player[1]->bell, seen, PX_NEVER);
	}
}

static void whoever_is_killed_asleep_or_ringing_spoils_nothing(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 50; i++) {
		const pid_t pid = start(sleeper);
		const uint64_t until = px_deadline(px_now(), pxt_random(&seed) % 3000000);

		while (px_now() < until)
			px_doorbell_ring(&player[1]->bell, &player[1]->idle);
		end(pid, SIGKILL);
		play_both(20);
	}
}

/* Noise, as long as it lives, all over what a worker may write: the parent's bell and
 * one that the parent rings; and over what stands behind them in its own process. */
static void scribble(void)
{
	const size_t size = (1 + PX_BELL_PAGES) * arena.geometry.page;
	unsigned char *places[] = { arena.base, (unsigned char *)player[1] };
	uint64_t seed = (uint64_t)getpid();

	for (;;) {
		unsigned char *place = places[pxt_random(&seed) % 2];
		const uint64_t noise = pxt_random(&seed);

		switch (pxt_random(&seed) % 4) {
		case 0:
			memset(place, 0, size);
			break;
		case 1:
			memset(place, 0xff, size);
			break;
		default:
			for (size_t at = 0; at < size; at += sizeof(noise))
				memcpy(place + at, &noise, sizeof(noise));
			memset(place, 0x7f, noise % size);
		}
	}
}

static void noise_neither_ends_nor_holds_up_the_parent(void **state)
{
	const uint64_t span = 5 * PX_MILLISECOND;
	pid_t scribbler;

	(void)state;
	scribbler = start(scribble);
	alarm(HANGS);
	for (int i = 0; i < 200; i++) {
		const uint32_t seen = px_doorbell_seen(bell);
		const uint64_t began = px_now();

		px_doorbell_announce(&player[0]->asleep, seen);
		sleep_on_bell(bell, seen, px_deadline(began, span));
		/* 1 s for a machine that has other things to do. */
		pxt_check(px_now() - began < span + PX_SECOND);
		for (int k = 0; k < 1000; k++)
			px_doorbell_wake(&player[1]->bell);
	}
	alarm(0);
	end(scribbler, SIGKILL);
	play_both(1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bell_test(a_bell_wakes_who_slept_on_the_value_it_left),
		bell_test(a_sleep_watches_other_words_too),
		bell_test(old_rings_do_not_wake),
		bell_test(no_ring_is_lost_between_processes),
		bell_test(whoever_is_killed_asleep_or_ringing_spoils_nothing),
		bell_test(noise_neither_ends_nor_holds_up_the_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
